"""What is remembered: results of examples, each made once, and nothing of other photos."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pages.services.remembered import KnownPhotos, Remembered


def test_an_example_is_known_by_its_bytes_under_any_path(make_photos, tmp_path):
    folder = make_photos(3)
    known = KnownPhotos([folder / "0.jpg", folder / "1.jpg", folder / "gone.jpg"])
    copy = tmp_path / "0.jpg"
    shutil.copy(folder / "0.jpg", copy)
    assert known.name_of(str(copy)) == known.name_of(folder / "0.jpg") != known.name_of(folder / "1.jpg")
    assert known.name_of(folder / "0.jpg")[0] == "0.jpg"
    assert known.name_of(folder / "2.jpg") is None
    assert known.name_of(folder / "absent.jpg") is None and known.name_of(b"bytes") is None
    altered = bytearray(copy.read_bytes())
    altered[-10] ^= 1
    copy.write_bytes(altered)
    assert known.name_of(copy) is None, "of the same size, but another photo"


def test_many_who_ask_at_once_get_what_is_made_once():
    remembered: Remembered[int] = Remembered()
    made, all_wait = [], threading.Event()

    def make():
        assert all_wait.wait(10)
        made.append(1)
        return 7

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(remembered.get, "key", make) for _ in range(8)]
        all_wait.set()
        assert [answer.result(10) for answer in answers] == [7] * 8
    assert made == [1]


def test_a_failure_is_told_and_not_kept():
    remembered: Remembered[int] = Remembered()

    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        remembered.get("key", fail)
    assert remembered.get("key", lambda: 3) == 3


def test_what_was_asked_for_longest_ago_goes_first():
    remembered: Remembered[int] = Remembered(most=2)
    made = []

    def ask(key: str) -> None:
        remembered.get(key, lambda: made.append(key) or len(made))

    for key in "ababcac":
        ask(key)
    assert made == ["a", "b", "c", "a"]
