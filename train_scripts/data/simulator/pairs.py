"""Pairs of a drone view and the north-up tile of the same ground, drawn from packed worlds."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from train_scripts.data.simulator.camera import Cameras, ground_grid_rays, looking_at
from train_scripts.data.simulator.renderer import Surfaces, colours_of, height_at, intersect, north_up, render
from train_scripts.data.simulator.sensor import add_haze, another_sensor, photometry, weather
from train_scripts.errors import MissingPart

SAME_GROUND = 0.15
"""Largest share of a view that the tile of another pair may hold for both to be negatives."""

NOT_SEEN = (124.0, 116.0, 104.0)
"""Colour of the ground that a photo does not hold: ImageNet's mean, which is zero to the network."""


@dataclass(frozen=True)
class FlightRange:
    """Ranges that random views are drawn from."""

    tile_m: float = 200.0  # side of a tile on the ground
    tile_scale: tuple[float, float] = (0.85, 1.2)  # tiles in training vary in size by this factor
    tile_sides: tuple[float, float] = (1.0, 1.0)  # in `tile_m`, log-uniform: one for all tiles of a batch and its views
    offset: float = 0.3  # largest distance of the view's ground point from the tile centre, in tile sides
    altitude_m: tuple[float, float] = (80.0, 300.0)  # above the ground point, log-uniform
    pitch_deg: tuple[float, float] = (-90.0, -45.0)
    roll_deg: float = 3.0  # largest roll either way
    fov_deg: tuple[float, float] = (44.0, 64.0)  # of the square picture; turning a photo north up narrows it
    visibility_m: tuple[float, float] = (1500.0, 12000.0)
    heading_deg: float = 45.0  # largest turn from the nearest quarter either way; 45 = any heading
    compass: float = 0.6  # share of views that stand north up but for the error of a compass
    compass_error_deg: float = 6.0  # largest, either way
    from_above: float = 0.0  # share of views brought to the ground plane by the pose that the camera states
    camera_fov_deg: tuple[float, float] = (56.0, 84.0)  # of those views: across the long side of a 4:3 photo
    height_error: float = 0.15  # of that pose, largest either way, as a share; flat ground is assumed as well
    pitch_error_deg: float = 2.0  # of that pose, largest either way
    fov_error: float = 0.04  # of that pose, largest either way, as a share
    weather: float = 0.0  # share of views in fog, darkness, glare, rain, snow or from a shaken camera
    other_sensor: float = 0.0  # share of tiles as web maps have them: blurred, sharpened, their tones stretched
    mirrored: bool = False  # turn by quarters and mirror both pictures of a pair alike: eight grounds of each
    upright: bool = True  # turn views by quarters until north is nearest to up, as a search over four turns shows them


def easier(flight: FlightRange, difficulty: float) -> FlightRange:
    """A range between views that nearly are the tile (0) and the whole range (1): a curriculum's dial."""

    def towards(bounds: tuple[float, float], start: float) -> tuple[float, float]:
        return start + (bounds[0] - start) * difficulty, start + (bounds[1] - start) * difficulty

    like_tile_m = flight.tile_m / (2 * math.tan(math.radians(sum(flight.fov_deg) / 4)))
    return replace(
        flight,
        offset=flight.offset * difficulty,
        altitude_m=towards(flight.altitude_m, like_tile_m),
        pitch_deg=(flight.pitch_deg[0], flight.pitch_deg[0] + (flight.pitch_deg[1] - flight.pitch_deg[0]) * difficulty),
        roll_deg=flight.roll_deg * difficulty,
        tile_scale=towards(flight.tile_scale, 1.0),
        weather=flight.weather * difficulty,
        other_sensor=flight.other_sensor * difficulty,
        heading_deg=flight.heading_deg * difficulty,
    )


def at_scale(flight: FlightRange, tile_m: float) -> FlightRange:
    """The same views of tiles of another size: flights higher or lower in proportion, in the same air."""
    grown = tile_m / flight.tile_m
    low, high = flight.altitude_m
    return replace(flight, tile_m=tile_m, altitude_m=(low * grown, high * grown))


