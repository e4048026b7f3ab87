"""Makes small procedural datasets in the layouts of the published ones, so that readers, training and evaluation run.

Places are cells of procedural regions, rendered once from above as the satellite sees them and from many drone poses on
another day. Everything is decided by the seed.
"""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gallery.geo import LonLat, moved
from train_scripts.data.camera import looking_at
from train_scripts.data.check_dataset import MADE_FILE
from train_scripts.data.denseuav import HEIGHTS as DENSE_HEIGHTS
from train_scripts.data.errors import BadRequest
from train_scripts.data.pack import days_of_one_place, sun_direction
from train_scripts.data.readers import DatasetKind
from train_scripts.data.renderer import Surfaces, height_at, north_up, render
from train_scripts.data.sensor import add_haze, photometry
from train_scripts.data.sues200 import HEIGHTS as SUES_HEIGHTS
from train_scripts.data.sues200 import TEST_PLACES, TRAINING_PLACES
from train_scripts.data.world import build_scene, random_style, rasterise

FIRST_WORLD = 50_000  # seeds from here on: clear of the sample region and of the training worlds
PER_WORLD = 36  # places of one region
MARGIN_M = 150.0  # of region around the cells, for what oblique views see behind their place
ANCHOR = LonLat(170.0, 12.0)
"""The first region: in the open Pacific, nobody takes it for a real place; swapped, it would be no latitude."""

Positions = Literal["kml", "csv", "none"]


@dataclass(frozen=True)
class Size:
    """How much to make.

    Attributes:
        train, test: places to train with, and places that ask.
        distractors: places of the gallery that nobody asks for.
        views: drone pictures of a place (per height for SUES-200; DenseUAV has its three heights instead).
        size_px: side of the square pictures.
        seed: decides everything.
        workers: processes that render.
    """

    train: int = 6
    test: int = 4
    distractors: int = 2
    views: int = 6
    size_px: int = 96
    seed: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        if min(self.train, self.distractors) < 0 or self.test < 1 or self.views < 1 or self.workers < 1:
            raise BadRequest("A dataset needs at least one test place, one view and one worker, and no negative count.")
        if not 32 <= self.size_px <= 1024:
            raise BadRequest(f"Pictures of {self.size_px} px cannot be made. Choose 32 to 1024.")


@dataclass(frozen=True)
class View:
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
    views: tuple[View, ...]
    copies: Mapping[str, str]


@dataclass(frozen=True)
class Region:
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
        return math.ceil(math.sqrt(len(self.sites)))

    @property
    def side_m(self) -> float:
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


def spiral(count: int, folder: str, name: Callable[[int], str]) -> Iterator[View]:
    """Drone views as University-1652 flies them: three rounds down around the place, always looking at it."""
    for number in range(count):
        way = number / max(count - 1, 1)
        yield View(
            f"{folder}/{name(number)}",
            altitude_m=150 - 75 * way,
            heading_deg=(360 * 3 * number / count + 17) % 360,
            pitch_deg=-72 + 20 * way,
            day=1,
        )


def circle(count: int, folder: str, height_m: int) -> Iterator[View]:
    """Drone views as SUES-200 flies them: one round at one height, closer together in the picture the higher it is."""
    for number in range(count):
        heading = (360 * number / count + height_m) % 360
        yield View(f"{folder}/{number}.jpg", float(height_m), heading, -70.0, 42.0, day=1)


def regions_of(sites: Sequence[Site], spacing_m: float) -> list[Region]:
    """The sites in regions, in their order; parts share a region only when all sites fit into one."""
    days = 1 + max(view.day for site in sites for view in site.views)
    if len(sites) <= PER_WORLD:
        return [Region(0, spacing_m, tuple(sites), days)]
    regions: list[Region] = []
    for part in dict.fromkeys(site.part for site in sites):
        of_part = [site for site in sites if site.part == part]
        for start in range(0, len(of_part), PER_WORLD):
            regions.append(Region(len(regions), spacing_m, tuple(of_part[start : start + PER_WORLD]), days))
    return regions


