"""The ground of a gallery on disk: where it lies, when it is refused, and what is left when making it is stopped."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from affine import Affine
from PIL import Image

from gallery import Gallery, build_gallery
from gallery.build.options import BuildOptions
from gallery.errors import DamagedGallery, GalleryError
from gallery.geo import destination, offsets_m
from gallery.ground.sheets import (
    GROUND,
    NOTES,
    PICTURE_M_PER_PX,
    Ground,
    damaged_files,
    ground_km2,
    make_ground,
    open_ground,
)
from gallery.store.checksums import sealed
from gallery.tiles import Tile
from tests.helpers.builders import FakeEmbedder, FakePosition, build_region, digest, textured, write_raster

PIXELS = textured(220, 260, seed=9)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    gallery = build_region(tmp_path_factory.mktemp("ground"), FakeEmbedder(), PIXELS)
    make_ground(gallery)
    return gallery


@pytest.fixture
def own(made: Gallery, tmp_path: Path) -> Gallery:
    """A copy of the gallery that a test may damage."""
    shutil.copytree(made.folder.parent, tmp_path / "copy")
    return Gallery.open(tmp_path / "copy" / made.folder.name)


def off_m(gallery: Gallery, ground: Ground, tile: Tile) -> float:
    """How far the middle of a tile's picture lies from where the sheets show it, metres."""
    sheet = max(ground.sheets, key=lambda each: each.area_m2)
    sheet = min(ground.sheets, key=lambda each: np.hypot(*offsets_m(each.origin, tile.centre)), default=sheet)
    picture, scale = ground.picture(sheet), sheet.m_per_px
    corners = np.array([offsets_m(sheet.origin, corner) for corner in tile.corners])
    there = np.column_stack([corners[:, 0] - sheet.west_m, sheet.north_m - corners[:, 1]]) / scale
    image = np.asarray(gallery.image(tile, 256).convert("L"))
    height, width = image.shape
    ring = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    low = np.floor(there.min(axis=0)).astype(int)
    matrix = cv2.getPerspectiveTransform(ring, (there - low).astype(np.float32))
    size = tuple(np.ceil(there.max(axis=0) - low).astype(int).tolist())
    patch = cv2.warpPerspective(image, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    quarter = [slice(side // 4, side - side // 4) for side in patch.shape]
    scores = cv2.matchTemplate(picture.grey, patch[quarter[0], quarter[1]], cv2.TM_CCOEFF_NORMED)
    _, score, _, (column, row) = cv2.minMaxLoc(scores)
    assert score > 0.9
    expected = low + np.array([quarter[1].start, quarter[0].start])
    return float(np.hypot(column - expected[0], row - expected[1]) * scale)


def test_the_sheets_show_what_the_tiles_show(made):
    ground = open_ground(made)
    assert ground is not None and len(ground.sheets) == 1 and len(ground.keypoints) > 50
    assert ground.area_km2 == pytest.approx(ground_km2(made), rel=0.2)
    assert off_m(made, ground, made.tile(0)) < 1.5 and off_m(made, ground, made.tile(len(made) - 1)) < 1.5
    assert ground.sheets[0].m_per_px >= PICTURE_M_PER_PX


def test_a_turned_raster_lies_where_its_tiles_lie(tmp_path):
    turned = Affine.translation(500_000, 5_000_000) @ Affine.rotation(33) @ Affine.scale(1, -1)
    raster = write_raster(tmp_path / "turned.tif", "EPSG:32633", pixels=PIXELS, transform=turned)
    gallery = build_gallery(raster, tmp_path / "g", FakeEmbedder(), tile_size_m=80)
    ground = make_ground(gallery)
    assert not ground.picture(ground.sheets[0]).held.all()
    assert max(off_m(gallery, ground, gallery.tile(row)) for row in (0, len(gallery) // 2, len(gallery) - 1)) < 1.5


def test_a_raster_in_degrees_lies_where_its_tiles_lie(tmp_path):
    pixel = (1.4e-5, 0.9e-5)
    raster = write_raster(tmp_path / "degrees.tif", "EPSG:4326", (11.0, 48.0), pixel, PIXELS)
    gallery = build_gallery(raster, tmp_path / "g", FakeEmbedder(), tile_size_m=80)
    ground = make_ground(gallery)
    assert max(off_m(gallery, ground, gallery.tile(row)) for row in (0, len(gallery) // 2, len(gallery) - 1)) < 1.5


def test_images_of_a_folder_lie_where_their_tiles_lie(tmp_path, make_photos):
    folder = make_photos(3)
    positions = {f"{number}.jpg": FakePosition(11.0 + 0.01 * number, 48.0) for number in range(3)}
    gallery = build_gallery(folder, tmp_path / "g", FakeEmbedder(positions=positions), tile_size_m=60)
    ground = make_ground(gallery)
    assert len(ground.sheets) == 3 and all(sheet.assumed_m == pytest.approx(30, abs=0.5) for sheet in ground.sheets)
    assert max(off_m(gallery, ground, gallery.tile(row)) for row in range(3)) < 1.5


def test_ground_in_blocks_shows_what_one_block_shows(made, own, monkeypatch):
    monkeypatch.setattr("gallery.ground.sheets.SHEET_M", 160.0)
    monkeypatch.setattr("gallery.ground.sheets.SHARED_M", 40.0)
    ground = make_ground(own)
    assert len(ground.sheets) > 2
    assert max(off_m(own, ground, own.tile(row)) for row in range(0, len(own), 3)) < 1.5


def test_a_gallery_without_ground_has_none(own):
    shutil.rmtree(own.folder / GROUND)
    assert open_ground(own) is None and damaged_files(own) == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_notes_that_cannot_be_read_are_damage(own, content):
    (own.folder / GROUND / NOTES).write_bytes(content)
    with pytest.raises(DamagedGallery, match="python -m gallery ground"):
        open_ground(own)
    assert damaged_files(own) == [NOTES]


@pytest.mark.parametrize("name", ["grey.npy", "x_m.npy", "descriptors.npy"])
def test_files_that_are_cut_short_or_gone_are_damage(own, name):
    file = own.folder / GROUND / name
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DamagedGallery, match="cut short"):
        open_ground(own)
    file.unlink()
    with pytest.raises(DamagedGallery, match="damaged"):
        open_ground(own)


def test_a_changed_byte_is_found_by_the_checksum(own):
    file = own.folder / GROUND / "descriptors.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert damaged_files(own) == ["descriptors.npy"]
    with pytest.raises(DamagedGallery, match=r"descriptors\.npy of the ground"):
        open_ground(own)


@pytest.mark.parametrize("change", [{"format": 0}, {"format": 99}, {"of": "other tiles"}])
def test_ground_of_another_version_or_of_other_tiles_is_not_used(own, change):
    notes = own.folder / GROUND / NOTES
    notes.write_text(json.dumps(sealed({**json.loads(notes.read_text("utf-8")), **change})), "utf-8")
    assert open_ground(own) is None


def test_sheets_of_other_fields_are_damage(own):
    notes = own.folder / GROUND / NOTES
    content = json.loads(notes.read_text("utf-8"))
    content["sheets"][0]["more"] = 1
    notes.write_text(json.dumps(content), "utf-8")
    with pytest.raises(DamagedGallery):
        open_ground(own)


def test_two_makes_are_equal_to_the_byte(own):
    before = {file.name: digest(file) for file in (own.folder / GROUND).iterdir()}
    make_ground(own)
    assert before == {file.name: digest(file) for file in (own.folder / GROUND).iterdir()}


def test_a_make_that_is_stopped_leaves_the_old_ground_and_nothing_else(own):
    def stop(done: float, total: float) -> None:
        if done:
            raise KeyboardInterrupt

    before = sorted(file.relative_to(own.folder) for file in own.folder.rglob("*"))
    with pytest.raises(KeyboardInterrupt):
        make_ground(own, stop)
    assert sorted(file.relative_to(own.folder) for file in own.folder.rglob("*")) == before
    assert open_ground(own) is not None and damaged_files(own) == []


def test_what_a_killed_make_leaves_is_no_ground_and_goes_with_the_next(own):
    shutil.rmtree(own.folder / GROUND)
    program = (
        "import sys, time; from gallery import Gallery; from gallery.ground.sheets import make_ground\n"
        "def wait(done, total):\n"
        "    print(done, flush=True); time.sleep(60 if done else 0)\n"
        "make_ground(Gallery.open(sys.argv[1]), wait)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(own.folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline(), process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert open_ground(own) is None
    make_ground(own)
    assert open_ground(own) is not None and not list(own.folder.glob("*.unfinished"))


def test_imagery_that_is_gone_is_said_and_nothing_is_left(tmp_path):
    gallery = build_region(tmp_path, FakeEmbedder(), PIXELS)
    (tmp_path / "region.tif").unlink()
    with pytest.raises(GalleryError):
        make_ground(gallery)
    assert open_ground(gallery) is None and not list(gallery.folder.glob(f"{GROUND}*"))


def test_ground_of_images_that_are_gone_is_that_of_the_others(tmp_path, make_photos):
    folder = make_photos(3)
    positions = {f"{number}.jpg": FakePosition(11.0 + 0.01 * number, 48.0) for number in range(3)}
    gallery = build_gallery(folder, tmp_path / "g", FakeEmbedder(positions=positions), tile_size_m=60)
    (folder / "1.jpg").unlink()
    assert len(make_ground(gallery).sheets) == 2


def test_flat_sea_is_ground_without_points(tmp_path):
    sea = np.full((3, 220, 260), 90, np.uint8)
    gallery = build_region(tmp_path, FakeEmbedder(), sea, options=BuildOptions(keep_featureless=True))
    ground = make_ground(gallery)
    assert len(ground.keypoints) == 0 and open_ground(gallery) is not None


def test_a_place_of_a_sheet_is_where_the_earth_has_it(made):
    ground = open_ground(made)
    assert ground is not None
    [sheet] = ground.sheets
    there = destination(sheet.origin, 90, 50)
    assert np.hypot(*offsets_m(sheet.place(50, 0), there)) < 0.5


def test_black_ground_is_ground(tmp_path):
    pixels = PIXELS.copy()
    pixels[:, :60] = 0
    gallery = build_region(tmp_path, FakeEmbedder(), pixels, options=BuildOptions(keep_featureless=True))
    ground = make_ground(gallery)
    assert ground.picture(ground.sheets[0]).held.mean() > 0.9
    assert Image.fromarray(ground.picture(ground.sheets[0]).grey).getextrema()[0] <= 1
