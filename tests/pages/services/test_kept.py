"""Answers that are kept to be shown again."""

import pytest
from PIL import Image

from gallery.errors import Interrupted
from pages.services.kept import AnswerStore, Packed
from pages.services.question import PhotoQuestion
from tests.helpers.bad_files import gps_exif
from tests.helpers.small_world import bad_files, service_of


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    made = service_of(tmp_path_factory.mktemp("kept"))
    made.engine.start()
    assert made.engine.settle(60)
    return made


def test_a_packed_picture_is_small_and_says_nothing_of_its_place(tmp_path):
    Image.new("RGB", (400, 200), "red").save(tmp_path / "a.jpg", exif=gps_exif(1.0, 2.0))
    with Image.open(tmp_path / "a.jpg") as image:
        packed = Packed.of(image, 100)
    assert packed.open().size == (100, 50) and b"Exif" not in packed.jpeg
    assert not packed.open().getexif()


def test_an_answer_is_drawn_again_as_it_was(service):
    question = PhotoQuestion(k=3, where="exif", radius_km=0.2)
    shown = service.ask(service.examples[0], question)
    fresh = service.store.get(shown.stored_as)
    again = service.view(fresh, shown.stored_as)
    assert again.answer.to_dict() == shown.answer.to_dict() and again.question == question
    assert again.map_page.count("L.circle(") == shown.map_page.count("L.circle(")
    assert len(again.pictures) == 3 and again.source == service.examples[0]


def test_each_of_several_photos_has_a_name_of_its_own(service):
    files = [service.examples[0], bad_files()["text"].path, service.examples[1]]
    shown = service.ask_many(files, PhotoQuestion(k=2))
    names = [f"{shown.stored_as}.{number}" for number in (1, 2)]
    assert [service.store.get(name).answer.photo for name in names] == ["photo_1.jpg", "photo_2.jpg"]
    for nothing in (f"{shown.stored_as}.0", f"{shown.stored_as}.3", f"{shown.stored_as}.x", "x.1", "", "é.²"):
        assert service.store.get(nothing) is None
    again = service.view_many(service.store.get_set(shown.stored_as), shown.stored_as)
    assert again.results == shown.results and again.asked == 3
    assert service.store.get(shown.stored_as) is None, "the name of all is no photo's"


def test_stop_keeps_what_was_answered(service):
    seen: list[tuple[int, int]] = []
    shown = service.ask_many(
        service.examples, PhotoQuestion(k=1), lambda *step: seen.append(step), lambda: len(seen) == 3
    )
    assert [result.photo for result in shown.results] == ["photo_1.jpg", "photo_2.jpg"]
    assert shown.asked == 4 and seen[0] == (0, 4)
    with pytest.raises(Interrupted):
        service.ask_many(service.examples, PhotoQuestion(k=1), None, lambda: True)
    with pytest.raises(Interrupted):
        service.ask(service.examples[0], PhotoQuestion(k=1), stopped=lambda: True)


def test_names_cannot_be_guessed():
    store = AnswerStore()
    assert store.get("1") is None and store.get_set("") is None
