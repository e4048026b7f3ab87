"""Random damage of each file of a gallery, its ground and a report: all of it is told when they are opened."""

import json
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from gallery import Gallery, Localizer, build_gallery
from gallery.build.remove import remove_tiles
from gallery.errors import DamagedGallery, GalleryError
from gallery.geo import Bounds
from gallery.ground.sheets import GROUND, damaged_files, make_ground, open_ground
from gallery.report.report import QueryRow, read_report, write_report
from gallery.store import checksums
from gallery.store.check import check_gallery
from gallery.store.checksums import SEAL, FileCheck, checksums_of, raster_changes, raster_facts
from gallery.store.manifest import FILES
from tests.helpers.builders import FakeEmbedder, textured, write_raster
from tests.helpers.old_gallery import as_format_1

TIMES = 120
"""Damages of each file, as many as were tried when some went unseen."""


def damages(content: bytes, times: int = TIMES) -> Iterator[bytes]:
    """A file's content changed at random: bits, bytes, runs of zeros, lost and doubled parts."""
    chance = random.Random(7)
    while times:
        at = chance.randrange(len(content))
        length = chance.choice((1, 16, 4096))
        changed = chance.choice(
            (
                content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :],
                content[:at] + chance.randbytes(length) + content[at + length :],
                content[:at] + bytes(length) + content[at + length :],
                content[:at],
                content[:at] + content[at + length :],
                content[:at] + content[at : at + length] * 2 + content[at + length :],
            )
        )
        if changed != content:
            times -= 1
            yield changed


def untold(file: Path, opened: Callable[[], object]) -> int:
    """How many damages of a file are not told. The file is as it was in the end."""
    content, silent = file.read_bytes(), 0
    for changed in damages(content):
        file.write_bytes(changed)
        try:
            opened()
            silent += not _says_the_same(changed, content)
        except GalleryError:
            pass
    file.write_bytes(content)
    opened()
    return silent


def _says_the_same(changed: bytes, content: bytes) -> bool:
    """Whether two documents of JSON hold the same but for the seal, as after a blank that became another."""
    try:
        one, other = json.loads(changed), json.loads(content)
    except ValueError:
        return False
    return all(one.get(name) == value for name, value in other.items() if name != SEAL)


@pytest.fixture(scope="module")
def standing(tmp_path_factory) -> Path:
    """A gallery with its ground."""
    folder = tmp_path_factory.mktemp("damaged")
    raster = write_raster(folder / "r.tif", pixels=textured(300, 300, seed=3))
    make_ground(build_gallery(raster, folder / "g", FakeEmbedder()))
    return folder / "g"


@pytest.mark.parametrize("name", FILES)
def test_every_damage_of_a_gallery_is_told_when_it_is_opened(standing, name):
    assert untold(standing / name, lambda: Gallery.open(standing)) == 0


def test_every_damage_of_its_ground_is_told_when_that_is_opened(standing):
    gallery = Gallery.open(standing)
    for file in sorted((standing / GROUND).iterdir()):
        assert untold(file, lambda: open_ground(gallery)) == 0, file.name
    assert damaged_files(gallery) == []


def test_every_damage_of_a_report_is_told_when_it_is_read(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float16)
    rows = [
        QueryRow(f"q{at}", f"{at}.jpg", ["a", "b"], [0.9, 0.8], place="town", thumbnail=b"x" * 99, vector=vector)
        for at, vector in enumerate(vectors)
    ]
    write_report(tmp_path / "report.parquet", rows, {"recall": 0.5})
    file = tmp_path / "report.parquet"
    assert untold(file, lambda: read_report(file)) == 0
    read = read_report(file)
    file.write_bytes(file.read_bytes().replace(b"x" * 99, b"x" * 98 + b"y"))
    with pytest.raises(GalleryError, match="not as it was written"):
        read.vectors()


def test_what_was_written_before_is_still_read(standing, tmp_path):
    old = Gallery.open(as_format_1(standing, tmp_path / "old"))
    assert len(old) and old.precision is None
    assert untold(old.folder / "vectors.npy", lambda: Gallery.open(old.folder)) == 0, "by its SHA-256"


