"""What is said of a pose that is not as it was stated, and what is left out where nothing was found."""

import numpy as np
import pytest
from PIL import Image

from gallery import Localizer
from gallery.ground.picture import GroundImage
from gallery.ground.sheets import make_ground
from gallery.photo.belief import Belief
from gallery.photo.correction import PoseCorrection
from gallery.photo.pose import FILM_DIAGONAL_MM
from gallery.search.doubt import PoseReport, disagreements, doubts_of
from gallery.search.options import SearchOptions
from gallery.track.track import Frame, sightings, track
from tests.helpers.builders import FakeEmbedder, FakePhoto, FakePose, build_region
from tests.helpers.ground_views import terrain, view

QUICK = SearchOptions(rotations=4)  # guesses no poses
SIDE = 500
HEIGHT_M = 0.4 * np.hypot(340, 260) * 24 / FILM_DIAGONAL_MM
HEADING, HEIGHT = Belief("heading", 240.0, "the gimbal"), Belief("height", 80.0, "RelativeAltitude")
LENS = Belief("lens", 24.0, "you")


class FromAbove(FakeEmbedder):
    """Photos are brought to the ground plane before they are checked, at the scale that they state."""

    from_above = True


@pytest.fixture(scope="module")
def localizer(tmp_path_factory) -> Localizer:
    grey = terrain(SIDE, 7)
    gallery = build_region(tmp_path_factory.mktemp("doubt"), FakeEmbedder(), np.stack([grey] * 3))
    make_ground(gallery)
    return Localizer(gallery, FromAbove())


def photo_of(pose: FakePose | None, heading_deg: float = 30.0, seed: int = 7) -> FakePhoto:
    grey = terrain(SIDE, seed)
    ground = GroundImage(grey, np.ones(grey.shape, bool), 1.0, 0.0, 0.0)
    picture = view(ground, (230, -260), heading_deg, 0.4, (340, 260))
    return FakePhoto(Image.fromarray(picture).convert("RGB"), "photo.jpg", pose=pose)


def test_a_pose_as_it_was_believed_is_not_told():
    assert disagreements([HEADING, HEIGHT, LENS], 250, 85 / 24) == []


def test_a_pose_that_is_otherwise_is_told_with_who_said_it():
    assert disagreements([HEADING], 60) == [
        "The photo is turned by 180 degrees against what the file states (heading 240 degrees, from the gimbal)."
    ]
    assert "turned by 45 degrees against what you set" in disagreements([Belief("heading", 0, "you")], 45)[0]
    assert disagreements([HEIGHT, LENS], 0, 160 / 24) == [
        "The photo shows 2 times as much ground as its height and lens say (height 80 m, from RelativeAltitude; lens "
        "24 mm, set by you)."
    ]


def test_what_was_set_by_hand_is_not_doubted():
    assert doubts_of([HEADING, HEIGHT], SearchOptions()) == ["heading", "height"]
    assert doubts_of([Belief("heading", 1, "you"), HEIGHT], SearchOptions()) == ["height"]
    assert doubts_of([HEADING], SearchOptions(verify=False)) == []


def test_a_report_is_a_sentence_and_json():
    report = PoseReport((HEADING, HEIGHT), ("heading", "height"))
    assert report.sentence == (
        "Believed of the camera: heading 240 degrees, from the gimbal; height 80 m, from RelativeAltitude. Without its "
        "heading, nor without its height, no place was found either."
    )
    assert report.to_dict() == {
        "believed": [
            {"quantity": "heading", "value": 240.0, "from": "the gimbal"},
            {"quantity": "height", "value": 80.0, "from": "RelativeAltitude"},
        ],
        "tried_without": ["heading", "height"],
        "found_without": None,
    }


def test_a_place_that_a_wrong_height_hid_is_found_without_what_is_stated(localizer):
    answer = localizer.localize(photo_of(FakePose(30, -90, 2.6 * HEIGHT_M, 24)), options=QUICK)
    assert answer.verdict == "located" and answer.pose.found_without in ("heading", "height")
    assert answer.pose.found_without == answer.pose.tried_without[-1] and answer.timings["again"] > 0
    assert answer.notes[0] == f"The place was found without the {answer.pose.found_without} that the file states."
    assert abs(answer.fit.heading_deg - 30) < 2


def test_a_photo_of_elsewhere_says_what_was_believed_and_tried(localizer):
    answer = localizer.localize(photo_of(FakePose(30, -90, HEIGHT_M, 24), seed=99), options=QUICK)
    assert answer.verdict == "unsure" and answer.pose.tried_without == ("heading", "height")
    assert answer.notes[0].startswith("Believed of the camera: heading 30 degrees; pitch -90 degrees; height")
    assert answer.to_dict()["pose"]["found_without"] is None


def test_a_photo_that_states_nothing_has_nothing_to_doubt(localizer):
    answer = localizer.localize(photo_of(None, seed=99), options=SearchOptions(1, verify=False))
    assert answer.pose is None and answer.to_dict()["pose"] is None and "again" not in answer.timings


def test_a_heading_that_is_corrected_by_hand_counts(localizer):
    wrong = photo_of(FakePose(150, -90, HEIGHT_M, 24))
    answer = localizer.localize(wrong, options=SearchOptions(correction=PoseCorrection(heading_deg=30)))
    assert answer.verdict == "located" and not any("against" in note for note in answer.notes)
    assert answer.pose.believed[0].words == "heading 30 degrees, set by you"


def test_a_photo_of_a_flight_that_states_its_height_wrong_is_found_and_the_track_says_so(localizer):
    poses = [FakePose(30, -90, factor * HEIGHT_M, 24) for factor in (2.6, 1)]
    frames = [Frame(f"{number}.jpg", photo_of(pose)) for number, pose in enumerate(poses)]
    first, second = list(sightings(localizer, frames, options=QUICK))
    assert first.found_without in ("heading", "height") and first.alone is not None and not second.found_without
    told = f"1 of 2 photos were found only without the {first.found_without} that they state."
    assert told in track(localizer, [first, second]).notes
