"""The catalog of galleries: keys, what a visitor may choose, own galleries that go again."""

import time
from pathlib import Path

import pytest

from pages.errors import BadQuestion
from pages.gallery_picker import Remembered
from pages.services.catalog import CatalogEntry, GalleryCatalog, keys_of
from pages.services.engine import Engine
from pages.services.flight import FlightService
from pages.services.locate import LocateService


def entry(key, temp_folder=None):
    service = LocateService(Engine(lambda: None))
    return CatalogEntry(key, key, Path("x"), service, FlightService(service), temp_folder)


def test_keys_are_the_folders_names_once_each():
    folders = [Path("a/world"), Path("b/world"), Path("world-2"), Path("c/world"), Path("/")]
    assert keys_of(folders) == ["world", "world-2", "world-2-2", "world-3", "gallery"]


def test_whatever_a_browser_says_there_is_a_gallery():
    catalog = GalleryCatalog([entry("a"), entry("b")])
    assert catalog.get("b").key == "b"
    for odd in ("", "c", None, 7, ["b"], {"key": "b"}):
        assert catalog.get(odd).key == "a"
    assert catalog.named(None).key == catalog.named("").key == "a"
    with pytest.raises(BadQuestion, match="a, b"):
        catalog.named("c")


def test_an_own_gallery_is_seen_by_who_knows_its_key_and_goes_with_its_folder(tmp_path):
    catalog = GalleryCatalog([entry("a")])
    folder = tmp_path / "mine"
    (folder / "deep").mkdir(parents=True)
    catalog.put(entry("secret", folder), 3600)
    assert [each.key for each in catalog.choices_for([])] == ["a"]
    assert [each.key for each in catalog.choices_for(["secret", "a", "nobody", 3, "secret"])] == ["a", "secret"]
    with pytest.raises(BadQuestion) as refused:
        catalog.named("x")
    assert catalog.own_count == 1 and "secret" not in str(refused.value)
    catalog.drop("a")
    catalog.drop("nobody")
    assert catalog.get("a").key == "a"
    catalog.drop("secret")
    assert not folder.exists() and catalog.get("secret").key == "a"


def test_an_own_gallery_goes_by_itself(tmp_path):
    catalog = GalleryCatalog([entry("a")])
    (tmp_path / "mine").mkdir()
    catalog.put(entry("secret", tmp_path / "mine"), 0.05)
    begun = time.monotonic()
    while (tmp_path / "mine").exists() and time.monotonic() - begun < 10:
        time.sleep(0.02)
    assert not (tmp_path / "mine").exists() and catalog.own_count == 0


@pytest.mark.parametrize("odd", [None, 3, "x", [], {}, {"chosen": 4, "own": "abc"}, {"own": [1, None, {}]}])
def test_what_a_browser_remembers_may_be_anything(odd):
    assert Remembered.read(odd) == Remembered()


def test_what_a_browser_remembers_comes_back():
    remembered = Remembered("b", ("x", "y"))
    assert Remembered.read(remembered.to_dict()) == remembered
