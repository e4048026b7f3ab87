"""Evaluation: headings and turns count as in a search, and intervals have their closed form."""

import argparse
import csv
from dataclasses import replace

import numpy as np
import pytest
from conftest import textured, write_raster
from PIL import Image

from gallery import build_gallery
from mean_model import MEAN, MeanConfig, load_model, save_model
from mean_model.photo import CameraAttitude, load_photo
from train_scripts.data.photos import Shot, camera_metadata
from train_scripts.data.rasterise import Appearance
from train_scripts.evaluate import disturbed, pose_error, run, wilson


def test_wilsons_interval():
    assert wilson(0, 10) == pytest.approx([0, 27.75], abs=0.01)  # z^2 / (n + z^2)
    assert wilson(10, 10) == pytest.approx([72.25, 100], abs=0.01)
    assert wilson(50, 100) == pytest.approx([40.38, 59.62], abs=0.01)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Model, folder of two photos turned by 90 degrees that say so, and gallery."""
    import torch

    torch.manual_seed(0)
    home = tmp_path_factory.mktemp("asked")
    config = MeanConfig(backbone="convnext_atto", image_size=64, classes=3)
    save_model(home / "tiny", MEAN.from_config(config), config)
    write_raster(home / "region.tif", "EPSG:32633", (500_000, 5_000_000), pixels=textured(400, 400, seed=5))
    with load_model(home / "tiny") as embedder:
        gallery = build_gallery(home / "region.tif", home / "g", embedder, tile_size_m=100)
    (home / "world").mkdir()
    rows = [("file", "lon", "lat", "altitude_m", "condition")]
    for number, row in enumerate((10, 30)):
        tile = gallery.tile(row)
        at = tile.centre
        exif, _ = camera_metadata(at.lon, at.lat, 80, Shot(0, 0, 80, 90, -90, 0, Appearance(), 0, 0), 60, 1.0)
        picture = gallery.image(tile, 100).transpose(Image.Transpose.ROTATE_90)  # up is east
        picture.save(home / "world" / f"{number}.png", exif=exif)
        rows.append((f"{number}.png", at.lon, at.lat, 80, "dry"))
    with (home / "world" / "truth.csv").open("w", newline="") as table:
        csv.writer(table).writerows(rows)
    return home


@pytest.mark.parametrize(("rotations", "north_up"), [(4, True), (1, True), (4, False)])
def test_turned_photos_are_found_by_heading_or_by_quarters(asked, rotations, north_up):
    found = run(str(asked / "tiny"), asked / "world", asked / "g", rotations, asked / "r.parquet", north_up=north_up)
    assert found["recall"]["1"] == 100 and found["queries"] == 2
    assert (found["rotations"], found["north_up"]) == (rotations, north_up)
    assert np.isfinite(found["median_error_m"]) and (asked / "r.parquet").is_file()


def test_poses_are_disturbed_as_asked():
    photo = load_photo(np.zeros((40, 40, 3), np.uint8))
    random = np.random.default_rng(1)
    assert disturbed(photo, (5, 5, 5), random).attitude == CameraAttitude()
    stated = replace(photo, attitude=CameraAttitude(359.0, -60.0, 100.0, 24.0))
    assert disturbed(stated, (0, 0, 0), random).attitude == stated.attitude
    drawn = [disturbed(stated, (4.0, 2.0, 10.0), random).attitude for _ in range(2000)]
    turns = [(one.heading_deg - 359 + 180) % 360 - 180 for one in drawn]
    assert np.std(turns) == pytest.approx(4, rel=0.1) and all(0 <= one.heading_deg < 360 for one in drawn)
    assert np.std([one.pitch_deg for one in drawn]) == pytest.approx(2, rel=0.1)
    assert np.std([one.height_m for one in drawn]) == pytest.approx(10, rel=0.1)
    assert {one.focal_35mm for one in drawn} == {24.0}


def test_a_pose_error_is_three_numbers():
    assert pose_error("5,2.5,10") == (5, 2.5, 10)
    for wrong in ("5,2", "5,2,-1", "5,2,inf"):
        with pytest.raises(argparse.ArgumentTypeError, match="HEADING"):
            pose_error(wrong)
