"""Makes small procedural datasets in the layouts of the published ones, so that readers, training and evaluation run.

Places are cells of procedural regions, rendered once from above as the satellite sees them and from many drone poses on
another day. Everything is decided by the seed.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

import torch

from gallery.geo import LonLat
from train_scripts.data.readers.denseuav import HEIGHTS as DENSE_HEIGHTS
from train_scripts.data.readers.expected import MADE_FILE
from train_scripts.data.readers.read_dataset import DatasetKind
from train_scripts.data.readers.sues200 import HEIGHTS as SUES_HEIGHTS
from train_scripts.data.readers.sues200 import TEST_PLACES, TRAINING_PLACES
from train_scripts.data.simulator.sites import PlaceView, Site, SiteRegion, circle, regions_of, render_region, spiral
from train_scripts.errors import BadRequest

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


def _render_alone(region: SiteRegion, out: Path, size_px: int, seed: int) -> None:
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
    made = {"kind": kind, "seed": size.seed, "parts": _counts(kind, files, empty)}
    (top / MADE_FILE).write_text(json.dumps(made, indent=1))
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
    out: Path, size: Size = Size(), *, release_name: bool = False, street: bool = False, positions: Positions = "kml"
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
            views.append(PlaceView(f"train/satellite/{place}/{place}.jpg"))
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
        views.append(PlaceView(f"test/gallery_satellite/{place}/{place}.jpg"))
        if street and (asked or number % 2):  # some distractors have no street view
            views += [_low(f"test/gallery_street/{place}/{i + 1}.jpg", i) for i in range(2)]
        copies = {view.file.replace("gallery_", "query_"): view.file for view in views} if asked else {}
        sites.append(Site(place, "test", tuple(views), copies))

    inside = "University-Release" if release_name else ""
    finish = partial(_write_positions, kind=positions, title=lambda place: f"{place} Hall {int(place)}")
    return make("university1652", out, sites, size, spacing_m=170, inside=inside, empty=empty, finish=finish)


def _low(file: str, number: int) -> PlaceView:
    return PlaceView(file, altitude_m=25.0, heading_deg=90.0 * number, pitch_deg=-30.0, fov_deg=70.0, day=1)


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
    for part, places in (("train", sorted(TRAINING_PLACES)[: size.train]), ("test", sorted(TEST_PLACES)[: size.test])):
        for place in places:
            satellite = PlaceView(f"satellite-view/{place}/0.png")
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
            views.append(PlaceView(f"{folder.format('drone')}H{height}.JPG", float(height), 0.0, -90.0, 62.0, day=1))
            side_m = 1.3 * height
            views.append(PlaceView(f"{folder.format('satellite')}H{height}.tif", side_m=side_m))
            if old_tiles:
                views.append(PlaceView(f"{folder.format('satellite')}H{height}_old.tif", side_m=side_m, day=2))
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
        views = [PlaceView(f"{folder.format('satellite')}/{place}.png")]
        if number < size.test + size.train:
            views += spiral(size.views, folder.format("drone"), lambda i: f"image-{i + 1:02d}.jpg")
        sites.append(Site(place, part, tuple(views), {}))

    return make("folders", out, sites, size, spacing_m=170, finish=partial(_write_positions, kind=positions))


def _write_positions(
    top: Path, where: Mapping[str, LonLat], *, kind: Positions, title: Callable[[str], str] = str
) -> None:
    """Args: title: names a place in a KML."""
    if kind == "kml":
        write_kml(top / "positions.kml", {title(place): at for place, at in where.items()})
    elif kind == "csv":
        write_csv(top / "positions.csv", where)


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
