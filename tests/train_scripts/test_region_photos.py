"""Photos of a gallery's held-out ground: where they look, what covers it, and training and measuring on them."""

import csv
import json

import pytest
from shapely.geometry import Point

from gallery import Gallery, build_gallery
from gallery.build.options import BuildOptions
from gallery.geo import LonLat, distance_m
from mean_model import load_model, load_photo
from tests.helpers.builders import textured, write_raster
from tests.helpers.evaluate_line import say
from tests.helpers.tiny_model import save_tiny
from train_scripts import region_photos
from train_scripts.data.simulator.gallery_blocks import blocks_of
from train_scripts.train import main as train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("photos")
    save_tiny(home / "tiny")
    write_raster(home / "ground.tif", "EPSG:32633", (500_000, 5_000_000), 0.5, textured(800, 1200, seed=3))
    with load_model(home / "tiny") as embedder:
        build_gallery(
            home / "ground.tif",
            home / "g",
            embedder,
            tile_size_m=20,
            options=BuildOptions(model_source=str(home / "tiny")),
        )
    return home


@pytest.mark.parametrize("trained", [False, True])
def test_photos_show_points_well_inside_their_blocks(home, tmp_path, trained, capsys):
    region_photos.main([str(home / "g"), "--out", str(tmp_path), "--count", "6", *["--trained"] * trained])
    assert "6 photos; blocks of 120 m: 12 trained on, 3 held out" in capsys.readouterr().out
    gallery = Gallery.open(home / "g")
    region = blocks_of(gallery)
    blocks = region.trained if trained else region.held_out
    with (tmp_path / "truth.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 6 and len({row["file"] for row in rows}) == 6
    for row in rows:
        point = LonLat(float(row["lon"]), float(row["lat"]))
        [block] = [block for block in blocks if block.contains(point)]
        covering = gallery.tiles[gallery.tiles.covers(Point(point.lon, point.lat))]
        assert len(covering) and covering.within(block.footprint.buffer(1e-6)).all()
        photo = load_photo(tmp_path / row["file"])
        back_m = distance_m(LonLat(photo.position.lon, photo.position.lat), point)
        assert back_m <= photo.pose.height_m * 1.01 and 0 < photo.pose.height_m <= 1.875 * 20 * 1.01


def test_a_gallery_trains_and_is_measured(home, tmp_path, capsys):
    """The recipe of the README from end to end: it says nothing of how good a second of training is."""
    config = region_photos.Path(region_photos.__file__).parent / "configs" / "region.toml"
    train([
        str(config), f"worlds=gallery:{home / 'g'}", f"out={tmp_path / 'run'}", f"start={home / 'tiny'}",
        "minutes=0.01", "batch=8", "model.image_size=32", "bfloat16=false",
    ])  # fmt: skip
    region_photos.main([str(home / "g"), "--out", str(tmp_path / "p"), "--count", "4"])
    capsys.readouterr()
    common = ("--dataset", f"gallery:{home / 'g'}", "--photos", tmp_path / "p", "--rotations", 1, "--json")
    found = json.loads(say(capsys, *common, "--model", home / "tiny", "--model", tmp_path / "run" / "model"))
    assert [summary["queries"] for summary in found] == [4, 4]
    assert found[0]["fingerprint"] != found[1]["fingerprint"]


def test_a_mistake_is_one_line(home, tmp_path, refused):
    for folder, more, words in (("g", ["--count", "0"], "at least 1"), ("tiny", [], "is no gallery")):
        said = refused(region_photos.main, home / folder, "--out", tmp_path / "p", *more)
        assert words in said and len(said.splitlines()) == 1
