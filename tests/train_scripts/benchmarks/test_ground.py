"""The benchmark of the ground lays real photos down on ground of every size, and tells ratios to the first."""

import numpy as np
import pytest
import torch

from gallery import Gallery
from gallery.ground.sheets import make_ground, open_ground
from tests.helpers.builders import FakeEmbedder, build_region
from tests.helpers.ground_views import terrain
from train_scripts.benchmark import main
from train_scripts.benchmarks.ground import area_cost, repeated, text
from train_scripts.data.simulator.flat_ground import FlatGround, GroundView, write_view


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ground")
    grey = terrain(400, 7)
    gallery = build_region(folder, FakeEmbedder(), np.stack([grey] * 3))
    make_ground(gallery)
    ground = FlatGround(np.stack([grey] * 3, axis=-1), gallery.tile(len(gallery) // 2).centre, 1.0)
    write_view(folder / "photo.jpg", ground, GroundView(0, 0, 120, 30, -89.9), torch.Generator().manual_seed(0))
    return gallery.folder


def test_ground_many_times_over_has_the_same_pictures_elsewhere(folder):
    ground = open_ground(Gallery.open(folder))
    many = repeated(ground, 3 * ground.area_km2)
    assert many.area_km2 == pytest.approx(3 * ground.area_km2) and len({sheet.lon for sheet in many.sheets}) == 3
    assert (many.picture(many.sheets[-1]).grey == ground.picture(ground.sheets[-1]).grey).all()


@pytest.mark.slow
@pytest.mark.parametrize("km2", [0.1, 40.0])
def test_photos_are_laid_on_ground_of_every_size(folder, km2):
    cost = area_cost(folder, [folder.parent / "photo.jpg"], km2)
    assert cost.stated_s > 0 and cost.guessed_s > 0 and cost.km2 >= min(km2, 0.05)


def test_figures_are_told_as_ratios_to_the_first_row():
    area = {"km2": 1.0, "stated_s": 0.5, "guessed_s": 1.0, "own_mb": 10, "mapped_mb": 20}
    build = {"disk_mb_a_km2": 7.0, "share": 0.25, "tiles": 2000, "km2": 16.0, "ground_s_a_km2": 1.5}
    shown = text({"areas": [area, {**area, "km2": 1000.0, "stated_s": 1.0}], "build": build})
    assert "25 % of a build's" in shown and "| 1,000.0 | 1.00 s, 2.0 times | 1.00 s, 1.0 times |" in shown


def test_a_gallery_without_ground_is_refused(refused, folder, tmp_path):
    assert "no JPEG photos" in refused(main, "ground", "--gallery", str(folder), "--photos", str(tmp_path))
