"""The service: a photo becomes an answer with pictures and a map; areas, several photos, what cannot be asked."""

import pytest
from PIL import Image

from gallery.errors import AreaError
from gallery.photo.correction import PoseCorrection
from mean_model import PhotoError
from pages.common.answer_map import distance_to_photo_m
from pages.errors import BadQuestion
from pages.services.engine import Engine
from pages.services.locate import MOST_PHOTOS, NOT_COUNTED, LocateService
from pages.services.question import PhotoQuestion, area_of
from tests.helpers.bad_files import gps_exif
from tests.helpers.small_world import bad_files, imagery, service_of, write_photo


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    made = service_of(tmp_path_factory.mktemp("locate"))
    made.engine.start()
    assert made.engine.settle(60)
    return made


def test_a_photo_of_the_gallery_is_found_and_drawn(service):
    shown = service.ask(service.examples[0], PhotoQuestion(k=7))
    answer = shown.answer
    assert len(answer.matches) == len(shown.pictures) == 7
    assert answer.exif is not None and answer.exif.error_m < 20
    assert set(answer.timings) == {"read", "embed", "search", "verify", "draw"}
    assert shown.seen.size == (64, 64)
    assert shown.map_page.count("L.divIcon(") == 8, "seven matches and the photo itself"
    assert shown.map_page.count("L.polyline(") == 1
    assert all(not picture.getexif() for picture in [shown.seen, *shown.pictures])
    assert (shown.overlay is None) == (answer.fit is None)


def test_the_first_example_is_answered_before_anybody_asks(service):
    assert service.first is not None and service.first.answer.photo == service.examples[0].name
    assert service.ground is not None


def test_an_example_that_cannot_be_read_is_left_out(service):
    examples = LocateService(Engine(lambda: None), [bad_files()["text"].path, *service.examples]).examples
    assert examples == service.examples


def test_a_photo_without_position_has_no_line(service):
    shown = service.ask(service.examples[3], PhotoQuestion())
    assert shown.answer.exif is None
    assert "L.polyline(" not in shown.map_page
    assert distance_to_photo_m(shown.answer, shown.answer.matches[0]) is None


def test_notes_are_said_once(service):
    cmyk = bad_files()["cmyk"]
    notes = service.ask(cmyk.path, PhotoQuestion()).answer.notes
    assert len(set(notes)) == len(notes) and any("CMYK" in note for note in notes)


def test_an_area_limits_the_answer_and_is_drawn(service):
    found = service.ask(service.examples[0], PhotoQuestion(where="exif", radius_km=0.1))
    everywhere = service.ask(service.examples[0], PhotoQuestion())
    assert "L.circle(" in found.map_page
    reach_m = max(distance_to_photo_m(found.answer, match) for match in found.answer.matches)
    assert reach_m < 100 + 71 <= max(distance_to_photo_m(everywhere.answer, m) for m in everywhere.answer.matches)


def test_the_exif_area_without_exif_says_so(service):
    near, notes = area_of(PhotoQuestion(where="exif"), None)
    assert near is None and "whole gallery" in notes[0]
    assert notes[0] in service.ask(service.examples[3], PhotoQuestion(where="exif")).answer.notes


def test_an_area_far_away_gives_a_note_and_no_match(service):
    shown = service.ask(service.examples[0], PhotoQuestion(where="point", lon=50, lat=50))
    assert shown.answer.matches == () and shown.answer.notes


def test_a_photo_from_elsewhere_is_warned_about(service):
    photo = write_photo(service.examples[0].parent / "far.jpg", imagery(200), 50, 50)
    with Image.open(photo) as image:
        image.load()
    image.save(photo, exif=gps_exif(20.0, 20.0))
    assert any("outside this gallery" in note for note in service.ask(photo, PhotoQuestion()).answer.notes)
    photo.unlink()


