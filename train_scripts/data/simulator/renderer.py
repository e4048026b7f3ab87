"""Perspective views of any orthophoto with a height map, as batched tensor code for CPU and GPU.

A ray descends from the highest to the lowest ground in equal steps of height, the first step below the surface is
refined by bisection, and the point is coloured: from the orthophoto where the ray meets the top of the surface, from
the wall layer where it enters the side of a height step. Colours come from the pyramid level that fits the pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from train_scripts.data.simulator.camera import Cameras, pixel_grid, rays

WALL_STEP_M = 1.0  # a ray that enters this far below the top of a cell has met a wall
LEVELS = 4  # of each orthophoto, every one half as fine as the one before
EXACT_STEPS = 256  # of the descent, where single points are asked for
BISECTIONS = 4
LEAST_DESCENT = 0.05  # rays flatter than this slope are bent down to it: they meet haze far away, never the sky


@dataclass(frozen=True)
class Surfaces:
    """A stack of S orthophotos with heights on one grid size, flattened for gathering.

    Attributes:
        colours: one (S * H_l * W_l, 3) uint8 table per pyramid level l, level 0 first, each half the one before.
        heights: (S * H * W,) metres above sea level.
        walls: (S * H * W, 3) uint8 facade colours, or None: walls then repeat the darkened orthophoto.
        count, height_px, width_px: S, H, W.
        west_m, north_m: (S,) metres of the upper left corner.
        gsd_m: metres per pixel at level 0.
        lowest_m, highest_m: (S,) range of the heights.
    """

    colours: tuple[Tensor, ...]
    heights: Tensor
    walls: Tensor | None
    count: int
    height_px: int
    width_px: int
    west_m: Tensor
    north_m: Tensor
    gsd_m: float
    lowest_m: Tensor
    highest_m: Tensor

    @classmethod
    def stack(
        cls,
        rgb: Tensor,
        heights: Tensor,
        gsd_m: float,
        west_m: Sequence[float],
        north_m: Sequence[float],
        walls: Tensor | None = None,
    ) -> Surfaces:
        """Join (S, H, W, 3) uint8 orthophotos, (S, H, W) heights and optionally (S, H, W, 3) uint8 walls."""
        count, height_px, width_px = heights.shape
        tables = [rgb.reshape(-1, 3)]
        level = rgb
        for _ in range(LEVELS - 1):
            if min(level.shape[1:3]) < 4:
                break
            pooled = [F.avg_pool2d(one.permute(2, 0, 1)[None].float(), 2)[0] for one in level]  # one by one: memory
            level = torch.stack([p.round().to(torch.uint8).permute(1, 2, 0) for p in pooled])
            tables.append(level.reshape(-1, 3))
        flat = heights.reshape(count, -1)
        return cls(
            colours=tuple(tables),
            heights=heights.reshape(-1),
            walls=None if walls is None else walls.reshape(-1, 3),
            count=count,
            height_px=height_px,
            width_px=width_px,
            west_m=torch.tensor(west_m, dtype=torch.float32, device=rgb.device),
            north_m=torch.tensor(north_m, dtype=torch.float32, device=rgb.device),
            gsd_m=gsd_m,
            lowest_m=flat.amin(1).float(),
            highest_m=flat.amax(1).float(),
        )

    def of_side(self, side_m: float) -> Surfaces:
        """The same pictures, without a copy, as squares of another side around the origin."""
        half = torch.full_like(self.west_m, side_m / 2)
        return replace(self, gsd_m=side_m / self.width_px, west_m=-half, north_m=half)

    def to(self, device: torch.device | str) -> Surfaces:
        """The same surfaces on a device."""
        return Surfaces(
            tuple(c.to(device) for c in self.colours),
            self.heights.to(device),
            None if self.walls is None else self.walls.to(device),
            self.count,
            self.height_px,
            self.width_px,
            self.west_m.to(device),
            self.north_m.to(device),
            self.gsd_m,
            self.lowest_m.to(device),
            self.highest_m.to(device),
        )


def _cell(surfaces: Surfaces, which: Tensor, column: Tensor, row: Tensor) -> Tensor:
    """Flat index of the cells that hold the pixel coordinates (B, P), clamped to the edge."""
    c = column.long().clamp_(0, surfaces.width_px - 1)
    r = row.long().clamp_(0, surfaces.height_px - 1)
    return (which * (surfaces.height_px * surfaces.width_px))[:, None] + r * surfaces.width_px + c


def height_at(surfaces: Surfaces, which: Tensor, x_m: Tensor, y_m: Tensor) -> Tensor:
    """(B, P) heights in metres under the points (B, P) of the surfaces `which` (B,)."""
    column = (x_m - surfaces.west_m[which, None]) / surfaces.gsd_m
    row = (surfaces.north_m[which, None] - y_m) / surfaces.gsd_m
    return surfaces.heights[_cell(surfaces, which, column, row)].float()


def sample_colours(surfaces: Surfaces, which: Tensor, x_m: Tensor, y_m: Tensor, level: int) -> Tensor:
    """(B, P, 3) colours 0..255, bilinear, of one pyramid level at the points (B, P)."""
    height = surfaces.height_px >> level
    width = surfaces.width_px >> level
    gsd = surfaces.gsd_m * (1 << level)
    column = ((x_m - surfaces.west_m[which, None]) / gsd - 0.5).clamp_(0, width - 1.001)
    row = ((surfaces.north_m[which, None] - y_m) / gsd - 0.5).clamp_(0, height - 1.001)
    c, r = column.long(), row.long()
    fc, fr = (column - c)[..., None], (row - r)[..., None]
    index = (which * (height * width))[:, None] + r * width + c
    table = surfaces.colours[level]
    upper = torch.lerp(table[index].float(), table[index + 1].float(), fc)
    lower = torch.lerp(table[index + width].float(), table[index + width + 1].float(), fc)
    return torch.lerp(upper, lower, fr)


@dataclass(frozen=True)
class Hits:
    """Where rays meet the surface: points (B, P, 3) in metres, `inside` (B, P) false where a ray left the raster."""

    points: Tensor
    inside: Tensor


def intersect(surfaces: Surfaces, which: Tensor, cameras: Cameras, directions: Tensor, steps: int) -> Hits:
    """First point of each ray on the height map.

    Args:
        surfaces: the stack; `which` (B,) long names the surface under each camera.
        cameras: B cameras.
        directions: (B, P, 3), not necessarily normalised.
        steps: equal steps of height between the highest and the lowest ground.
    """
    down = (-directions[..., 2]).clamp_min(LEAST_DESCENT * directions.norm(dim=-1))
    slope_column = directions[..., 0] / down / surfaces.gsd_m  # pixels per metre of descent
    slope_row = -directions[..., 1] / down / surfaces.gsd_m
    z0 = cameras.position[:, 2:3]
    column0 = (cameras.position[:, 0:1] - surfaces.west_m[which, None]) / surfaces.gsd_m
    row0 = (surfaces.north_m[which, None] - cameras.position[:, 1:2]) / surfaces.gsd_m
    top = torch.minimum(surfaces.highest_m[which, None] + 0.01, z0 - 0.5)
    step = (top - surfaces.lowest_m[which, None] + 0.02) / steps

    def below(z: Tensor) -> Tensor:
        fall = z0 - z
        cell = _cell(surfaces, which, column0 + slope_column * fall, row0 + slope_row * fall)
        return surfaces.heights[cell] >= z

    low = (top - step * steps).expand_as(down).clone()
    found = torch.zeros_like(down, dtype=torch.bool)
    for k in range(1, steps + 1):
        z = (top - step * k).expand_as(down)
        new = below(z) & ~found
        low = torch.where(new, z, low)
        found |= new
    high = low + step
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        hit = below(middle)
        low, high = torch.where(hit, middle, low), torch.where(hit, high, middle)
    fall = z0 - low
    column, row = column0 + slope_column * fall, row0 + slope_row * fall
    inside = (column >= 0) & (column < surfaces.width_px) & (row >= 0) & (row < surfaces.height_px)
    x = surfaces.west_m[which, None] + column * surfaces.gsd_m
    y = surfaces.north_m[which, None] - row * surfaces.gsd_m
    return Hits(torch.stack([x, y, low], -1), inside)


def _rise(surfaces: Surfaces, which: Tensor, points: Tensor) -> Tensor:
    """(B, P) how far below the top of its cell each point (B, P, 3) lies, metres: above zero on the side of a step."""
    return height_at(surfaces, which, points[..., 0], points[..., 1]) - points[..., 2]


def _wall_colours(surfaces: Surfaces, which: Tensor, points: Tensor, sun: Tensor | None) -> Tensor:
    """Facade colours (N, 3) with storeys and windows, of points (N, 3) that lie on the surfaces `which` (N,)."""
    x, y, z = (axis[:, None] for axis in points.unbind(-1))
    column = (x - surfaces.west_m[which, None]) / surfaces.gsd_m
    row = (surfaces.north_m[which, None] - y) / surfaces.gsd_m

    def height(right: float, down: float) -> Tensor:
        return surfaces.heights[_cell(surfaces, which, column + right, row + down)].float()

    reach = 1.5  # pixels: far enough to see past the roughness of a rasterised edge
    top, east, west, north, south = (
        height(*step) for step in ((0, 0), (reach, 0), (-reach, 0), (0, -reach), (0, reach))
    )
    normal = torch.cat([west - east, south - north], -1)
    normal = normal / normal.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    if surfaces.walls is None:
        colour = sample_colours(surfaces, which, x, y, 0)[:, 0] * 0.75
        built = torch.zeros_like(x, dtype=torch.bool)
    else:
        colour = surfaces.walls[_cell(surfaces, which, column, row)][:, 0].float()
        red, green, blue = colour.unbind(-1)
        built = ~((green > red + 8) & (green > blue))[:, None]  # trees have no windows
    if sun is not None:
        lit = (normal * sun[which, :2]).sum(-1, keepdim=True).clamp_min(0)
        colour = colour * (0.62 + 0.5 * lit)
    along = x * normal[:, 1:] - y * normal[:, :1]
    foot = torch.minimum(torch.minimum(east, west), torch.minimum(north, south))
    storey, bay = torch.remainder(z - foot, 3.0) / 3.0, torch.remainder(along, 2.6) / 2.6
    window = (storey > 0.35) & (storey < 0.8) & (bay > 0.3) & (bay < 0.7) & (top - z > 0.6) & (top - foot > 2.5)
    glass = torch.tensor([58.0, 70.0, 84.0], device=colour.device)
    return torch.where(window & built, 0.35 * colour + 0.65 * glass, colour)


def render(
    surfaces: Surfaces,
    which: Tensor,
    cameras: Cameras,
    width: int,
    height: int,
    *,
    steps: int = 24,
    facades: bool = True,
    sun: Tensor | None = None,
) -> tuple[Tensor, Hits]:
    """Views of the surfaces.

    Args:
        surfaces: S orthophotos with heights.
        which: (B,) long, the surface under each camera.
        cameras: B cameras on the same device.
        width, height: picture size in pixels.
        steps: steps of the descent; more find thinner things.
        facades: colour walls; without it walls repeat the edge of the roof.
        sun: (S, 3) direction to the sun per surface, for the light on walls.

    Returns:
        (B, 3, height, width) float pictures 0..255, and the hit points of all pixels, row by row.
    """
    directions = rays(cameras, pixel_grid(width, height, which.device), width)
    hits = intersect(surfaces, which, cameras, directions, steps)
    distance = (hits.points - cameras.position[:, None]).norm(dim=-1).median(dim=1).values
    pixel_m = distance * 2 * torch.tan(0.5 * torch.deg2rad(cameras.hfov_deg)) / width
    colour = colours_of(surfaces, which, hits, pixel_m, facades=facades, sun=sun)
    return colour.reshape(len(cameras), height, width, 3).permute(0, 3, 1, 2), hits


def colours_of(
    surfaces: Surfaces, which: Tensor, hits: Hits, pixel_m: Tensor, *, facades: bool = True, sun: Tensor | None = None
) -> Tensor:
    """(B, P, 3) colours 0..255 of hit points, smoothed for pixels that are `pixel_m` (B,) metres wide on the ground."""
    x, y, _ = hits.points.unbind(-1)
    level = torch.log2(pixel_m / surfaces.gsd_m).round().clamp(0, len(surfaces.colours) - 1).long()
    colour = torch.empty(*x.shape, 3, device=x.device)
    for one in level.unique().tolist():
        members = (level == one).nonzero()[:, 0]
        colour[members] = sample_colours(surfaces, which[members], x[members], y[members], one)
    if facades:
        share = ((_rise(surfaces, which, hits.points) - WALL_STEP_M) / 0.5 + 0.5).clamp(0, 1)
        on_wall = share > 0  # few pixels: only they are worth the facade
        rows = on_wall.nonzero()[:, 0]
        wall = _wall_colours(surfaces, which[rows], hits.points[on_wall], sun)
        colour[on_wall] = torch.lerp(colour[on_wall], wall, share[on_wall][:, None])
    return colour


def ground_points(surfaces: Surfaces, which: Tensor, cameras: Cameras) -> Tensor:
    """(B, 3) points under the image centres."""
    centre = torch.zeros(1, 2, device=which.device)
    return intersect(surfaces, which, cameras, rays(cameras, centre, 1), EXACT_STEPS).points[:, 0]


def footprints(
    surfaces: Surfaces, which: Tensor, cameras: Cameras, width: int, height: int, *, per_side: int = 4
) -> Tensor:
    """(B, 4 * per_side, 2) ground polygons of the pictures' borders, clockwise from the upper left corner."""
    t = torch.linspace(0, 1, per_side + 1, device=which.device)[:-1]
    w, h = width / 2, height / 2
    border = torch.cat(
        [
            torch.stack([-w + 2 * w * t, torch.full_like(t, -h)], -1),
            torch.stack([torch.full_like(t, w), -h + 2 * h * t], -1),
            torch.stack([w - 2 * w * t, torch.full_like(t, h)], -1),
            torch.stack([torch.full_like(t, -w), h - 2 * h * t], -1),
        ]
    )
    return intersect(surfaces, which, cameras, rays(cameras, border, width), EXACT_STEPS).points[..., :2]


def north_up(surfaces: Surfaces, which: Tensor, centres: Tensor, side_m: Tensor, size: int) -> Tensor:
    """Square pictures straight from the orthophoto, as a satellite tile shows it.

    Args:
        centres: (B, 2) metres east, north.
        side_m: (B,) side of the square on the ground.
        size: pixels of a side.

    Returns:
        (B, 3, size, size) float 0..255.
    """
    grid = pixel_grid(size, size, which.device) / size
    x = centres[:, :1] + grid[None, :, 0] * side_m[:, None]
    y = centres[:, 1:] - grid[None, :, 1] * side_m[:, None]
    level = (torch.log2(side_m / size / surfaces.gsd_m).round().clamp(0, len(surfaces.colours) - 1)).long()
    colour = torch.empty(*x.shape, 3, device=x.device)
    for one in level.unique().tolist():
        members = (level == one).nonzero()[:, 0]
        colour[members] = sample_colours(surfaces, which[members], x[members], y[members], one)
    return colour.reshape(len(which), size, size, 3).permute(0, 3, 1, 2)
