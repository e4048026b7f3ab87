"""A gallery with its ground answers better, says what is wrong with a pose, and keeps the embedding's answer."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gallery import Gallery, Localizer
from gallery.build.options import BuildOptions
from gallery.geo import distance_m, moved
from gallery.ground.picture import GroundImage
from gallery.ground.sheets import GROUND, make_ground
from gallery.photo.pose import FILM_DIAGONAL_MM
from gallery.search.answer import Answer
from gallery.search.options import SearchOptions
from tests.helpers.builders import FakeEmbedder, FakePhoto, FakePose, FakePosition, build_region
from tests.helpers.ground_views import terrain, view

SIDE = 500
HEIGHT_M = 0.4 * np.hypot(340, 260) * 24 / FILM_DIAGONAL_MM


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    grey = terrain(SIDE, 7)
    gallery = build_region(tmp_path_factory.mktemp("registering"), FakeEmbedder(), np.stack([grey] * 3))
    make_ground(gallery)
    return gallery


@pytest.fixture(scope="module")
def localizer(gallery: Gallery) -> Localizer:
    return Localizer(gallery, FakeEmbedder())


def photo_of(pose: FakePose | None, heading_deg: float = 0.0, size_px: tuple[int, int] = (340, 260)) -> FakePhoto:
    grey = terrain(SIDE, 7)
    ground = GroundImage(grey, np.ones(grey.shape, bool), 1.0, 0.0, 0.0)
    picture = view(ground, (230, -260), heading_deg, 0.4, size_px)
    return FakePhoto(Image.fromarray(picture).convert("RGB"), "photo.jpg", pose=pose)


def tiles_of(answer: Answer) -> list[str]:
    return [match.tile.id for match in answer.matches]


def test_a_photo_with_a_pose_is_located(localizer):
    answer = localizer.localize(photo_of(FakePose(30, -90, HEIGHT_M, 24), 30))
    assert (
        answer.verdict == "located"
        and "register" in answer.timings
        and answer.matches[0].tile.contains(answer.fit.point)
    )


def test_of_two_lenses_that_a_photo_states_the_one_that_fits_is_found_and_said(localizer):
    answer = localizer.localize(photo_of(FakePose(30, -90, HEIGHT_M, 60, None, (24.0,)), 30))
    assert answer.verdict == "located" and answer.ground.pose.focal_35mm == 24
    assert any("fits with 24 mm, not with 60 mm" in note for note in answer.notes)
    first = localizer.localize(photo_of(FakePose(30, -90, HEIGHT_M, 24, None, (60.0,)), 30))
    assert first.ground.pose.focal_35mm == 24 and not any("disagree" in note for note in first.notes)
    absurd = localizer.localize(photo_of(FakePose(30, -90, HEIGHT_M, 2000, None, (24.0,)), 30))
    assert absurd.verdict == "located", "a lens that no drone has is no reason not to try the other"


def test_a_heading_that_points_the_other_way_is_said(localizer):
    answer = localizer.localize(photo_of(FakePose(210, -90, HEIGHT_M, 24), 30))
    assert answer.verdict == "located" and any("turned by 180 degrees" in note for note in answer.notes)


@pytest.mark.parametrize(
    ("pose", "named"),
    [
        (FakePose(0, -90, 0, 24), "height of 0 m"),
        (FakePose(0, -90, -50, 24), "height of -50 m"),
        (FakePose(0, -90, 10_000, 24), "height of 10000 m"),
        (FakePose(0, -90, 80, 1), "focal length of 1 mm"),
        (FakePose(0, 0, 80, 24), "pitch of 0 degrees"),
    ],
)
def test_a_pose_that_cannot_be_is_one_sentence_and_the_tiles_stay(gallery, localizer, pose, named, tmp_path):
    answer = localizer.localize(photo_of(pose))
    assert len([note for note in answer.notes if named in note]) == 1
    bare = Localizer(without_ground(gallery, tmp_path), FakeEmbedder()).localize(photo_of(pose))
    assert tiles_of(answer) == tiles_of(bare) and answer.verdict == bare.verdict


def without_ground(gallery: Gallery, folder: Path) -> Gallery:
    shutil.copytree(gallery.folder.parent, folder / "bare", ignore=shutil.ignore_patterns(GROUND))
    return Gallery.open(folder / "bare" / gallery.folder.name)


@pytest.mark.parametrize("pose", [None, FakePose(0, -90, HEIGHT_M, 24)])
def test_a_photo_of_100_px_is_answered(localizer, pose):
    answer = localizer.localize(photo_of(pose, size_px=(100, 100)))
    assert answer.matches


def test_flat_sea_is_answered(tmp_path):
    sea = np.full((3, 220, 260), 90, np.uint8)
    gallery = build_region(tmp_path, FakeEmbedder(), sea, options=BuildOptions(keep_featureless=True))
    make_ground(gallery)
    localizer = Localizer(gallery, FakeEmbedder())
    for photo in (
        photo_of(None),
        photo_of(FakePose(0, -90, HEIGHT_M, 24)),
        FakePhoto(Image.new("RGB", (300, 200)), "x"),
    ):
        answer = localizer.localize(photo)
        assert answer.matches and answer.verdict == "unsure"


def test_damaged_ground_leaves_the_tiles(gallery, tmp_path, caplog):
    shutil.copytree(gallery.folder.parent, tmp_path / "copy")
    own = Gallery.open(tmp_path / "copy" / gallery.folder.name)
    (own.folder / GROUND / "grey.npy").write_bytes(b"")
    answer = Localizer(own, FakeEmbedder()).localize(photo_of(FakePose(0, -90, HEIGHT_M, 24)))
    assert answer.matches and "register" not in answer.timings
    assert len([line for line in caplog.messages if "python -m gallery ground" in line]) == 1


def test_the_position_in_exif_counts_only_where_it_is_asked_for_and_is_said(gallery, localizer):
    there = localizer.localize(photo_of(FakePose(30, -90, HEIGHT_M, 24), 30))
    for off_m in (20, 5000):
        said = moved(there.fit.point, off_m, 0)
        photo = replace(photo_of(FakePose(30, -90, HEIGHT_M, 24), 30), position=FakePosition(said.lon, said.lat))
        plain = localizer.localize(photo)
        hinted = localizer.localize(photo, options=SearchOptions(use_exif_position=True))
        assert not any("hint" in note for note in plain.notes) and plain.confidence == there.confidence
        [note] = [note for note in hinted.notes if "weak hint" in note]
        assert f"{off_m:,} m from the place found" in note
        assert hinted.verdict == "located" and distance_m(hinted.fit.point, there.fit.point) < 1


def test_a_hint_that_cannot_count_is_one_sentence(gallery, localizer, tmp_path):
    asked = SearchOptions(use_exif_position=True)
    answer = localizer.localize(photo_of(FakePose(30, -90, HEIGHT_M, 24), 30), options=asked)
    assert len([note for note in answer.notes if "states no position" in note]) == 1
    at = gallery.tile(0).centre
    photo = replace(photo_of(None), position=FakePosition(at.lon, at.lat))
    bare = Localizer(without_ground(gallery, tmp_path), FakeEmbedder()).localize(photo, options=asked)
    assert len([note for note in bare.notes if "did not count" in note]) == 1