def render_region(region: Region, out: Path, size_px: int, seed: int) -> None:
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


def _pixel_m(view: View, size_px: int) -> float:
    if view.altitude_m is None:
        return view.side_m / size_px
    distance_m = view.altitude_m / math.sin(math.radians(-view.pitch_deg))
    return 2 * distance_m * math.tan(math.radians(view.fov_deg) / 2) / size_px


def _pictures(
    surfaces: Surfaces, suns: Tensor, views: Sequence[View], middle: Tensor, size_px: int, generator: torch.Generator
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


def _render_alone(region: Region, out: Path, size_px: int, seed: int) -> None:
    torch.set_num_threads(1)  # the workers are the parallelism
    render_region(region, out, size_px, seed)


def make(
    kind: DatasetKind,
    out: Path,
    sites: Sequence[Site],
    size: Size,
    *,
    spacing_m: float,
    inside: str = "",
    empty: Iterable[str] = (),
    finish: Callable[[Path, Mapping[str, LonLat]], None] = lambda folder, positions: None,
) -> dict[str, LonLat]:
    """Render sites into a new folder, which appears when it is whole.

    Args:
        inside: folder in `out` that holds the dataset.
        empty: folders without pictures.
        finish: writes what else belongs to the dataset, such as positions.

    Returns:
        The true position of each place.

    Raises:
        BadRequest: there is something in `out` already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadRequest(f"{out.name} is not empty. Choose a new folder.")
    beside = out.with_name(out.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    top = beside / inside
    top.mkdir(parents=True)
    regions = regions_of(sites, spacing_m)
    if size.workers > 1 and len(regions) > 1:
        # spawn: a fork of a process whose torch has threads may never wake
        with ProcessPoolExecutor(size.workers, mp_context=get_context("spawn")) as pool:
            list(pool.map(partial(_render_alone, out=top, size_px=size.size_px, seed=size.seed), regions))
    else:
        for region in regions:
            render_region(region, top, size.size_px, size.seed)
    for folder in empty:
        (top / folder).mkdir(parents=True, exist_ok=True)
    positions = {site.place: region.position(i) for region in regions for i, site in enumerate(region.sites)}
    finish(top, positions)
    files = [file for site in sites for file in (*(view.file for view in site.views), *site.copies)]
    told = {"kind": kind, "seed": size.seed, "parts": _counts(kind, files, empty)}
    (top / MADE_FILE).write_text(json.dumps(told, indent=1))
    if out.exists():
        out.rmdir()
    beside.rename(out)
    return positions


def _counts(kind: DatasetKind, files: Iterable[str], empty: Iterable[str]) -> dict[str, dict[str, int]]:
    """Pictures by part and place, as `check_dataset` names the parts."""
    parts: dict[str, dict[str, int]] = {}
    for path, one in [*((file.rpartition("/")[0], 1) for file in files), *((folder, 0) for folder in empty)]:
        words = path.split("/")
        if kind == "sues200" and words[0].startswith("drone"):  # drone_view_512/<place>/<height>
            part, place = f"drone {words[2]}", words[1]
        elif kind == "folders" and words[-1] in ("drone", "satellite"):  # <place>/drone
            part, place = "/".join([*words[:-2], words[-1]]), words[-2]
        else:
            part, place = "/".join(words[:-1]), words[-1]
        of = parts.setdefault(part, {})
        of[place] = of.get(place, 0) + one
    return parts


def make_university1652(
    out: Path,
    size: Size = Size(),
    *,
    release_name: bool = False,
    street: bool = False,
    positions: Positions = "kml",
) -> dict[str, LonLat]:
    """A dataset in the layout of University-1652: `size.views` drone pictures per place, place 0000 with one more.

    Args:
        out: a new folder; it holds train/ and test/.
        release_name: put them into University-Release/, as the archive unpacks.
        street: street and google views too, the google folder of one training place empty; they are views from low
            above, the renderer cannot stand on a street.
        positions: as KML named by place and name, as CSV, or none.

    Returns:
        The true position of each place.
    """
    image = "image-{:02d}.jpeg".format
    sites, empty = [], []
    total = size.test + size.train + size.distractors
    for number in range(total):
        place = f"{number:04d}"
        count = size.views + (number == 0)
        if number >= size.test and number < size.test + size.train:
            views = [*spiral(count, f"train/drone/{place}", lambda i: image(i + 1))]
            views.append(View(f"train/satellite/{place}/{place}.jpg"))
            if street:
                views += [_low(f"train/street/{place}/{i + 1}.jpg", i) for i in range(2)]
                if number == size.test:
                    empty.append(f"train/google/{place}")
                else:
                    views.append(_low(f"train/google/{place}/{place}_1.jpg", 3))
            sites.append(Site(place, "train", tuple(views), {}))
            continue
        asked = number < size.test
        views = [*spiral(count, f"test/gallery_drone/{place}", lambda i: image(i + 1))]
        views.append(View(f"test/gallery_satellite/{place}/{place}.jpg"))
        if street and (asked or number % 2):  # some distractors have no street view
            views += [_low(f"test/gallery_street/{place}/{i + 1}.jpg", i) for i in range(2)]
        copies = {view.file.replace("gallery_", "query_"): view.file for view in views} if asked else {}
        sites.append(Site(place, "test", tuple(views), copies))

    def finish(top: Path, where: Mapping[str, LonLat]) -> None:
        if positions == "kml":
            write_kml(top / "positions.kml", {f"{place} Hall {int(place)}": at for place, at in where.items()})
        elif positions == "csv":
            write_csv(top / "positions.csv", where)

    inside = "University-Release" if release_name else ""
    return make("university1652", out, sites, size, spacing_m=170, inside=inside, empty=empty, finish=finish)


def _low(file: str, number: int) -> View:
    return View(file, altitude_m=25.0, heading_deg=90.0 * number, pitch_deg=-30.0, fov_deg=70.0, day=1)


def make_sues200(
    out: Path, size: Size = Size(), *, layout: Literal["original", "split"] = "original"
) -> dict[str, LonLat]:
    """A dataset in a layout of SUES-200: `size.views` drone pictures per place and height, places as published.

    The gallery's distractors are the training places; there are no others, and no positions are written.

    Raises:
        BadRequest: there are more than 120 training or 80 test places.
    """
    if size.train > len(TRAINING_PLACES) or size.test > len(TEST_PLACES):
        raise BadRequest(f"SUES-200 has {len(TRAINING_PLACES)} training and {len(TEST_PLACES)} test places, no more.")
    sites = []
    for part, places in (
        ("train", sorted(TRAINING_PLACES)[: size.train]),
        ("test", sorted(TEST_PLACES)[: size.test]),
    ):
        for place in places:
            satellite = View(f"satellite-view/{place}/0.png")
            if layout == "original":
                drones = [v for h in SUES_HEIGHTS for v in circle(size.views, f"drone_view_512/{place}/{h}", h)]
                sites.append(Site(place, part, (satellite, *drones), {}))
                continue
            split = "Testing/{}/gallery_{}"
            satellite = replace(satellite, file=f"{split.format(SUES_HEIGHTS[0], 'satellite')}/{place}/0.png")
            drones = [v for h in SUES_HEIGHTS for v in circle(size.views, f"{split.format(h, 'drone')}/{place}", h)]
            copies = {satellite.file.replace("/150/", f"/{h}/"): satellite.file for h in SUES_HEIGHTS[1:]}
            copies |= {
                _of_split(file, part): original
                for file, original in [*((v.file, v.file) for v in (satellite, *drones)), *copies.items()]
            }
            sites.append(Site(place, part, (satellite, *drones), copies))
    return make("sues200", out, sites, size, spacing_m=170)


def _of_split(file: str, part: str) -> str:
    if part == "test":
        return file.replace("gallery_", "query_")
    return file.replace("Testing/", "Training/").replace("gallery_", "")


def make_denseuav(out: Path, size: Size = Size(), *, old_tiles: bool = True) -> dict[str, LonLat]:
    """A dataset in the layout of DenseUAV: points 40 m apart, seen straight from above at three heights.

    Args:
        old_tiles: tiles of another day as well (`*_old.tif`).

    Returns:
        The true position of each point, which also stands in Dense_GPS_*.txt.
    """
    sites = []
    for number in range(1, size.train + size.test + 1):
        place = f"{number:06d}"
        part = "train" if number <= size.train else "test"
        folder = f"test/gallery_{{}}/{place}/"
        views = []
        for height in DENSE_HEIGHTS:
            views.append(View(f"{folder.format('drone')}H{height}.JPG", float(height), 0.0, -90.0, 62.0, day=1))
            side_m = 1.3 * height
            views.append(View(f"{folder.format('satellite')}H{height}.tif", side_m=side_m))
            if old_tiles:
                views.append(View(f"{folder.format('satellite')}H{height}_old.tif", side_m=side_m, day=2))
        to = "train/" if part == "train" else "test/query_"
        sites.append(Site(place, part, tuple(views), {v.file.replace("test/gallery_", to): v.file for v in views}))

    def finish(top: Path, where: Mapping[str, LonLat]) -> None:
        lines: dict[str, list[str]] = {"train": [], "test": []}
        for site in sites:
            at = where[site.place]
            folder = f"train/drone/{site.place}" if site.part == "train" else f"test/query_drone/{site.place}"
            lines[site.part] += [f"{folder}/H{h}.JPG E{at.lon:.9f} N{at.lat:.9f} {h + 12.5}" for h in DENSE_HEIGHTS]
        for name, of in (("train", lines["train"]), ("test", lines["test"]), ("ALL", lines["train"] + lines["test"])):
            (top / f"Dense_GPS_{name}.txt").write_text("".join(f"{line}\n" for line in of))

    return make("denseuav", out, sites, size, spacing_m=40, finish=finish)


def make_folders(
    out: Path,
    size: Size = Size(),
    *,
    layout: Literal["place-first", "view-first", "split"] = "place-first",
    positions: Positions = "csv",
) -> dict[str, LonLat]:
    """Plain folders: <place>/{drone,satellite}/, or {drone,satellite}/<place>/, or the latter below train/ and test/.

    Without train/ and test/, training places are written like test places. Distractors have a satellite picture only.
    """
    sites = []
    for number in range(size.test + size.train + size.distractors):
        place = f"place-{number + 1}"
        asked = number < size.test
        part = "test" if asked or number >= size.test + size.train else "train"
        head = f"{part}/" if layout == "split" else ""
        folder = f"{place}/{{}}" if layout == "place-first" else f"{head}{{}}/{place}"
        views = [View(f"{folder.format('satellite')}/{place}.png")]
        if number < size.test + size.train:
            views += spiral(size.views, folder.format("drone"), lambda i: f"image-{i + 1:02d}.jpg")
        sites.append(Site(place, part, tuple(views), {}))

    def finish(top: Path, where: Mapping[str, LonLat]) -> None:
        if positions == "kml":
            write_kml(top / "positions.kml", where)
        elif positions == "csv":
            write_csv(top / "positions.csv", where)

    return make("folders", out, sites, size, spacing_m=170, finish=finish)


def write_kml(file: Path, where: Mapping[str, LonLat]) -> None:
    """One point per name."""
    marks = "".join(
        f"<Placemark><name>{escape(name)}</name><Point><coordinates>{at.lon:.9f},{at.lat:.9f},0</coordinates></Point>"
        "</Placemark>\n"
        for name, at in where.items()
    )
    file.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>\n'
        f"{marks}</Document></kml>\n"
    )


def write_csv(file: Path, where: Mapping[str, LonLat]) -> None:
    """The columns place, lon, lat."""
    with file.open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["place", "lon", "lat"])
        writer.writerows([place, f"{at.lon:.9f}", f"{at.lat:.9f}"] for place, at in where.items())
