"""Sweeps over how a photo is taken: what changes and what stays, where it looks, and the table and figure of them."""

import csv
from itertools import islice

import numpy as np
import pytest

from gallery import Gallery, Localizer
from gallery.constants import SAMPLE
from gallery.geo import distance_m
from gallery.photo.pose import complete_pose
from mean_model import load_model
from train_scripts import sweeps
from train_scripts.data.simulator.camera_files import Shot
from train_scripts.data.world.rasterise import Appearance
from train_scripts.make_sample import sample_scene
from train_scripts.sweeps import SWEEPS, Conditions, Spot, SweepPoint, draw, lattice, sweep, write_table


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    return Gallery.open(SAMPLE)


@pytest.fixture(scope="module")
def spot(gallery) -> Spot:
    tile = next(gallery.tile(row) for row in np.flatnonzero(lattice(gallery)) if gallery.tile(row).window.col_px > 3000)
    shot = Shot(-150.0, 200.0, 0.0, 130.0, 0.0, 0.0, Appearance(), 0.0, 3)
    return Spot(sample_scene(), shot, tile)


def test_the_lattice_covers_the_region_once(gallery):
    tiles = [gallery.tile(int(row)) for row in np.flatnonzero(lattice(gallery))]
    assert len(tiles) == 25 * 25 and len({tile.window[:2] for tile in tiles}) == len(tiles)
    assert {round(tile.side_m) for tile in tiles} == {160}
    west = sorted(tile.window.col_px for tile in tiles)
    assert set(np.diff(sorted(set(west)))) == {320}


@pytest.mark.slow
def test_one_thing_changes_and_all_else_stays(spot):
    plain, truth = spot.photo(Conditions())
    again, _ = spot.photo(Conditions())
    assert (np.asarray(plain.image) == np.asarray(again.image)).all()
    pose = complete_pose(plain.pose)
    assert (pose.heading_deg, pose.pitch_deg, pose.height_m) == (130, -75, 160)
    wrong, same_place = spot.photo(Conditions(heading_error_deg=30, height_factor=0.5))
    assert (np.asarray(wrong.image) == np.asarray(plain.image)).all() and same_place == truth
    assert (complete_pose(wrong.pose).heading_deg, complete_pose(wrong.pose).height_m) == (160, 80)
    for conditions in (Conditions(season="winter"), Conditions(weather="fog"), Conditions(altitude_m=90)):
        other, same_place = spot.photo(conditions)
        assert (np.asarray(other.image) != np.asarray(plain.image)).mean() > 0.5 and same_place == truth


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5])
def test_the_offset_counts_from_the_tiles_middle(spot, offset, monkeypatch):
    monkeypatch.setattr(sweeps, "STEPS", 4)
    _, truth = spot.photo(Conditions(offset=offset))
    assert distance_m(truth, spot.tile.centre) == pytest.approx(offset * 160, abs=0.6)
    assert spot.tile.contains(truth)


@pytest.mark.slow
def test_a_sweep_counts_its_photos(gallery, spot, monkeypatch):
    monkeypatch.setattr(sweeps, "spots", lambda gallery, count: islice([spot] * 2, count))
    monkeypatch.setattr(sweeps, "SWEEPS", {"height_factor": (1.0, 1.6)})
    with load_model("starter", device="cpu", precision="float32") as embedder:
        points = sweep(Localizer(gallery, embedder), 2, ["height_factor"], progress=False)
    assert [point.value for point in points] == [1.0, 1.6]
    assert {point.photos for point in points} == {2} and {point.right for point in points} <= {0, 2}


def test_curves_are_written_and_drawn(tmp_path):
    points = [SweepPoint(name, value, 3, 4) for name in ("offset", "season") for value in SWEEPS[name]]
    write_table(tmp_path / "sweeps.csv", points)
    with (tmp_path / "sweeps.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 10 and (rows[0]["recall"], rows[-1]["value"]) == ("75.00", "winter")
    assert float(rows[0]["low95"]) < 75 < float(rows[0]["high95"])
    figure = draw(points, "a title")
    figure.savefig(tmp_path / "sweeps.png")
    assert [axes.get_xlabel() for axes in figure.axes] == [sweeps.AXES["offset"], "season"]
