"""A plan says what the build then makes: tiles, area, disk; and it writes nothing but its picture."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from gallery import build_gallery, plan_gallery
from gallery.build.options import BuildOptions
from gallery.errors import BuildError, SourceError
from gallery.imagery.raster import Raster
from tests.helpers.builders import FakeEmbedder, FakePosition, textured


@pytest.mark.parametrize("options", [{}, {"tile_size_m": [60, 120]}, {"overlap": 0.0, "tile_size_m": 40}])
def test_the_build_makes_what_was_planned(make_raster, tmp_path, embedder, options):
    raster = make_raster(pixels=textured(800, 1000))
    plan = plan_gallery(raster, tmp_path / "g", embedder, **options)
    assert os.listdir(tmp_path) == ["region.tif"]
    seen = []
    gallery = build_gallery(raster, tmp_path / "g", embedder, progress=seen.append, **options)
    assert plan.tiles == seen[-1].total == plan.kept == len(gallery) and not plan.left_out
    assert plan.bytes == pytest.approx(gallery.info()["bytes"], rel=0.2)
    assert len({part.scale_m for part in plan.parts}) == len(set(gallery.scales_m))
    assert plan.seconds == pytest.approx(plan.tiles / plan.per_second) and plan.per_second > 0


def test_the_area_is_that_of_the_ground(make_raster, tmp_path, embedder):
    west = make_raster("a.tif", crs="EPSG:32633", origin=(500_000, 5_500_000), pixels=textured(500, 400))
    apart = make_raster("b.tif", crs="EPSG:32633", origin=(510_000, 5_500_000), pixels=textured(500, 400))
    assert plan_gallery(west, tmp_path / "g", embedder).area_km2 == pytest.approx(0.2, rel=0.01)
    assert plan_gallery([west, apart, west], tmp_path / "g", embedder).area_km2 == pytest.approx(0.4, rel=0.01)


def test_empty_tiles_are_foreseen(make_raster, tmp_path, embedder):
    pixels = textured(1200, 1200)
    pixels[:, :, 600:] = 77
    raster = make_raster(pixels=pixels)
    plan = plan_gallery(raster, tmp_path / "g", embedder, 40, 0.0)
    gallery = build_gallery(raster, tmp_path / "g", embedder, 40, 0.0)
    assert set(plan.left_out) == {"without detail"} and plan.kept == pytest.approx(len(gallery), rel=0.1)


def test_what_is_there_is_not_planned_again(make_raster, tmp_path, embedder):
    raster, east = make_raster(), make_raster("east.tif", origin=(1_005_000.0, 6_000_000.0))
    gallery = build_gallery(raster, tmp_path / "g", embedder)
    plan = plan_gallery([raster, east], tmp_path / "g", embedder, options=BuildOptions(add=True))
    assert plan.present == len(gallery) and plan.tiles == sum(part.tiles for part in plan.parts) - len(gallery)


def test_images_of_a_folder_are_planned(make_photos, tmp_path):
    photos = make_photos(5)
    embedder = FakeEmbedder(positions={f"{number}.jpg": FakePosition(8, 46 + number / 100) for number in range(5)})
    plan = plan_gallery(photos, tmp_path / "g", embedder, tile_size_m=100, picture=tmp_path / "plan.png")
    assert plan.tiles == 5 and plan.area_km2 == pytest.approx(0.05, rel=0.01) and len(plan.footprints) == 5
    assert (tmp_path / "plan.png").is_file() and json.dumps(plan.to_dict())


def test_the_picture_shows_the_imagery_and_the_tiles(make_raster, tmp_path, embedder):
    pixels = np.zeros((3, 400, 600), np.uint8)
    pixels[0, :, :300], pixels[2, :, 300:] = 200, 200  # red in the west, blue in the east
    raster = make_raster(pixels=pixels)
    plan_gallery(
        raster,
        tmp_path / "g",
        embedder,
        200,
        0.0,
        options=BuildOptions(keep_featureless=True),
        picture=tmp_path / "plan.png",
    )
    picture = np.asarray(Image.open(tmp_path / "plan.png").convert("RGB")).astype(int)
    red, blue = (np.argwhere(picture[..., one] - picture[..., other] > 150) for one, other in ((0, 2), (2, 0)))
    assert len(red) > 10_000 and len(blue) > 10_000 and red[:, 1].mean() < blue[:, 1].mean()
    for wrong in (tmp_path / "plan.xyz", tmp_path / "absent" / "plan.png"):
        with pytest.raises(BuildError, match=wrong.name):
            plan_gallery(raster, tmp_path / "g", embedder, picture=wrong)


def test_a_large_raster_without_overviews_is_not_decoded_for_a_picture(make_raster, monkeypatch):
    monkeypatch.setattr("gallery.imagery.raster.MOST_OVERVIEW_PX", 1000)
    with Raster(make_raster()) as raster:
        assert raster.overview(100) is None


def test_a_plan_refuses_what_a_build_refuses(make_raster, tmp_path, embedder):
    with pytest.raises(SourceError):
        plan_gallery(tmp_path / "absent.tif", tmp_path / "g", embedder)
    with pytest.raises(BuildError, match="overlap"):
        plan_gallery(make_raster(), tmp_path / "g", embedder, overlap=1.0)
    with pytest.raises(BuildError, match="index"):
        plan_gallery(make_raster(), tmp_path / "g", embedder, options=BuildOptions(index="best"))