@pytest.mark.parametrize(
    ("question", "error", "words"),
    [
        (PhotoQuestion(where="point"), BadQuestion, "longitude and latitude"),
        (PhotoQuestion(where="point", lon=200, lat=0), AreaError, "-180"),
        (PhotoQuestion(where="point", lon=0, lat=0, radius_km=-1), AreaError, "radius"),
        (PhotoQuestion(where="point", lon=float("nan"), lat=0), AreaError, "-180"),
        (PhotoQuestion(k=0), BadQuestion, "k is 0"),
        (PhotoQuestion(k=10_000), BadQuestion, "1000"),
    ],
)
def test_questions_that_cannot_be_asked(service, question, error, words):
    with pytest.raises(error, match=words):
        service.ask(service.examples[0], question)


def test_bad_files_raise_their_sentence(service):
    for bad in bad_files().values():
        if bad.expected == "refused":
            with pytest.raises(PhotoError) as caught:
                service.ask(bad.path, PhotoQuestion())
            assert all(word.lower() in str(caught.value).lower() for word in bad.words)
        else:
            notes = " ".join(service.ask(bad.path, PhotoQuestion()).answer.notes).lower()
            assert all(word.lower() in notes for word in bad.words)


def test_several_photos_one_of_them_bad(service):
    bad = bad_files()["text"].path
    seen = []
    shown = service.ask_many(
        [service.examples[0], bad, service.examples[3]], PhotoQuestion(k=2), lambda *step: seen.append(step)
    )
    assert [result.photo for result in shown.results] == ["photo_1.jpg", "text.jpg", "photo_4.jpg"]
    assert [answer.photo for answer in shown.placed] == ["photo_1.jpg", "photo_4.jpg"]
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert shown.pictures[1] is None
    assert shown.map_page.count("rank best") == 2


def test_several_photos_have_their_limits(service):
    with pytest.raises(BadQuestion, match=str(MOST_PHOTOS)):
        service.ask_many(["x"] * (MOST_PHOTOS + 1), PhotoQuestion())
    with pytest.raises(BadQuestion, match="one photo"):
        service.ask_many([], PhotoQuestion())
    with pytest.raises(BadQuestion, match="several positions"):
        service.ask_many([service.examples[0]], PhotoQuestion(where="exif"))


def test_locate_is_ask_without_the_drawing(service):
    located, shown = (
        service.locate(service.examples[1], PhotoQuestion()),
        service.ask(service.examples[1], PhotoQuestion()),
    )
    assert located.to_dict() == shown.answer.to_dict()
    assert "draw" not in located.timings


def test_what_is_set_of_the_camera_counts_by_the_stated_pose_only(service):
    correction = PoseCorrection(heading_deg=45)
    shown = service.ask(service.examples[0], PhotoQuestion(correction=correction))
    assert [each.words for each in shown.answer.pose.believed] == ["heading 45 degrees, set by you"]
    assert shown.stated == (), "the file itself states nothing"
    assert (
        NOT_COUNTED in service.ask(service.examples[0], PhotoQuestion(turn="none", correction=correction)).answer.notes
    )


def test_the_first_map_shows_where_the_gallery_is(service):
    with_ground = service.first_map()
    assert "L.imageOverlay(" in with_ground


def test_the_photos_own_position_counts_only_where_the_visitor_allows_it():
    assert not PhotoQuestion().options.use_exif_position
    options = PhotoQuestion(turn="guessed", use_exif=True).options
    assert options.use_exif_position and not options.north_up


def test_an_example_is_answered_once_for_all_visitors_and_other_photos_anew(service, monkeypatch):
    asked, localizer = [], service.engine.wait()
    plain = localizer.localize
    monkeypatch.setattr(localizer, "localize", lambda *given, **more: asked.append(1) or plain(*given, **more))
    question = PhotoQuestion(k=4)
    first, second = (service.ask(service.examples[1], question) for _ in range(2))
    assert len(asked) == 1 and second.answer == first.answer and second.map_page == first.map_page
    assert second.stored_as != first.stored_as, "each visitor's answer is shown under a name of its own"
    assert service.store.get(first.stored_as) is service.store.get(second.stored_as) is not None
    assert service.locate(service.examples[1], question) == service.locate(service.examples[1], question)
    assert len(asked) == 2
    service.ask(service.examples[1], PhotoQuestion(k=3))
    assert len(asked) == 3
    for _ in range(2):
        service.ask(bad_files()["cmyk"].path, question)
    assert len(asked) == 5
