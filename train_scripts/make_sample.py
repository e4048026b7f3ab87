"""Makes the sample region: `python -m train_scripts.make_sample region|photos|flight|gallery [options]`.

`region` renders Null Island as one cloud-optimised GeoTIFF, `photos` renders drone photos of it with their truth,
`flight` the example flight over town and sea, `gallery` embeds the region with the starter weights. All are
deterministic by seed. `--world SEED` renders another place in its stead, which also lies around 0 N 0 E: its photos
show what the sample gallery does not hold.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import rasterio
import torch
from rasterio.shutil import copy as copy_raster
from rasterio.transform import from_origin
from rasterio.windows import Window
from tqdm import tqdm

from gallery.build.options import BuildOptions
from gallery.build.sources import ImagerySettings
from gallery.constants import SAMPLE
from mean_model.atomic_files import replace as replace_file
from mean_model.malloc import keep_freed_memory
from train_scripts.data.simulator.camera_files import REGION_CRS, RenderedPhoto, Shot, random_shot, take_photo
from train_scripts.data.simulator.flights import Leg, Moment, clock, flown, shots_of
from train_scripts.data.world.generate import build_scene, random_style
from train_scripts.data.world.rasterise import rasterise
from train_scripts.data.world.scene import Scene
from train_scripts.data.world.shading import Appearance, random_appearance

log = logging.getLogger("make_sample")

SEED = 6  # of Null Island; training uses seeds from 1000 on
SIZE_M = 4096.0
GSD_M = 0.5
BLOCK_PX = 1024  # of the region that is rendered at a time
TILE_M, OVERLAP = 160.0, 0.5
LICENCE = "Apache-2.0, as this project: rendered, an invented place"
SATELLITE = Appearance(season="summer", sun_azimuth_deg=150.0, sun_elevation_deg=52.0)
REACH_M = 0.44 * SIZE_M  # photos are taken this far from the centre at most, so that their ground lies on the map


def sample_scene(world: int = SEED) -> Scene:
    """Null Island, a whole island with town, harbour and river, or the world of another seed."""
    style = random_style(world, SIZE_M)
    if world == SEED:
        style = replace(style, coast=True, island=True, river=True)
    return build_scene(world, SIZE_M, style)


def write_region(scene: Scene, path: Path, *, gsd_m: float = GSD_M) -> None:
    """Render the region block by block into one cloud-optimised GeoTIFF, JPEG inside."""
    pixels = round(SIZE_M / gsd_m)
    half = SIZE_M / 2
    profile = {
        "driver": "GTiff",
        "width": pixels,
        "height": pixels,
        "count": 3,
        "dtype": "uint8",
        "crs": REGION_CRS.to_wkt(),
        "transform": from_origin(-half, half, gsd_m, gsd_m),
        "tiled": True,
        "photometric": "RGB",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        plain = Path(folder) / "plain.tif"
        with rasterio.open(plain, "w", **profile) as raster:
            blocks = [(r, c) for r in range(0, pixels, BLOCK_PX) for c in range(0, pixels, BLOCK_PX)]
            for row, column in tqdm(blocks, unit="block"):
                side = min(BLOCK_PX, pixels - row), min(BLOCK_PX, pixels - column)
                west, north = -half + column * gsd_m, half - row * gsd_m
                window = (west, north - side[0] * gsd_m, west + side[1] * gsd_m, north)
                rgb = rasterise(scene, window, gsd_m, SATELLITE).rgb
                raster.write(np.moveaxis(rgb, 2, 0), window=Window(column, row, side[1], side[0]))
        done = Path(folder) / "region.tif"
        copy_raster(
            plain, done, driver="COG", COMPRESS="JPEG", QUALITY=80, BLOCKSIZE=512, OVERVIEW_RESAMPLING="AVERAGE"
        )
        done.replace(path)


@dataclass(frozen=True)
class Shoot:
    """A photo to be rendered."""

    shot: Shot
    width: int
    finest_gsd_m: float
    jpeg_quality: int = 88
    taken_at: datetime | None = None
    world: int = SEED


_scene_of_this_process = lru_cache(2)(sample_scene)


def _one(task: Shoot) -> RenderedPhoto:
    keep_freed_memory()
    torch.set_num_threads(1)  # the workers are the parallelism
    return take_photo(
        _scene_of_this_process(task.world),
        task.shot,
        width=task.width,
        height=task.width * 3 // 4,
        finest_gsd_m=task.finest_gsd_m,
        jpeg_quality=task.jpeg_quality,
        taken_at=task.taken_at,
    )


def planned_shots(count: int, seed: int, world: int = SEED) -> Iterator[Shot]:
    """Random flights over land: another season, sun and set of cars in every photo, the crops of the map's year."""
    scene = sample_scene(world)
    for number in range(count):
        random = np.random.default_rng([seed, number])
        appearance = replace(random_appearance(random), crop_seed=SATELLITE.crop_seed)
        yield random_shot(scene, random, appearance, reach_m=REACH_M, seed=seed * 100_000 + number)


def write_photos(
    folder: Path, count: int, seed: int, width: int, workers: int, finest_gsd_m: float, world: int = SEED
) -> None:
    """Photos `null_island_NNN.jpg` of random places and their truth."""
    place = "null_island" if world == SEED else f"world_{world}"
    shots = enumerate(planned_shots(count, seed, world))
    tasks = {f"{place}_{number:03d}.jpg": Shoot(shot, width, finest_gsd_m, world=world) for number, shot in shots}
    shoot(folder, tasks, workers)


