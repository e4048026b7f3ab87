"""Pairs from packed worlds: geometry, determinism, and negatives that are none of each other's places."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from tests.helpers.worlds import pack_blocks
from train_scripts.data.simulator.pairs import (
    NOT_SEEN,
    FlightRange,
    Views,
    easier,
    load_pool,
    places_of,
    random_cameras,
    random_pairs,
    shared_ground,
    turn_upright,
    turned_alike,
    views_from_above,
)
from train_scripts.data.simulator.renderer import Surfaces, north_up
from train_scripts.errors import MissingPart

SIDE_M = 1000


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two worlds of coloured blocks in two appearances each."""
    folder = tmp_path_factory.mktemp("worlds")
    for number in range(2):
        pack_blocks(folder / f"world_{number:06d}.npz", number, 25, 20, days=2)
    return folder


def test_a_pool_without_worlds_says_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match="Make some"):
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
    views = views_from_above(Views(pool, which, points, 48, flight, photometry_strength=0), generator)
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


@settings(max_examples=30)
@given(seed=st.integers(0, 2**31))
def test_shared_ground_is_the_area_that_squares_have_in_common(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    points, centres = torch.rand(2, 5, 2, generator=generator) * 300
    view_m, tile_m = 50 + torch.rand(2, 5, generator=generator) * 100
    found = shared_ground(points, centres, view_m, tile_m)
    for i in range(5):
        for j in range(5):
            view, tile = (
                box(*(at - side / 2).tolist(), *(at + side / 2).tolist())
                for at, side in ((points[i], view_m[i]), (centres[j], tile_m[j]))
            )
            assert float(found[i, j]) == pytest.approx(view.intersection(tile).area / view.area, abs=1e-4)


def test_what_shows_a_neighbours_ground_is_no_negative_of_it(packed: Path) -> None:
    """Views half a tile off their tile show its neighbour too; at no offset none does."""
    pool = load_pool(packed)
    wide = FlightRange(tile_m=100, offset=0.5, tile_scale=(1.0, 1.2))
    marked = 0
    for seed in range(4):
        pairs = random_pairs(pool, 40, 16, wide, torch.Generator().manual_seed(seed))
        world = pairs.place // (places_of(pool, wide) // pool.worlds)
        assert not pairs.same.diagonal().any()
        assert not pairs.same[world[:, None] != world[None]].any()
        marked += int(pairs.same.sum())
        still = replace(wide, offset=0.0, tile_scale=(0.9, 0.9))
        few = random_pairs(pool, 8, 16, still, torch.Generator().manual_seed(seed))
        assert int(few.same.sum()) <= 2  # cells next to each other, both pushed towards the other
    assert marked > 10


def test_the_tiles_of_a_batch_have_one_of_many_sides(packed: Path) -> None:
    """A world whose colour rises to the east: how much of the rise a tile shows is its side."""
    pool = load_pool(packed)
    ramp = torch.linspace(0, 255, 500).round().to(torch.uint8)[None, None, :, None].expand(4, 500, 500, 3).contiguous()
    surfaces = Surfaces.stack(ramp, torch.zeros(4, 500, 500), 2.0, [-500.0] * 4, [500.0] * 4)
    pool = replace(pool, surfaces=surfaces)
    flight = FlightRange(tile_m=160, tile_sides=(0.5, 1.2), tile_scale=(1.0, 1.0), from_above=1.0)
    sides = []
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        pairs = random_pairs(pool, 6, 32, flight, generator, photometry_strength=0)
        rise = (pairs.satellite[:, 0, :, -1] - pairs.satellite[:, 0, :, 0]).mean(1) * 32 / 31 / 255 * SIDE_M
        assert float(rise.max() - rise.min()) < 12  # in 8 bits; one side for all of a batch
        sides.append(float(rise.mean()))
    assert 78 < min(sides) < 100 and 165 < max(sides) < 195


def test_worlds_of_the_same_ground_do_not_meet_in_a_batch(packed: Path) -> None:
    pool = replace(load_pool(packed), worlds=6, kin=(0, 1, -1, -1, -1, 5))
    drawn = [pool.draw(6, torch.Generator().manual_seed(seed)) for seed in range(60)]
    assert all(len(one) == 4 and len({pool.kin[world] for world in one}) == 4 for one in drawn)
    assert {world for one in drawn for world in one} == set(range(6))
    assert len(pool.draw(2, torch.Generator())) == 2


def test_a_world_that_is_small_for_its_tiles_is_one_place(packed: Path) -> None:
    pool, flight = load_pool(packed), FlightRange(tile_m=600)
    assert places_of(pool, flight) == pool.worlds
    assert len(random_pairs(pool, 8, 16, flight, torch.Generator().manual_seed(0)).place) == pool.worlds


def test_both_pictures_of_a_pair_are_turned_and_mirrored_alike(packed: Path) -> None:
    pictures = torch.arange(64 * 3 * 5 * 5).reshape(64, 3, 5, 5).float()
    drone, satellite = turned_alike((pictures, pictures + 0.5), torch.Generator().manual_seed(0))
    assert torch.equal(drone + 0.5, satellite)
    shapes = set()
    for before, after in zip(pictures, drone, strict=True):
        ways = [torch.rot90(before, k, (1, 2)) for k in range(4)]
        ways += [way.flip(2) for way in ways]
        found = [number for number, way in enumerate(ways) if torch.equal(way, after)]
        assert len(found) == 1
        shapes.update(found)
    assert shapes == set(range(8))
    pool, flight = load_pool(packed), FlightRange(tile_m=100)
    plain, turned = (
        random_pairs(pool, 8, 16, one, torch.Generator().manual_seed(1), photometry_strength=0)
        for one in (flight, replace(flight, mirrored=True))
    )
    assert torch.allclose(plain.satellite.mean((1, 2, 3)), turned.satellite.mean((1, 2, 3)), atol=1e-3)
    assert not torch.equal(plain.satellite, turned.satellite) and torch.equal(plain.place, turned.place)