@pytest.fixture
def large(tmp_path, monkeypatch) -> Path:
    """A file of many blocks."""
    monkeypatch.setattr(checksums, "BLOCK_BYTES", 64)
    (tmp_path / "large.bin").write_bytes(random.Random(1).randbytes(64 * 1000 + 5))
    return tmp_path / "large.bin"


def test_of_a_large_file_both_ends_and_parts_between_are_compared_at_once_and_the_rest_beside(large):
    facts, content = {large.name: checksums_of(large)}, large.read_bytes()
    assert len(facts[large.name]["crc32"]) == 1001
    told_at_once = 0
    for at in (0, 10_000, 32_000, 64_004, *range(500, 60_000, 2003)):
        large.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        check = FileCheck(large.parent, facts, "{name} is damaged.")
        try:
            check.at_open(64 * 250)
        except DamagedGallery:
            told_at_once += 1
            continue
        with pytest.raises(DamagedGallery, match=r"large\.bin is damaged"):
            check.require_sound()
            assert check.wait(20)
            check.require_sound()
    assert 2 < told_at_once < 25, "a quarter of the blocks, spread over the file"
    large.write_bytes(content)
    check = FileCheck(large.parent, facts, "{name} is damaged.")
    check.at_open(64 * 250)
    check.require_sound()
    assert check.wait(20) and not any(thread.name == "gallery-check" for thread in threading.enumerate())


def test_a_gallery_that_is_found_damaged_later_answers_no_more(standing, tmp_path, monkeypatch):
    shutil.copytree(standing, tmp_path / "g")
    shutil.copy(standing.parent / "r.tif", tmp_path / "r.tif")
    monkeypatch.setattr(FileCheck, "at_open", lambda check: None)
    gallery = Gallery.open(tmp_path / "g")
    localizer = Localizer(gallery, FakeEmbedder())
    file = gallery.folder / "vectors.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedGallery, match=r"vectors\.npy of the gallery g is damaged"):
        localizer.localize(gallery.image(gallery.tile(0)))


def test_check_finds_rasters_that_were_cut_short_or_replaced(tmp_path):
    sheets = [
        write_raster(tmp_path / f"{at}.tif", "EPSG:32633", (500_000 + at * 200, 5_000_000), pixels=textured(200, 200))
        for at in range(2)
    ]  # one mosaic
    alone = write_raster(tmp_path / "far.tif", "EPSG:32633", (510_000, 5_000_000), pixels=textured(200, 200, seed=1))
    gallery = build_gallery([*sheets, alone], tmp_path / "g", FakeEmbedder())
    noted = gallery.manifest["imagery"]
    assert {Path(name).name for name in noted} >= {"0.tif", "1.tif", "far.tif"}

    def found() -> list[str]:
        return [each.message for each in check_gallery(Gallery.open(gallery.folder)) if each.kind == "source"]

    assert found() == []
    for file in (sheets[1], alone):
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        assert any(f"{file.name} was cut short" in message for message in found())
        file.write_bytes(content[:-100] + bytes(100))
        assert found() == [f"{file.name} was changed: it has not the bytes that the tiles were cut from"]
        file.write_bytes(content)
        assert found() == []
    kept = remove_tiles(gallery.folder, area=Bounds(*gallery.tile(0).footprint.bounds))
    assert kept.manifest["imagery"] == noted, "what is known of them is not asked again"


def test_parts_of_a_large_raster_are_compared(tmp_path):
    raster = tmp_path / "large.tif"
    raster.write_bytes(random.Random(2).randbytes(5_000_000))
    noted = raster_facts(raster)
    assert list(raster_changes(raster, noted)) == []
    raster.touch()
    ((damage, sentence),) = raster_changes(raster, noted)
    assert not damage and "written or copied since" in sentence
    with raster.open("rb+") as file:
        file.seek(2_500_000)
        file.write(bytes(400_000))  # as an edit in place leaves it
    ((damage, sentence),) = raster_changes(raster, noted)
    assert damage and "was changed" in sentence
