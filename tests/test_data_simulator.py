"""Pairs from packed worlds: geometry, determinism, and negatives that are none of each other's places."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from train_scripts.data.pack import write_npz
from train_scripts.data.renderer import north_up
from train_scripts.data.simulator import (
    NOT_SEEN,
    FlightRange,
    easier,
    load_pool,
    places_of,
    random_cameras,
    random_pairs,
    turn_upright,
    views_from_above,
)

SIDE_M = 1000


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two worlds of coloured blocks in two appearances each."""
    folder = tmp_path_factory.mktemp("worlds")
    for number in range(2):
        random = np.random.default_rng(number)
        coarse = random.integers(20, 235, (25, 25, 3), dtype=np.uint8)
        rgb = np.kron(coarse, np.ones((20, 20, 1), np.uint8))
        dimmed = (rgb * 0.8).astype(np.uint8)
        arrays = {
            "rgb": np.stack([rgb, dimmed]),
            "height": np.zeros(rgb.shape[:2], np.float16),
            "wall": np.full_like(rgb, 200),
            "suns": np.array([[0, 0, 1], [0.5, 0, 0.8]], np.float32),
            "meta": np.array(f'{{"size_m": {SIDE_M}, "gsd_m": 2.0}}'),
        }
        write_npz(folder / f"world_{number:06d}.npz", arrays)
    return folder


def test_a_pool_without_worlds_says_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Make some"):
        load_pool(tmp_path)


def test_pairs_are_decided_by_the_generator(packed: Path) -> None:
    pool = load_pool(packed)
    first, again, other = (
        random_pairs(pool, 8, 32, FlightRange(tile_m=100), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first.drone, again.drone) and torch.equal(first.satellite, again.satellite)
    assert not torch.equal(first.drone, other.drone)


def test_no_place_stands_twice_in_a_batch(packed: Path) -> None:
    pool, flight = load_pool(packed), FlightRange(tile_m=100)
    for seed in range(5):
        place = random_pairs(pool, 24, 16, flight, torch.Generator().manual_seed(seed)).place
        assert len(place.unique()) == len(place) == 24
        assert place.min() >= 0 and place.max() < places_of(pool, flight)


def test_the_easiest_view_is_the_tile(packed: Path) -> None:
    """With difficulty 0 and no photometry, drone view and tile show one picture up to the change of appearance."""
    pool = load_pool(packed)
    flight = easier(FlightRange(tile_m=100, visibility_m=(1e9, 1e9), fov_deg=(60, 60)), 0.0)
    pairs = random_pairs(pool, 16, 32, flight, torch.Generator().manual_seed(0), photometry_strength=0)
    a = pairs.drone - pairs.drone.mean((2, 3), keepdim=True)
    b = pairs.satellite - pairs.satellite.mean((2, 3), keepdim=True)
    likeness = (a * b).flatten(1).sum(1) / (a.flatten(1).norm(dim=1) * b.flatten(1).norm(dim=1))
    assert likeness.min() > 0.9


def test_full_difficulty_is_the_whole_range() -> None:
    flight = FlightRange()
    assert easier(flight, 1.0) == flight


def test_cameras_stay_in_their_range() -> None:
    flight = FlightRange()
    cameras = random_cameras(torch.zeros(500, 3), flight, torch.Generator().manual_seed(0))
    altitude = cameras.position[:, 2]
    assert altitude.min() >= 80 - 1e-3 and altitude.max() <= 300 + 1e-3
    assert cameras.pitch_deg.min() >= -90 and cameras.pitch_deg.max() <= -45
    assert cameras.heading_deg.min() >= 0 and cameras.heading_deg.max() < 360
    assert np.histogram(cameras.heading_deg.numpy(), 8, (0, 360))[0].min() > 30  # every direction is flown


@pytest.mark.parametrize("heading", [0, 44, 46, 90, 180, 269, 359])
def test_turned_views_have_north_up(heading: float) -> None:
    """A bright spot in the north of the picture ends in the upper quarter."""
    size = 65
    angle = math.radians(-heading)  # where north lies in a view whose up points to `heading`, clockwise from up
    column = round(size // 2 + 28 * math.sin(angle))
    row = round(size // 2 - 28 * math.cos(angle))
    picture = torch.zeros(1, 3, size, size)
    picture[..., row, column] = 1
    turned = turn_upright(picture, torch.tensor([float(heading)]))
    row, column = divmod(int(turned[0, 0].argmax()), size)
    assert size // 2 - row >= abs(column - size // 2)


def test_a_view_from_above_is_the_tile_where_the_photo_holds_it(packed: Path) -> None:
    """With a pose that does not err, over flat ground in clear air: the orthophoto, and one colour elsewhere."""
    pool = load_pool(packed)
    flight = FlightRange(
        tile_m=120, visibility_m=(1e9, 1e9), roll_deg=0, height_error=0, pitch_error_deg=0, compass_error_deg=0,
        fov_error=0,
    )  # fmt: skip
    which = torch.zeros(24, dtype=torch.long)
    points = torch.rand(24, 2, generator=torch.Generator().manual_seed(1)) * 400 - 200
    generator = torch.Generator().manual_seed(2)
    views = views_from_above(pool, which, points, 48, flight, generator, photometry_strength=0)
    tiles = north_up(pool.surfaces, which, points, torch.full((24,), 120.0), 48)
    unseen = (views == torch.tensor(NOT_SEEN)[None, :, None, None]).all(1)
    away = (views - tiles).abs().mean(1)
    assert 0.1 < unseen.float().mean() < 0.7 and away[~unseen].mean() < 4


def test_from_above_is_a_share_of_the_batch(packed: Path) -> None:
    pool = load_pool(packed)
    for share, expected in ((0.0, 0), (1.0, 16)):
        flight = FlightRange(tile_m=100, from_above=share, altitude_m=(80, 90))
        pairs = random_pairs(pool, 16, 32, flight, torch.Generator().manual_seed(0), photometry_strength=0)
        unseen = (pairs.drone == torch.tensor(NOT_SEEN)[None, :, None, None]).all(1).flatten(1).any(1)
        assert int(unseen.sum()) == pytest.approx(expected, abs=2)
