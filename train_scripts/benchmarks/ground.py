"""Prints what the ground of a gallery takes: `python -m train_scripts.benchmark ground`.

- Disk a square kilometre, and memory that laying photos down holds, in a fresh process for each area.
- The share of the ground in the processor time of a build.
- Processor seconds to lay a photo down, with its pose stated and without, on 1 km² around its place, on all of the
  gallery, and on 1,000 km²: these are the gallery's own pictures and points many times over, side by side, of which
  only what lies around the best tiles is looked at, here the photo's place and others at random. The seconds depend on
  the machine and on who else uses it; the ratios to the first row, of one run, much less.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from gallery.constants import SAMPLE
from gallery.geo import LonLat
from gallery.ground.sheets import Ground, make_ground, open_ground
from gallery.registration.registrar import PLACES_GUESSED, Registrar, Stated
from gallery.store.gallery import Gallery
from train_scripts.arguments import program
from train_scripts.benchmarks.gallery import held_mb

NEAR_M = 500.0
"""Metres to each side of a photo's place that make a square kilometre."""

FAR_KM2 = 1000.0


@dataclass(frozen=True)
class AreaCost:
    """What laying photos down takes on ground of one size.

    Attributes:
        km2: of ground.
        stated_s: processor seconds of a photo whose pose is stated, median.
        guessed_s: the same of one that states nothing.
        own_mb: memory that the process holds for it, without mapped files.
        mapped_mb: pages of mapped files that it has touched.
    """

    km2: float
    stated_s: float
    guessed_s: float
    own_mb: float
    mapped_mb: float


def repeated(ground: Ground, km2: float) -> Ground:
    """The same pictures and points so often, evenly around the Earth, that they make so much ground."""
    times = max(1, math.ceil(km2 / ground.area_km2))
    sheets = [
        replace(sheet, lon=(sheet.lon + 360 * copy / times + 180) % 360 - 180)
        for copy in range(times)
        for sheet in ground.sheets
    ]
    return Ground(ground.folder, sheets)


def area_cost(folder: Path, photos: Sequence[Path], km2: float) -> AreaCost:
    """Lay photos down on a square kilometre, on all of a gallery's ground, or on more, in a process of its own.

    Args:
        folder: of a gallery with its ground, that covers the photos' places.
        photos: that state their pose and place.
        km2: up to 1: around each photo's place; up to the gallery's: all of it; more: repeated.
    """
    from gallery.photo.pose import stated_place
    from gallery.search.options import SearchOptions
    from gallery.search.registering import stated_of
    from mean_model.photo import load_photo
    from mean_model.xfeat import package_points

    gallery, points = Gallery.open(folder), package_points()
    ground = open_ground(gallery)
    assert ground is not None
    before = held_mb()
    larger = repeated(ground, km2) if km2 > ground.area_km2 else ground
    registrar = Registrar(larger, lambda point: gallery.tile(0), points)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    searched_km2 = []
    for number, file in enumerate(photos):
        photo = load_photo(file)
        place = stated_place(photo)
        if place is None:
            continue
        near = [place[0], *_others(gallery, number)]
        for pose_stated in (True, False):
            stated = stated_of(photo, SearchOptions()) if pose_stated else Stated()
            begun = time.process_time()
            if km2 <= 1:
                found = registrar.register(photo.image, stated, among=near[:1], near_m=NEAR_M)
            else:
                everywhere = registrar.searches_all(stated)
                found = registrar.register(photo.image, stated, None if everywhere else near)
            seconds[pose_stated].append(time.process_time() - begun)
            searched_km2 += [] if found is None else [found.searched_km2]
    after = held_mb()
    shown_km2 = median(searched_km2) if km2 <= 1 else larger.area_km2
    # the first photo makes what the others share
    stated_s, guessed_s = (median(seconds[which][1:] or seconds[which]) for which in (True, False))
    return AreaCost(shown_km2, stated_s, guessed_s, after[0] - before[0], after[1] - before[1])


def _others(gallery: Gallery, seed: int) -> list[LonLat]:
    """Places of other tiles at random, as many as a search looks around."""
    rows = np.random.default_rng(seed).integers(len(gallery), size=PLACES_GUESSED - 1)
    return [LonLat(*gallery.centres[row].tolist()) for row in rows]


def build_share(raster: Path, model: str, tile_size_m: float, overlap: float) -> dict[str, float]:
    """Processor seconds of a build and of its ground, and the bytes of the ground a square kilometre."""
    from gallery import build_gallery
    from mean_model import load_model

    with load_model(model) as embedder, tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        gallery = build_gallery([raster], Path(folder) / "g", embedder, tile_size_m=tile_size_m, overlap=overlap)
        built = time.process_time()
        ground = make_ground(gallery)
        made = time.process_time()
        disk = sum(file.stat().st_size for file in ground.folder.iterdir())
        return {
            "build_s": built - begun,
            "ground_s": made - built,
            "share": (made - built) / (made - begun),
            "ground_s_a_km2": (made - built) / ground.area_km2,
            "disk_mb_a_km2": disk / 1e6 / ground.area_km2,
            "tiles": len(gallery),
            "km2": ground.area_km2,
        }


def text(figures: dict[str, Any]) -> str:
    """The figures as a table of Markdown, with ratios to its first row."""
    build, areas = figures["build"], figures["areas"]
    lines = [
        f"disk {build['disk_mb_a_km2']:.1f} MB a km²; {100 * build['share']:.0f} % of a build's processor time "
        f"({build['tiles']:,} tiles, {build['km2']:.1f} km²; {build['ground_s_a_km2']:.1f} s a km²)",
        "",
        "| km² | pose stated | nothing stated | memory, own and mapped |",
        "|---|---|---|---|",
    ]
    first = areas[0]
    for area in areas:
        stated, guessed = area["stated_s"], area["guessed_s"]
        lines.append(
            f"| {area['km2']:,.1f} | {stated:.2f} s, {stated / first['stated_s']:.1f} times | {guessed:.2f} s, "
            f"{guessed / first['guessed_s']:.1f} times | {area['own_mb']:.0f} and {area['mapped_mb']:.0f} MB |"
        )
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> None:
    """Measure, and print it."""
    parser = program("benchmark ground", __doc__)
    parser.add_argument("--model", default="starter", help="that embeds the build")
    parser.add_argument("--gallery", type=Path, default=SAMPLE, metavar="DIR", help="with its ground")
    parser.add_argument("--raster", type=Path, default=SAMPLE / "region.tif", metavar="FILE", help="that is built")
    parser.add_argument("--photos", type=Path, default=SAMPLE / "photos", metavar="FOLDER", help="with pose and place")
    parser.add_argument("--tile-size-m", type=float, default=160)
    parser.add_argument("--overlap", type=float, default=0.5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    photos = sorted(options.photos.glob("*.jpg"))
    if not photos:
        parser.error(f"there are no JPEG photos in {options.photos.name}.")
    gallery = Gallery.open(options.gallery)
    ground = open_ground(gallery)
    if ground is None:
        parser.error(f"{options.gallery.name} has no ground: python -m gallery ground DIR makes it.")
    areas = []
    for km2 in (1.0, ground.area_km2, FAR_KM2):
        with multiprocessing.get_context("spawn").Pool(1) as fresh:
            areas.append(fresh.apply(area_cost, (options.gallery, photos, km2)))
    figures = {
        "areas": [asdict(area) for area in areas],
        "build": build_share(options.raster, options.model, options.tile_size_m, options.overlap),
    }
    sys.stdout.write(json.dumps(figures, indent=1) + "\n" if options.json else text(figures))