def write_flight(folder: Path, workers: int) -> None:
    """The example flight: from the town over the harbour out to sea, where nothing can be found, and back."""
    moments = flown(Moment(-600.0, 820.0, 285.0, 0.0), [Leg(1300.0, 150.0), Leg(900.0)], speed_m_s=15.0, every_s=4.0)
    appearance = replace(random_appearance(np.random.default_rng(32)), crop_seed=SATELLITE.crop_seed)
    shots = shots_of(moments, appearance, altitude_m=130.0, pitch_deg=-75.0, seed=3200)
    tasks = {
        f"flight_{number:02d}.jpg": Shoot(shot, 400, 0.4, 75, clock(moment))
        for number, (shot, moment) in enumerate(zip(shots, moments, strict=True))
    }
    shoot(folder, tasks, workers)


def shoot(folder: Path, tasks: Mapping[str, Shoot], workers: int) -> None:
    """Render photos by their file names, and their truth in `truth.csv`; photos that exist are kept: a cut run resumes.

    A folder that is complete is left as it is.
    """
    if (folder / "truth.csv").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    truth = folder / "truth.jsonl"
    known = {}
    if truth.exists():
        known = {row["file"]: row for row in map(json.loads, truth.read_text().splitlines())}
    todo = [name for name in tasks if name not in known or not (folder / name).exists()]
    with ProcessPoolExecutor(workers) as pool, truth.open("a") as log_file:
        photos = pool.map(_one, [tasks[name] for name in todo])
        for name, photo in tqdm(zip(todo, photos, strict=True), total=len(todo), unit="photo"):
            replace_file(folder / name, partial(Path.write_bytes, data=photo.jpeg))
            known[name] = {"file": name, **truth_row(photo)}
            log_file.write(json.dumps(known[name]) + "\n")
            log_file.flush()
    with (folder / "truth.csv").open("w", newline="") as table:
        writer = csv.DictWriter(table, fieldnames=list(known[next(iter(tasks))]))
        writer.writeheader()
        writer.writerows(known[name] for name in tasks)
    truth.unlink()


def truth_row(photo: RenderedPhoto) -> dict[str, object]:
    """What is known of a rendered photo, as one row of a table."""
    shot = photo.shot
    return {
        "lon": round(photo.ground[0], 8),
        "lat": round(photo.ground[1], 8),
        "ground_z_m": round(photo.ground_z_m, 2),
        "camera_lon": round(photo.camera[0], 8),
        "camera_lat": round(photo.camera[1], 8),
        "camera_z_m": round(photo.camera_z_m, 2),
        "altitude_m": round(shot.altitude_m, 2),
        "heading_deg": round(shot.heading_deg, 2),
        "pitch_deg": round(shot.pitch_deg, 2),
        "roll_deg": round(shot.roll_deg, 2),
        "visibility_m": round(shot.visibility_m),
        "condition": shot.appearance.season,
        "appearance": json.dumps(asdict(shot.appearance)),
        "footprint": json.dumps([[round(lon, 8), round(lat, 8)] for lon, lat in photo.footprint]),
    }


def make_gallery(model: str, region: Path, out: Path) -> None:
    """Embed the region's tiles with the starter weights."""
    from gallery import build_gallery
    from mean_model import load_model

    embedder = load_model(model)
    options = BuildOptions(stated=ImagerySettings(licence=LICENCE), model_source=model)
    build_gallery([region], out, embedder, tile_size_m=TILE_M, overlap=OVERLAP, options=options)


def main(argv: list[str] | None = None) -> None:
    """Make a part of the sample region."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    region = parts.add_parser("region", help="render the GeoTIFF")
    region.add_argument("--out", type=Path, default=SAMPLE / "region.tif")
    photos = parts.add_parser("photos", help="render drone photos with truth")
    photos.add_argument("--out", type=Path, default=SAMPLE / "photos")
    photos.add_argument("--count", type=int, default=12)
    photos.add_argument(
        "--seed",
        type=int,
        default=7,
        help="7 makes the examples, 11 photos to choose settings by, 13 the held-out ones",
    )
    photos.add_argument("--width", type=int, default=1440)
    photos.add_argument("--finest-gsd-m", type=float, default=0.2)
    photos.add_argument("--workers", type=int, default=2)
    flight = parts.add_parser("flight", help="render the example flight")
    flight.add_argument("--out", type=Path, default=SAMPLE / "flight")
    flight.add_argument("--workers", type=int, default=2)
    gallery = parts.add_parser("gallery", help="embed the region")
    gallery.add_argument("--model", default="starter")
    gallery.add_argument("--out", type=Path, default=SAMPLE)
    for part in (region, photos):
        part.add_argument("--world", type=int, default=SEED, help="seed of the place (default: Null Island's)")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if options.part == "region":
        write_region(sample_scene(options.world), options.out)
    elif options.part == "photos":
        settings = (options.count, options.seed, options.width, options.workers, options.finest_gsd_m, options.world)
        write_photos(options.out, *settings)
    elif options.part == "flight":
        write_flight(options.out, options.workers)
    else:
        make_gallery(options.model, SAMPLE / "region.tif", options.out)


if __name__ == "__main__":
    main()
