"""Cameras and the renderer: geometry against closed forms, flat worlds, walls and occlusion."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from train_scripts.data.simulator.camera import Cameras, looking_at, pixel_grid, rays, rotation
from train_scripts.data.simulator.renderer import (
    Surfaces,
    footprints,
    ground_points,
    height_at,
    intersect,
    north_up,
    render,
)

SIZE = 256


def surface(heights: Tensor | None = None, rgb: Tensor | None = None, gsd_m: float = 1.0) -> Surfaces:
    heights = torch.zeros(SIZE, SIZE) if heights is None else heights
    if rgb is None:
        ramp = torch.arange(SIZE, dtype=torch.float32)
        blue = torch.full((SIZE, SIZE), 90.0)
        rgb = torch.stack([ramp[None].expand(SIZE, -1), ramp[:, None].expand(-1, SIZE), blue], -1)
    half = SIZE * gsd_m / 2
    walls = torch.full((1, SIZE, SIZE, 3), 200, dtype=torch.uint8)
    return Surfaces.stack(rgb.to(torch.uint8)[None], heights[None], gsd_m, [-half], [half], walls)


def one(value: float) -> Tensor:
    return torch.tensor([float(value)])


def camera(
    x: float = 0, y: float = 0, altitude: float = 60, heading: float = 0, pitch: float = -89.99, fov: float = 60
) -> Cameras:
    return looking_at(torch.tensor([[x, y, 0.0]]), one(altitude), one(heading), one(pitch), hfov_deg=fov)


FIRST = torch.zeros(1, dtype=torch.long)


@given(st.floats(0, 360), st.floats(-89, -10), st.floats(-30, 30))
def test_the_camera_axes_are_a_rotation(heading: float, pitch: float, roll: float) -> None:
    axes = rotation(looking_at(torch.zeros(1, 3), one(50), one(heading), one(pitch), one(roll)))[0]
    assert torch.allclose(axes.T @ axes, torch.eye(3), atol=1e-5)
    assert torch.linalg.det(axes) == pytest.approx(1, abs=1e-4)


@settings(max_examples=40)
@given(st.floats(0, 360), st.floats(-89, -45), st.floats(20, 90), st.floats(-20, 20), st.floats(-20, 20))
def test_the_image_centre_shows_the_target_on_flat_ground(
    heading: float, pitch: float, altitude: float, x: float, y: float
) -> None:
    found = ground_points(surface(), FIRST, camera(x, y, altitude, heading, pitch))[0]
    assert found[:2].tolist() == pytest.approx([x, y], abs=0.1)


def test_heading_is_clockwise_from_north() -> None:
    ahead = rays(camera(heading=90, pitch=-45), torch.zeros(1, 2), 100)[0, 0]
    assert ahead[0] > 0.5 and abs(ahead[1]) < 1e-5


def test_nadir_view_heading_north_is_the_tile() -> None:
    """simulate(tilt = 0, heading = 0) is the tile."""
    altitude, fov = 60.0, 60.0
    side = 2 * altitude * math.tan(math.radians(fov / 2))
    view, _ = render(surface(), FIRST, camera(altitude=altitude, fov=fov), 32, 32)
    tile = north_up(surface(), FIRST, torch.zeros(1, 2), one(side), 32)
    assert torch.allclose(view, tile, atol=1.0)


def test_the_nadir_view_of_an_eastern_heading_is_the_tile_with_east_above() -> None:
    side = 2 * 60 * math.tan(math.radians(30))
    view, _ = render(surface(), FIRST, camera(heading=90, altitude=60), 32, 32)
    tile = north_up(surface(), FIRST, torch.zeros(1, 2), one(side), 32)
    assert torch.allclose(view, tile.rot90(1, (2, 3)), atol=1.0)


def test_red_grows_east_and_green_grows_south() -> None:
    view, _ = render(surface(), FIRST, camera(), 32, 32)
    assert view[0, 0, 16, 31] > view[0, 0, 16, 0]
    assert view[0, 1, 31, 16] > view[0, 1, 0, 16]


def test_footprint_of_a_nadir_view_is_its_square() -> None:
    outline = footprints(surface(), FIRST, camera(altitude=50, fov=60), 100, 100, per_side=1)[0]
    half = 50 * math.tan(math.radians(30))
    expected = torch.tensor([[-half, half], [half, half], [half, -half], [-half, -half]])
    assert torch.allclose(outline, expected, atol=0.2)


def _block() -> Tensor:
    heights = torch.zeros(SIZE, SIZE)
    heights[108:148, 108:148] = 20  # 40 m square around the centre, 20 m high
    return heights


def test_a_wall_hides_the_ground_behind_it_and_shows_its_own_colour() -> None:
    surfaces = surface(_block(), torch.full((SIZE, SIZE, 3), 50.0))
    south = camera(y=-30, altitude=60, heading=0, pitch=-45, fov=70)
    view, hits = render(surfaces, FIRST, south, 64, 64, steps=200)
    points = hits.points[0]
    on_wall = (points[:, 2] > 1) & (points[:, 2] < 18.5)
    assert on_wall.sum() > 30
    assert points[on_wall, 1].sub(-20).abs().median() < 1.5  # the southern wall stands at y = -20
    colours = view[0].reshape(3, -1)[:, on_wall]
    assert colours.mean() > 90  # walls are light, roofs and ground are dark
    shadow = (points[:, 1] > 20.5) & (points[:, 1] < 25) & (points[:, 0].abs() < 15)
    assert not bool(shadow.any())  # the ground close behind the block is out of sight


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.floats(-89, -45), st.floats(0, 360))
def test_the_march_agrees_with_a_fine_walk_along_the_ray(seed: int, pitch: float, heading: float) -> None:
    """Brute force: walk every ray in 5 cm steps; the fast descent finds the same point but for its step of height."""
    generator = torch.Generator().manual_seed(seed)
    smooth = torch.nn.functional.interpolate(
        torch.rand(1, 1, 12, 12, generator=generator) * 15, (SIZE, SIZE), mode="bicubic", align_corners=True
    )[0, 0]
    surfaces = surface(smooth)
    cameras = camera(altitude=60, heading=heading, pitch=pitch, fov=40)
    directions = rays(cameras, pixel_grid(3, 3) * 8, 32)
    fast = intersect(surfaces, FIRST, cameras, directions, 400).points[0]
    unit = directions[0] / directions[0].norm(dim=-1, keepdim=True)
    lengths = torch.arange(0, 260, 0.05)
    walk = cameras.position[0] + unit[:, None] * lengths[:, None]
    ground = height_at(surfaces, FIRST, walk[..., 0].reshape(1, -1), walk[..., 1].reshape(1, -1))
    below = walk[..., 2] <= ground.reshape(walk.shape[:2])
    slow = torch.stack([walk[i, int(below[i].float().argmax())] for i in range(len(unit))])
    inside = slow[:, :2].abs().amax(1) < SIZE / 2 - 2
    assert (fast - slow).norm(dim=-1)[inside].max() < 0.6


def test_coarse_pictures_come_from_the_pyramid_and_do_not_alias() -> None:
    checker = ((torch.arange(SIZE)[:, None] + torch.arange(SIZE)[None]) % 2 * 200.0)[..., None].expand(-1, -1, 3)
    tile = north_up(surface(rgb=checker), FIRST, torch.zeros(1, 2), one(200), 24)
    assert tile.std() < 5 and tile.mean() == pytest.approx(100, abs=3)


def test_surfaces_may_differ_within_a_batch() -> None:
    dark, bright = torch.full((64, 64, 3), 20, dtype=torch.uint8), torch.full((64, 64, 3), 220, dtype=torch.uint8)
    stack = Surfaces.stack(torch.stack([dark, bright]), torch.zeros(2, 64, 64), 1.0, [-32, -32], [32, 32])
    tiles = north_up(stack, torch.tensor([1, 0]), torch.zeros(2, 2), torch.full((2,), 20.0), 8)
    assert tiles[0].mean() == pytest.approx(220) and tiles[1].mean() == pytest.approx(20)
