"""The check on real ground, on small made-up ground: what is countable is right."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from gallery import GalleryError, build_gallery
from gallery.geo import LonLat, moved, rectangle
from mean_model import PhotoError, load_photo
from tests.helpers.builders import FakeEmbedder, textured
from train_scripts.data.simulator.camera_files import Shot, camera_metadata
from train_scripts.data.simulator.flat_ground import FOV_DEG
from train_scripts.data.world.rasterise import Appearance
from train_scripts.real_check import MANIFEST, check_cells, check_flight, main

HOME = LonLat(15.0, -6.0)
SIDE_M, SIDE_PX = 80.0, 320


class Reading(FakeEmbedder):
    """The fake embedder, reading positions as the real one does."""

    photo_errors = (PhotoError,)

    def read(self, source, least_px=0):
        return load_photo(source, 64)


def write_cells(folder, count=6, seed=0):
    (folder / "cells").mkdir(parents=True)
    rows = []
    for number in range(count):
        pixels = np.moveaxis(textured(SIDE_PX, SIDE_PX, seed + number), 0, -1)
        name = f"cells/{number}.jpg"
        Image.fromarray(pixels).resize((SIDE_PX // 4,) * 2).resize((SIDE_PX,) * 2).save(folder / name, quality=95)
        west, south, east, north = rectangle(moved(HOME, number * SIDE_M, 0), SIDE_M, SIDE_M).bounds
        rows.append((name, "aerial", "", "", north, west, south, east))
    with (folder / MANIFEST).open("w", newline="") as table:
        csv.writer(table).writerows([("file", "role", "lat", "lon", "lat_n", "lon_w", "lat_s", "lon_e"), *rows])
    return folder


@pytest.fixture(scope="module")
def cells(tmp_path_factory) -> tuple:
    folder = write_cells(tmp_path_factory.mktemp("cells") / "c")
    gallery = build_gallery(folder, folder.parent / "g", Reading(), positions=folder / MANIFEST)
    return folder, gallery


def test_cells_are_counted(cells):
    folder, gallery = cells
    result = check_cells(folder, Reading(grid=4), views=9, seed=3)
    assert result == json.loads(json.dumps(check_cells(folder, Reading(grid=4), views=9, seed=3)))
    assert (result["views"], result["tiles"]) == (9, len(gallery)) and 0.3 < result["median_side_share"] <= 1
    for way in ("four_turns", "pose_guessed", "pose_known"):
        assert 0 <= result[way]["recall"]["1"] <= result[way]["recall"]["5"] <= 100
        low, high = result[way]["interval95"]["1"]
        assert low <= result[way]["recall"]["1"] <= high
        assert result[way]["located_wrongly"] <= result[way]["located"] <= 9 and result[way]["trust"] is None
    assert result["pose_known"]["located"] > 0  # textures are found again by their features
    assert result["pose_known"]["recall"]["1"] > result["by_chance"]["1"]
    with pytest.raises(GalleryError, match="at least 1"):
        check_cells(folder, Reading(), views=0)


def test_cells_without_a_manifest(tmp_path):
    (write_cells(tmp_path / "c", 1) / MANIFEST).unlink()
    with pytest.raises(GalleryError, match=r"no file manifest\.csv"):
        check_cells(tmp_path / "c", Reading(), views=1)


def write_flight(folder, count=9):
    """Photos of a strip, 20 m apart, each 80 m wide: neighbours overlap."""
    folder.mkdir()
    strip = np.moveaxis(textured(80, 80 + 20 * count, 5), 0, -1)
    for number in range(count):
        at = moved(HOME, 20.0 * number, 0)
        shot = Shot(0, 0, 60, 0, -90, 0, Appearance(), 0, 0)
        exif, xmp = camera_metadata(at.lon, at.lat, 60, shot, FOV_DEG, 1.0)
        picture = Image.fromarray(strip[:, 20 * number : 20 * number + 80]).resize((160, 160))
        picture.save(folder / f"{number:02d}.jpg", quality=95, exif=exif, xmp=xmp)


def test_a_flight_is_halved_and_measured(tmp_path):
    write_flight(tmp_path / "f")
    (tmp_path / "f" / "broken.jpg").write_text("no picture")
    Image.fromarray(np.moveaxis(textured(90, 90), 0, -1)).save(tmp_path / "f" / "unplaced.jpg")
    result = check_flight(tmp_path / "f", Reading())
    assert (result["queries"], result["tiles"]) == (4, 5)
    assert result["median_nearest_m"] == pytest.approx(20, abs=0.1)
    assert result["median_nearest_m"] <= result["median_best_m"] < result["median_random_m"] == pytest.approx(60, abs=1)


def test_too_short_a_flight(tmp_path):
    write_flight(tmp_path / "f", 3)
    with pytest.raises(GalleryError, match="3 photos with a position"):
        check_flight(tmp_path / "f", Reading())


def test_the_command_prints_one_document(tmp_path, capsys):
    from mean_model import MEAN, MeanConfig, save_model

    config = MeanConfig(backbone="convnext_atto", image_size=64, classes=3)
    save_model(tmp_path / "tiny", MEAN.from_config(config), config)
    write_cells(tmp_path / "c", 3)
    write_flight(tmp_path / "f", 5)
    main(["cells", str(tmp_path / "c"), "--views", "2", "--model", str(tmp_path / "tiny")])
    assert json.loads(capsys.readouterr().out)["views"] == 2
    main(["flight", str(tmp_path / "f"), "--model", str(tmp_path / "tiny")])
    assert json.loads(capsys.readouterr().out)["queries"] == 2
    with pytest.raises(SystemExit) as leave:
        main(["flight", str(tmp_path / "c"), "--model", str(tmp_path / "tiny")])
    assert leave.value.code == 2 and "at least 4" in capsys.readouterr().err
