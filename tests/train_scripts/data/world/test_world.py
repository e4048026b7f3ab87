"""The procedural world: the same seed is the same place, in every window, at every resolution, in every process."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import ROOT
from train_scripts.data.world.generate import build_scene
from train_scripts.data.world.noise import noise
from train_scripts.data.world.rasterise import Layers, rasterise
from train_scripts.data.world.scene import Kind, Roof, Scene, Style
from train_scripts.data.world.shading import Appearance, cast_shadows, random_appearance

TOWN = Style(coast=False, river=True, urban=1.0)


@pytest.fixture(scope="module")
def town() -> Scene:
    return build_scene(5, 768, TOWN)


@pytest.fixture(scope="module")
def shore() -> Scene:
    return build_scene(8, 1024, Style(coast=True, river=True, urban=0.5))


def digest(layers: Layers) -> str:
    h = hashlib.sha256()
    for part in (layers.rgb, layers.height, layers.wall):
        h.update(part.tobytes())
    return h.hexdigest()


def test_layers_have_the_promised_shapes_and_types(town: Scene) -> None:
    layers = rasterise(town, (-50, -30, 70, 40), 0.5)
    assert layers.rgb.shape == layers.wall.shape == (140, 240, 3)
    assert layers.height.shape == layers.ground.shape == (140, 240)
    assert layers.rgb.dtype == layers.wall.dtype == np.uint8
    assert layers.height.dtype == layers.ground.dtype == np.float32
    assert np.isfinite(layers.height).all()
    assert layers.rgb.std() > 15


@pytest.mark.process
def test_same_seed_same_picture_in_another_process(town: Scene) -> None:
    window = (-40.0, -40.0, 40.0, 40.0)
    here = digest(rasterise(build_scene(5, 768, TOWN), window, 0.5))
    assert digest(rasterise(town, window, 0.5)) == here
    code = f"from {__name__} import *\nprint(digest(rasterise(build_scene(5, 768, TOWN), {window}, 0.5)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == here


def test_another_seed_is_another_place(town: Scene) -> None:
    other = rasterise(build_scene(6, 768, TOWN), (-80, -80, 80, 80), 1.0).rgb.astype(float)
    own = rasterise(town, (-80, -80, 80, 80), 1.0).rgb.astype(float)
    assert np.abs(other - own).mean() > 15


@settings(max_examples=6)
@given(column=st.integers(0, 300), row=st.integers(0, 300))
def test_a_window_cut_out_equals_the_window_painted_alone(column: int, row: int) -> None:
    scene = build_scene(5, 512, TOWN)
    day = Appearance(sun_azimuth_deg=200, sun_elevation_deg=40)
    whole = rasterise(scene, (-200, -200, 200, 200), 1.0, day)
    west, north = -200 + column, 200 - row
    part = rasterise(scene, (west, north - 100, west + 100, north), 1.0, day)
    cut = (slice(row, row + 100), slice(column, column + 100))
    assert np.abs(part.height - whole.height[cut]).max() < 0.02
    difference = np.abs(part.rgb.astype(int) - whole.rgb[cut]).max(axis=2)
    assert (difference > 8).mean() < 0.002


def test_resolutions_show_the_same_place(town: Scene) -> None:
    coarse = rasterise(town, (-60, -60, 60, 60), 1.0)
    fine = rasterise(town, (-60, -60, 60, 60), 0.25)
    mean = fine.rgb.reshape(120, 4, 120, 4, 3).mean(axis=(1, 3))
    a, b = mean.ravel(), coarse.rgb.astype(float).ravel()
    assert np.corrcoef(a, b)[0, 1] > 0.9
    assert abs(a.mean() - b.mean()) < 4
    heights = fine.height.reshape(120, 4, 120, 4).mean(axis=(1, 3))
    assert np.median(np.abs(heights - coarse.height)) < 0.1


def test_only_cars_follow_the_car_seed(town: Scene) -> None:
    window = (-150.0, -150.0, 150.0, 150.0)
    first, second = (rasterise(town, window, 0.5, Appearance(car_seed=s)) for s in (1, 2))
    changed = np.abs(first.height - second.height) > 0.05
    assert 0.0005 < changed.mean() < 0.08
    assert np.abs(first.height - second.height).max() < 4.0
    assert np.array_equal(first.ground, second.ground)
    places = np.argwhere(changed)[::25]
    x, y = -150 + (places[:, 1] + 0.5) * 0.5, 150 - (places[:, 0] + 0.5) * 0.5
    near = np.hypot(x[:, None] - town.slots.x, y[:, None] - town.slots.y).min(axis=1)
    assert near.max() < 11


def test_season_and_sun_change_the_picture_and_not_the_height(town: Scene) -> None:
    window = (-80.0, -80.0, 80.0, 80.0)
    first = rasterise(town, window, 0.5, Appearance(season="summer", sun_azimuth_deg=120))
    second = rasterise(town, window, 0.5, Appearance(season="winter", sun_azimuth_deg=240))
    assert np.abs(first.height - second.height).max() < 0.02
    assert np.abs(first.rgb.astype(float) - second.rgb).mean() > 8


@settings(max_examples=20)
@given(azimuth=st.floats(0, 360), elevation=st.floats(20, 70))
def test_shadows_lie_opposite_the_sun_and_have_the_right_length(azimuth: float, elevation: float) -> None:
    height = np.zeros((161, 161), np.float32)
    height[78:83, 78:83] = 10.0
    day = Appearance(sun_azimuth_deg=azimuth, sun_elevation_deg=elevation)
    rows, columns = np.nonzero(cast_shadows(height, 0.5, day) > 0.3)
    away = np.stack([(columns - 80) * 0.5, -(rows - 80) * 0.5], axis=1)
    sun = np.array([np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))])
    along, across = away @ -sun, away @ np.array([sun[1], -sun[0]])
    length = 10 / np.tan(np.radians(elevation))
    assert along.min() > -2.5
    assert np.abs(across).max() < 2.6
    assert abs(along.max() - length) < 2.6


def test_the_shadow_sweep_equals_a_walk_towards_the_sun() -> None:
    rng = np.random.default_rng(3)
    height = rng.uniform(0, 3, (40, 40)).astype(np.float32)
    day = Appearance(sun_azimuth_deg=180, sun_elevation_deg=45)
    below = cast_shadows(height, 1.0, day)
    for r, c in ((0, 0), (10, 30), (20, 5), (39, 39)):
        column = height[r:, c] - np.arange(40 - r)
        assert below[r, c] == pytest.approx(column.max() - height[r, c], abs=1e-4)


def test_flat_roofs_are_flat_and_gables_have_their_ridge() -> None:
    scene = build_scene(12, 768, replace(TOWN, river=False, flat_roofs=0.5, trees=0.0))
    boxes = scene.boxes
    seen = {Roof.FLAT: 0, Roof.GABLE: 0}
    for i in np.flatnonzero(~boxes.part & (np.hypot(boxes.x, boxes.y) < 250)):
        roof = Roof(int(boxes.roof[i]))
        if seen.get(roof, 9) >= 4:
            continue
        x, y, c, s = boxes.x[i], boxes.y[i], np.cos(boxes.angle[i]), np.sin(boxes.angle[i])
        window = (round(float(x)) - 30.0, round(float(y)) - 30.0, round(float(x)) + 30.0, round(float(y)) + 30.0)
        layers = rasterise(scene, window, 0.25)
        ys, xs = np.mgrid[0:240, 0:240]
        dx, dy = window[0] + (xs + 0.5) * 0.25 - x, window[3] - (ys + 0.5) * 0.25 - y
        u, v = dx * c + dy * s, dy * c - dx * s
        inside = (np.abs(u) < boxes.half_u[i] - 0.4) & (np.abs(v) < boxes.half_v[i] - 0.4)
        rise = np.zeros_like(v) if roof == Roof.FLAT else boxes.slope[i] * (boxes.half_v[i] - np.abs(v))
        off = layers.height[inside] - (boxes.eave_m[i] + rise)[inside]
        if np.abs(np.median(off)) < 0.01:  # another part of the house may stand over this one
            assert (np.abs(off) < 0.01).mean() > 0.6
            seen[roof] += 1
    assert min(seen.values()) >= 2


def test_water_lies_at_zero_and_land_above(shore: Scene) -> None:
    half = shore.size_m / 2
    layers = rasterise(shore, (-half, -half, half, half), 4.0)
    x = (-half + (np.arange(256) + 0.5) * 4)[None, :]
    terrain = shore.terrain.at(x, -x.T)
    sea = terrain.coast_m < 0
    assert 0.05 < sea.mean() < 0.9
    assert np.all(layers.ground[sea | (terrain.river_m < 0)] == 0)
    assert layers.ground.min() >= 0
    assert layers.ground.max() < 60
    assert np.median(layers.height[terrain.coast_m < -30]) == 0


def test_bridges_stand_over_the_river() -> None:
    for seed in range(20):
        scene = build_scene(seed, 1024, TOWN)
        if scene.roads.bridge.any():
            break
    i = int(np.flatnonzero(scene.roads.bridge)[0])
    areas = scene.roads.areas
    points = areas.points[areas.starts[i] : areas.starts[i + 1]]
    n = len(points) // 2
    middle = (points[:n] + points[n:][::-1]) / 2
    wet = scene.terrain.river_m(middle[:, 0], middle[:, 1])
    x, y = (round(float(v)) for v in middle[np.argmin(wet)])
    layers = rasterise(scene, (x - 2, y - 2, x + 2, y + 2), 0.5)
    assert layers.height.max() > 4
    assert layers.ground.min() == 0


@pytest.mark.parametrize("size_m", [256, 512, 1500])
def test_sizes(size_m: int) -> None:
    scene = build_scene(3, size_m, Style(coast=False, urban=0.5))
    half = size_m / 2
    layers = rasterise(scene, (-half, -half, half, half), 2.0)
    assert layers.rgb.shape[0] == size_m // 2
    assert scene.terrain.coast_m(np.zeros(1), np.zeros(1))[0] > 0
    assert len(scene.areas.kind) and len(scene.roads.bridge)


@pytest.mark.slow
def test_a_default_scene_is_varied() -> None:
    scene = build_scene(1, 4096)
    kinds = set(scene.areas.kind.tolist())
    assert {Kind.FIELD, Kind.FOREST, Kind.LAWN, Kind.ASPHALT, Kind.MEADOW} <= kinds
    assert len(scene.boxes.x) > 1000
    assert len(scene.trees.x) > 20_000
    assert scene.terrain.coast != "none"


def test_mistakes_are_named(town: Scene) -> None:
    with pytest.raises(ValueError, match="size_m"):
        build_scene(1, 10)
    with pytest.raises(ValueError, match="season"):
        Appearance(season="monsoon")
    with pytest.raises(ValueError, match="gsd_m"):
        rasterise(town, (0, 0, 10, 10), 0.001)
    with pytest.raises(ValueError, match="window"):
        rasterise(town, (10, 0, 0, 10), 0.5)


def test_random_appearances_follow_their_generator() -> None:
    a, b = (random_appearance(np.random.default_rng(4)) for _ in range(2))
    assert a == b
    assert a != random_appearance(np.random.default_rng(5))


@settings(max_examples=25)
@given(cell=st.floats(0.3, 300), seed=st.integers(0, 1 << 40), x0=st.floats(-5000, 5000), y0=st.floats(-5000, 5000))
def test_noise_on_a_grid_equals_noise_at_points(cell: float, seed: int, x0: float, y0: float) -> None:
    x, y = (x0 + np.arange(7) * 0.7)[None, :], (y0 + np.arange(5) * 0.9)[:, None]
    grid = noise(x, y, cell, seed)
    points = noise(np.broadcast_to(x, (5, 7)).copy(), np.broadcast_to(y, (5, 7)).copy(), cell, seed)
    assert np.abs(grid - points).max() < 2e-3
    assert np.abs(grid).max() <= 1.75