@dataclass(frozen=True)
class Pool:
    """Packed worlds: A appearances each of W worlds share one height map.

    Attributes:
        surfaces: W * A surfaces; world w in appearance a is number w * A + a.
        suns: (W * A, 3) unit directions to the sun.
        worlds, appearances: W and A.
        side_m: side of each square world.
        kin: (W,) numbers; worlds of one number may show the same ground, and only one of them takes part in a batch.
    """

    surfaces: Surfaces
    suns: Tensor
    worlds: int
    appearances: int
    side_m: float
    kin: tuple[int, ...] = ()

    def to(self, device: torch.device | str) -> Pool:
        """The same worlds on a device."""
        return replace(self, surfaces=self.surfaces.to(device), suns=self.suns.to(device))

    def of_side(self, side_m: float) -> Pool:
        """The same pictures, without a copy, as worlds of another side."""
        return replace(self, surfaces=self.surfaces.of_side(side_m), side_m=side_m)

    def draw(self, count: int, generator: torch.Generator) -> list[int]:
        """Different worlds that show different ground, so many at most."""
        order: list[int] = torch.randperm(self.worlds, generator=generator).tolist()
        if self.kin:
            order = list({self.kin[world]: world for world in reversed(order)}.values())[::-1]
        return order[:count]


def load_pool(folder: Path) -> Pool:
    """The worlds that `train_scripts.data.pack` wrote into `folder`, in the order of their names.

    Raises:
        MissingPart: there are none.
    """
    files = sorted(folder.glob("world_*.npz"))
    if not files:
        raise MissingPart(f"No packed worlds in {folder}. Make some: python -m train_scripts.data.pack --out {folder}")
    rgb, heights, walls, suns = [], [], [], []
    for file in files:
        with np.load(file) as packed:
            for picture, sun in zip(packed["rgb"], packed["suns"], strict=True):
                rgb.append(picture)
                heights.append(packed["height"])
                walls.append(packed["wall"])
                suns.append(sun)
            meta = json.loads(str(packed["meta"]))
    count = len(rgb)
    side = float(meta["size_m"])
    surfaces = Surfaces.stack(
        torch.from_numpy(np.stack(rgb)),
        torch.from_numpy(np.stack(heights)),
        float(meta["gsd_m"]),
        [-side / 2] * count,
        [side / 2] * count,
        torch.from_numpy(np.stack(walls)),
    )
    return Pool(surfaces, torch.from_numpy(np.stack(suns)).float(), len(files), count // len(files), side)


@dataclass(frozen=True)
class Pairs:
    """One batch.

    Attributes:
        drone, satellite: (B, 3, S, S) 0..255.
        place: (B,) class numbers.
        same: (B, B), true where view i and the tile of another pair j share so much ground that they are no negatives.
    """

    drone: Tensor
    satellite: Tensor
    place: Tensor
    same: Tensor

    @property
    def views(self) -> tuple[Tensor, Tensor]:
        """Drone and satellite."""
        return self.drone, self.satellite

    def part(self, of: slice) -> Pairs:
        """Some of the pairs."""
        return Pairs(self.drone[of], self.satellite[of], self.place[of], self.same[of, of])


def joined(parts: Sequence[Pairs], first_places: Sequence[int]) -> Pairs:
    """Several batches of different ground as one. Args: first_places: added to the class numbers of each."""
    return Pairs(
        torch.cat([part.drone for part in parts]),
        torch.cat([part.satellite for part in parts]),
        torch.cat([part.place + first for part, first in zip(parts, first_places, strict=True)]),
        torch.block_diag(*(part.same for part in parts)).bool(),
    )


def shared_ground(points: Tensor, centres: Tensor, view_m: Tensor, tile_m: Tensor) -> Tensor:
    """(B, B) share 0..1 of the square around each point that each tile holds, both taken as north up.

    Args:
        points, centres: (B, 2) metres east, north.
        view_m, tile_m: (B,) sides of the squares and of the tiles.
    """
    apart = (points[:, None] - centres[None]).abs()
    reach = (view_m[:, None] + tile_m[None])[..., None] / 2
    least = torch.minimum(view_m[:, None], tile_m[None])[..., None]
    common = torch.minimum((reach - apart).clamp_min(0), least)
    return common.prod(-1) / view_m[:, None] ** 2


def _between(count: int, bounds: tuple[float, float], generator: torch.Generator) -> Tensor:
    return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(count, generator=generator)


def random_cameras(targets: Tensor, flight: FlightRange, generator: torch.Generator) -> Cameras:
    """Cameras that look at `targets` (B, 3) as the flight range allows; pitch leans towards nadir."""
    count = len(targets)
    low, high = flight.altitude_m
    altitude = low * (high / low) ** torch.rand(count, generator=generator)
    steep, flat = flight.pitch_deg
    pitch = steep + (flat - steep) * torch.rand(count, generator=generator) ** 1.3
    quarter = torch.randint(4, (count,), generator=generator) * 90
    known = torch.rand(count, generator=generator) < flight.compass
    reach = torch.where(known, min(flight.compass_error_deg, flight.heading_deg), flight.heading_deg)
    heading = quarter + (torch.rand(count, generator=generator) * 2 - 1) * reach
    roll = (torch.rand(count, generator=generator) * 2 - 1) * flight.roll_deg
    fov = _between(count, flight.fov_deg, generator)
    device = targets.device
    return looking_at(
        targets,
        altitude.to(device),
        (heading % 360).to(device),
        pitch.clamp_min(-89.9).to(device),
        roll.to(device),
        fov.to(device),
    )


def places_of(pool: Pool, flight: FlightRange) -> int:
    """Number of place classes: the cells of one tile side in all worlds."""
    return pool.worlds * _cells(pool, flight) ** 2


def _cells(pool: Pool, flight: FlightRange) -> int:
    """Along a side; a world that is small for its tiles is one cell."""
    return max(1, int((pool.side_m - 1.6 * flight.tile_m) // flight.tile_m))


def random_pairs(
    pool: Pool,
    batch: int,
    size_px: int,
    flight: FlightRange,
    generator: torch.Generator,
    *,
    worlds_per_batch: int = 2,
    steps: int = 20,
    photometry_strength: float = 1.0,
) -> Pairs:
    """A batch of pairs from few worlds, so that negatives are neighbours in the same light.

    Each pair stands in a cell of its own (a cell is one tile wide), and pairs that show some of each other's ground all
    the same are marked (`Pairs.same`): no place is its own negative. One appearance per world dresses the tiles,
    another one the drone views.
    """
    cells = _random_cells(pool, batch, flight, worlds_per_batch, generator)
    count, centre = len(cells.place), cells.centre
    few, many = flight.tile_sides
    seen = at_scale(flight, flight.tile_m * few * (many / few) ** float(torch.rand((), generator=generator)))
    above_seen = replace(seen, altitude_m=flight.altitude_m)  # what is brought to the ground plane has its scale anyway
    side = (seen.tile_m * _between(count, flight.tile_scale, generator)).to(centre.device)
    satellite = north_up(pool.surfaces, cells.tiles, centre, side, size_px)
    offset = ((torch.rand(count, 2, generator=generator) * 2 - 1) * flight.offset).to(centre.device) * side[:, None]
    points = centre + offset
    above = round(count * flight.from_above)  # the batch is in no order but that of its worlds
    shuffled = torch.randperm(count, generator=generator).to(centre.device)
    drone = torch.empty_like(satellite)
    for members, draw, of in ((shuffled[:above], views_from_above, above_seen), (shuffled[above:], drone_views, seen)):
        if len(members):
            asked = Views(pool, cells.views[members], points[members], size_px, of, steps, photometry_strength)
            drone[members] = draw(asked, generator)
    satellite = another_sensor(
        photometry(satellite, generator, 0.4 * photometry_strength), generator, flight.other_sensor
    )
    if flight.mirrored:
        drone, satellite = turned_alike((drone, satellite), generator)
    same = shared_ground(points, centre, torch.full_like(side, seen.tile_m), side) > SAME_GROUND
    ground = cells.tiles // pool.appearances
    same &= ground[:, None] == ground[None]
    return Pairs(drone, satellite, cells.place, same.fill_diagonal_(False))


@dataclass(frozen=True)
class _CellsOfBatch:
    """Where the pairs of a batch stand: surfaces (B,) of tiles and views, centres (B, 2) and class numbers (B,)."""

    tiles: Tensor
    views: Tensor
    centre: Tensor
    place: Tensor


def _random_cells(
    pool: Pool, batch: int, flight: FlightRange, worlds_per_batch: int, generator: torch.Generator
) -> _CellsOfBatch:
    cells = _cells(pool, flight)
    worlds = pool.draw(worlds_per_batch, generator)
    share = -(-batch // len(worlds))
    found: list[tuple[Tensor, ...]] = []
    shift = torch.rand(2, generator=generator)
    for world in worlds:
        picks = torch.randperm(cells * cells, generator=generator)[:share]
        appearance = int(torch.randint(pool.appearances, (), generator=generator))
        views = torch.randint(pool.appearances, (len(picks),), generator=generator)
        jitter = (torch.rand(len(picks), 2, generator=generator) - 0.5) * 0.3
        column, row = picks % cells, picks // cells
        grid = torch.stack([column, row], -1) + 0.5 + jitter + (shift - 0.5)
        first = world * pool.appearances
        tiles = torch.full((len(picks),), first + appearance)
        found.append((tiles, first + views, (grid - cells / 2) * flight.tile_m, world * cells * cells + picks))
    device = pool.surfaces.heights.device
    return _CellsOfBatch(*(torch.cat(parts)[:batch].to(device) for parts in zip(*found, strict=True)))


@dataclass(frozen=True)
class Views:
    """Views to render.

    Attributes:
        pool, which: the worlds, and the surface (B,) of each view.
        points: (B, 2) ground that each view shows in its middle, metres.
        size_px: side of the square pictures.
        flight: ranges of the cameras and the air.
        steps: of the rays.
        photometry_strength: how much light and sensor vary.
    """

    pool: Pool
    which: Tensor
    points: Tensor
    size_px: int
    flight: FlightRange
    steps: int = 20
    photometry_strength: float = 1.0

    def aired(self, picture: Tensor, distance: Tensor, generator: torch.Generator) -> Tensor:
        """The pictures (B, 3, S, S) in the haze, light and weather of a day. Args: distance: (B, S, S) metres."""
        low, high = self.flight.visibility_m
        visibility = (low * (high / low) ** torch.rand(len(self.which), generator=generator)).to(picture.device)
        view = photometry(add_haze(picture, distance, visibility), generator, self.photometry_strength)
        return weather(view, generator, self.flight.weather)


def drone_views(asked: Views, generator: torch.Generator) -> Tensor:
    """(B, 3, S, S) square drone views whose centres show the points."""
    pool, which, points, size_px = asked.pool, asked.which, asked.points, asked.size_px
    ground = height_at(pool.surfaces, which, points[:, :1], points[:, 1:])
    cameras = random_cameras(torch.cat([points, ground], -1), asked.flight, generator)
    picture, hits = render(pool.surfaces, which, cameras, size_px, size_px, steps=asked.steps, sun=pool.suns)
    distance = (hits.points - cameras.position[:, None]).norm(dim=-1).reshape(len(which), size_px, size_px)
    view = asked.aired(picture, distance, generator)
    return turn_upright(view, cameras.heading_deg) if asked.flight.upright else view


def views_from_above(asked: Views, generator: torch.Generator) -> Tensor:
    """(B, 3, S, S) drone photos brought to the ground plane, as `gallery.photo.rectify` does it.

    The points lie anywhere in the photos, and the side of a square is that of a tile; the true pose differs from the
    stated one by the errors of the flight range, and what the photo does not hold has `NOT_SEEN`.
    """
    pool, which, points, size_px = asked.pool, asked.which, asked.points, asked.size_px
    count, device = len(which), points.device
    true, stated, ground = _true_and_stated(asked, generator)
    side = torch.full((count,), asked.flight.tile_m, device=device)
    directions, held = ground_grid_rays(stated, true, torch.cat([points, ground], -1), side, size_px)
    of, pixel = held.nonzero(as_tuple=True)  # half of the square on average: only these rays are followed
    alone = Cameras(
        true.position[of], *(angle[of] for angle in (true.heading_deg, true.pitch_deg, true.roll_deg, true.hfov_deg))
    )
    hits = intersect(pool.surfaces, which[of], alone, directions[of, pixel][:, None], asked.steps)
    colour = colours_of(pool.surfaces, which[of], hits, (side / size_px)[of], sun=pool.suns)
    empty = torch.tensor(NOT_SEEN, device=device)[None, :, None]
    picture = empty.repeat(count, 1, size_px * size_px)
    picture[of, :, pixel] = colour[:, 0]
    distance = torch.zeros(count, size_px * size_px, device=device)
    distance[of, pixel] = (hits.points[:, 0] - alone.position).norm(dim=-1)
    square = count, 3, size_px, size_px
    view = asked.aired(picture.reshape(square), distance.reshape(count, size_px, size_px), generator)
    return torch.where(held.reshape(count, 1, size_px, size_px), view, empty[..., None])


def _true_and_stated(asked: Views, generator: torch.Generator) -> tuple[Cameras, Cameras, Tensor]:
    """Cameras that see the points somewhere in their pictures, what they state of themselves, and the ground's height.

    The height (B, 1) is that of the ground in the middle of their pictures, metres.
    """
    flight, points = asked.flight, asked.points
    count, device = len(points), points.device

    def error(largest: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * largest

    low, high = flight.altitude_m
    altitude = low * (high / low) ** torch.rand(count, generator=generator)
    pitch = _between(count, flight.pitch_deg, generator).clamp_min(-89.9)
    heading = _between(count, (0.0, 360.0), generator)
    fov = _between(count, flight.camera_fov_deg, generator)
    reach = 0.7 * altitude * torch.tan(torch.deg2rad(fov / 2))  # of the footprint around the point under its centre
    aim = points + (torch.stack([error(1.0), error(1.0)], -1) * reach[:, None]).to(device)
    ground = height_at(asked.pool.surfaces, asked.which, aim[:, :1], aim[:, 1:])
    target = torch.cat([aim, ground], -1)
    true = looking_at(
        target, altitude.to(device), heading.to(device), pitch.to(device), error(flight.roll_deg).to(device),
        fov.to(device),
    )  # fmt: skip
    stated_pitch = (pitch + error(flight.pitch_error_deg)).clamp(-89.9, -20)
    stated = looking_at(
        target, (altitude * (1 + error(flight.height_error))).to(device),
        ((heading + error(flight.compass_error_deg)) % 360).to(device), stated_pitch.to(device),
        None, (fov * (1 + error(flight.fov_error))).to(device),
    )  # fmt: skip
    return true, stated, ground


def turn_upright(pictures: Tensor, heading_deg: Tensor) -> Tensor:
    """Turn square pictures (B, 3, S, S) by the quarters that bring north nearest to up, given where their up points."""
    quarters = (heading_deg / 90).round().long() % 4
    turned = torch.empty_like(pictures)
    for quarter in quarters.unique().tolist():
        members = quarters == quarter
        turned[members] = torch.rot90(pictures[members], -quarter, (2, 3))
    return turned


def turned_alike(views: Sequence[Tensor], generator: torch.Generator) -> list[Tensor]:
    """Square pictures (B, 3, S, S) of several views: those of one pair are turned by the same quarters and mirrored."""
    symmetry = torch.randint(8, (len(views[0]),), generator=generator)
    results = [torch.empty_like(view) for view in views]
    for one in range(8):
        members = (symmetry == one).nonzero()[:, 0].to(views[0].device)
        for view, result in zip(views, results, strict=True):
            turned = torch.rot90(view[members], one % 4, (2, 3))
            result[members] = turned.flip(3) if one >= 4 else turned
    return results
