"""Procedural places and their pictures: cells of rendered regions, seen by a satellite and from drones."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gallery.geo import LonLat, moved
from train_scripts.data.simulator.camera import looking_at
from train_scripts.data.simulator.renderer import Surfaces, height_at, north_up, render
from train_scripts.data.simulator.sensor import add_haze, photometry
from train_scripts.data.world.generate import build_scene, random_style
from train_scripts.data.world.rasterise import rasterise
from train_scripts.data.world.shading import days_of_one_place, sun_direction

FIRST_WORLD = 50_000  # seeds from here on: clear of the sample region and of the training worlds
PER_WORLD = 36  # places of one region
MARGIN_M = 150.0  # of region around the cells, for what oblique views see behind their place
ANCHOR = LonLat(170.0, 12.0)
"""The first region: in the open Pacific, nobody takes it for a real place; swapped, it would be no latitude."""


@dataclass(frozen=True)
class PlaceView:
    """One picture of a place: where it is written, and how it looks at the middle of the place.

    Attributes:
        file: below the dataset.
        altitude_m, heading_deg, pitch_deg, fov_deg: of the camera; None as altitude is a north-up satellite picture.
        side_m: of a satellite picture.
        day: 0 is the satellite's, 1 the drone's, 2 that of older tiles.
    """

    file: str
    altitude_m: float | None = None
    heading_deg: float = 0.0
    pitch_deg: float = -90.0
    fov_deg: float = 60.0
    side_m: float = 160.0
    day: int = 0


@dataclass(frozen=True)
class Site:
    """A place to be made, and its pictures; `copies` are further files with the same content."""

    place: str
    part: str  # training and test are never neighbours unless all fits into one region
    views: tuple[PlaceView, ...]
    copies: Mapping[str, str]


@dataclass(frozen=True)
class SiteRegion:
    """Sites of one procedural region, with their cells.

    Attributes:
        number: of the region; decides its seed and where on the Earth it lies.
        spacing_m: between the middles of neighbouring places.
        sites: at most `PER_WORLD`.
        days: appearances that are needed.
    """

    number: int
    spacing_m: float
    sites: tuple[Site, ...]
    days: int

    @property
    def columns(self) -> int:
        """Cells in a row of the region."""
        return math.ceil(math.sqrt(len(self.sites)))

    @property
    def side_m(self) -> float:
        """Side of the region, metres, its margin included."""
        return self.columns * self.spacing_m + 2 * MARGIN_M

    def middle_m(self, index: int) -> tuple[float, float]:
        """Metres east and north of the region's centre of the site `index`."""
        row, column = divmod(index, self.columns)
        half = (self.columns - 1) / 2
        return (column - half) * self.spacing_m, (half - row) * self.spacing_m

    def position(self, index: int) -> LonLat:
        """Where the site `index` lies on the Earth."""
        centre = LonLat(ANCHOR.lon + 0.05 * (self.number % 100), ANCHOR.lat + 0.05 * (self.number // 100))
        return moved(centre, *self.middle_m(index))


def spiral(count: int, folder: str, name: Callable[[int], str]) -> Iterator[PlaceView]:
    """Drone views as University-1652 flies them: three rounds down around the place, always looking at it."""
    for number in range(count):
        way = number / max(count - 1, 1)
        yield PlaceView(
            f"{folder}/{name(number)}",
            altitude_m=150 - 75 * way,
            heading_deg=(360 * 3 * number / count + 17) % 360,
            pitch_deg=-72 + 20 * way,
            day=1,
        )


def circle(count: int, folder: str, height_m: int) -> Iterator[PlaceView]:
    """Drone views as SUES-200 flies them: one round at one height, closer together in the picture the higher it is."""
    for number in range(count):
        heading = (360 * number / count + height_m) % 360
        yield PlaceView(f"{folder}/{number}.jpg", float(height_m), heading, -70.0, 42.0, day=1)


def regions_of(sites: Sequence[Site], spacing_m: float) -> list[SiteRegion]:
    """The sites in regions, in their order; parts share a region only when all sites fit into one."""
    days = 1 + max(view.day for site in sites for view in site.views)
    if len(sites) <= PER_WORLD:
        return [SiteRegion(0, spacing_m, tuple(sites), days)]
    regions: list[SiteRegion] = []
    for part in dict.fromkeys(site.part for site in sites):
        of_part = [site for site in sites if site.part == part]
        for start in range(0, len(of_part), PER_WORLD):
            regions.append(SiteRegion(len(regions), spacing_m, tuple(of_part[start : start + PER_WORLD]), days))
    return regions


def render_region(region: SiteRegion, out: Path, size_px: int, seed: int) -> None:
    """Write all pictures of a region's sites below `out`."""
    world_seed = FIRST_WORLD + 1_000 * seed + region.number
    random = np.random.default_rng(world_seed)
    style = replace(random_style(world_seed, region.side_m), coast=False, island=False, urban=1.6)
    scene = build_scene(world_seed, region.side_m, style)
    days = days_of_one_place(region.days, random, same_year=0.7)
    finest_m = min(_pixel_m(view, size_px) for site in region.sites for view in site.views)
    gsd_m = min(max(0.8 * finest_m, 0.4), 2.0)
    half = region.side_m / 2
    layers = [rasterise(scene, (-half, -half, half, half), gsd_m, day) for day in days]
    surfaces = Surfaces.stack(
        torch.from_numpy(np.stack([one.rgb for one in layers])),
        torch.from_numpy(np.stack([layers[0].height] * len(layers))),
        gsd_m,
        [-half] * len(layers),
        [half] * len(layers),
        torch.from_numpy(np.stack([layers[0].wall] * len(layers))),
    )
    suns = torch.from_numpy(np.stack([sun_direction(day) for day in days])).float()
    for index, site in enumerate(region.sites):
        generator = torch.Generator().manual_seed(world_seed * 100 + index)
        middle = torch.tensor([region.middle_m(index)], dtype=torch.float32)
        pictures = _pictures(surfaces, suns, site.views, middle, size_px, generator)
        for view, picture in zip(site.views, pictures, strict=True):
            _save(picture, out / view.file)
        for copy, original in site.copies.items():
            _link(out / original, out / copy)


def _pixel_m(view: PlaceView, size_px: int) -> float:
    if view.altitude_m is None:
        return view.side_m / size_px
    distance_m = view.altitude_m / math.sin(math.radians(-view.pitch_deg))
    return 2 * distance_m * math.tan(math.radians(view.fov_deg) / 2) / size_px


def _pictures(
    surfaces: Surfaces,
    suns: Tensor,
    views: Sequence[PlaceView],
    middle: Tensor,
    size_px: int,
    generator: torch.Generator,
) -> Tensor:
    """(V, 3, S, S) pictures 0..255 of one place whose middle (1, 2) is given, in the order of the views."""
    which = torch.tensor([view.day for view in views])
    result = torch.empty(len(views), 3, size_px, size_px)
    above = torch.tensor([view.altitude_m is None for view in views])
    if above.any():
        sides = torch.tensor([view.side_m for view in views])[above]
        tiles = north_up(surfaces, which[above], middle.expand(int(above.sum()), 2), sides, size_px)
        result[above] = photometry(tiles, generator, 0.3)
    if (~above).any():
        flown = [view for view in views if view.altitude_m is not None]
        count = len(flown)
        ground = height_at(surfaces, which[~above], middle[:, :1].expand(count, 1), middle[:, 1:].expand(count, 1))
        cameras = looking_at(
            torch.cat([middle.expand(count, 2), ground], -1),
            torch.tensor([view.altitude_m for view in flown]),
            torch.tensor([view.heading_deg for view in flown]),
            torch.tensor([max(view.pitch_deg, -89.9) for view in flown]),
            None,
            torch.tensor([view.fov_deg for view in flown]),
        )
        picture, hits = render(surfaces, which[~above], cameras, size_px, size_px, steps=32, sun=suns)
        distance = (hits.points - cameras.position[:, None]).norm(dim=-1).reshape(count, size_px, size_px)
        visibility = 3000 * 4 ** torch.rand(count, generator=generator)
        result[~above] = photometry(add_haze(picture, distance, visibility), generator, 0.6)
    return result


def _save(picture: Tensor, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(picture.permute(1, 2, 0).round().clamp(0, 255).byte().numpy())
    if file.suffix.lower() in (".jpg", ".jpeg"):
        image.save(file, quality=90)
    else:
        image.save(file)


def _link(original: Path, copy: Path) -> None:
    """Another name for a file; a copy where the disk knows no hard links."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(original, copy)
    except OSError:
        shutil.copyfile(original, copy)
