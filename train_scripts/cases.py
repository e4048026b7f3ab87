"""Real photos with their gallery, ready to be measured: `python -m train_scripts.cases CASE FOLDER`.

Each writes --out with `gallery/`, embedded by --model, and `photos/` with truth.csv, for `train_scripts.baselines`,
`train_scripts.evaluate --dataset gallery:OUT/gallery --photos OUT/photos` and `train_scripts.evaluate_ground`. The
imagery stays where it is.

  cells     orthophoto cells with manifest.csv: simulated views of some places, searched among the cells of all. Photo
            and map are one acquisition: this says nothing of seasons.
  airfield  drone photos and orthophoto crops of another season (drone/, satellite/), searched among --distractors, a
            folder of other overhead pictures. All lie at made-up places, a square each; the photos state nothing.
  flight    every second photo of a flight is a tile, the others are asked. A tile counts as 30 m wide around its EXIF
            position, whatever it shows: right is one that was taken within some 15 m.
  video     frames of a drone video and a map of another look, by manifest.csv: role (map, query), lat, lon, m_per_px,
            yaw_deg, verified. The frames state the heading and the height that the manifest gives.
  dates     overhead pictures of places at two dates or more, by manifest.csv: pair, role A and B of one outline, or
            view with homographies.json in the place's folder. Views cut from one date, turned, tilted, with the noise
            and the tone of a camera, are searched in another date among all places, which lie at made-up positions.
            Pictures coarser than --coarsest metres a pixel are left out. Several folders may be given.
"""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import rasterio
import torch
from PIL import Image
from rasterio.transform import from_origin
from tqdm import tqdm

from gallery import Gallery, GalleryError, build_gallery
from gallery.embedder import Embedder, read_photo
from gallery.errors import UnreadablePhoto
from gallery.geo import LonLat, area_m2, destination, rectangle
from gallery.imagery.images import IMAGE_SUFFIXES, images_below
from gallery.photo.projection import apply
from gallery.tiles import Tile
from mean_model.errors import MeanModelError
from train_scripts.arguments import program
from train_scripts.data.simulator.camera_files import Shot, camera_metadata
from train_scripts.data.simulator.flat_ground import FOV_DEG, FlatGround, GroundView, random_view, write_view
from train_scripts.data.world.shading import Appearance
from train_scripts.evaluation.queries import TRUTH

RELIABLE = ("0013", "0014", "0015", "0016", "0019", "0020", "0022")
"""Pairs of the airfield whose homography rests on at least 160 matching points."""

MANIFEST = "manifest.csv"
SHARE = (0.5, 1.0)  # of the cell's side that a view covers, before it is fitted into the cell
CELL_PX = 4096  # cells are read at this side at most
FLIGHT_TILE_M = 30.0
MADE_UP_M, APART_M, COLUMNS = 100.0, 300.0, 64
MADE_UP_ORIGIN = LonLat(0.0, 0.0)
METRES_A_DEGREE = 6378137 * math.pi / 180  # of web mercator
MAP_TILE_M = 160.0  # of the cases whose map is a raster
PLACE_APART_M = 2000.0  # of places at several dates
CUT_M = (110.0, 220.0)  # height of views that are cut from a date: they show 130 to 250 m
CUT_SHARE = 0.9  # of a picture that is used: its lowest part may be a watermark
VIEWS_A_PLACE = 4


def cells(folder: Path, out: Path, embedder: Embedder, searched_only: Sequence[str], count: int) -> Gallery:
    """Views of all cells but those whose names begin with one of `searched_only`, so many in all."""
    gallery = build_gallery(folder, out / "gallery", embedder, positions=folder / MANIFEST)
    asked = [
        row
        for row in range(len(gallery))
        if not Path(gallery.tile(row).image or "").name.startswith(tuple(searched_only))
    ]
    if not asked:
        raise GalleryError(f"No cell is left to be asked: all names begin with {', '.join(searched_only)}.")
    random, noise = np.random.default_rng(0), torch.Generator().manual_seed(0)
    photos, rows = out / "photos", []
    photos.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(tqdm(np.resize(random.permutation(asked), count), unit="view", file=sys.stderr)):
        ground = ground_of(gallery, gallery.tile(int(row)))
        view = view_of(ground, random)
        write_view(photos / f"{number:04d}.jpg", ground, view, noise)
        rows.append((f"{number:04d}.jpg", ground.place(view.right_m, view.up_m)))
    _list_places(photos, rows)
    return gallery


def airfield(folder: Path, out: Path, embedder: Embedder, distractors: Path, count: int) -> Gallery:
    """The reliable pairs' crops among so many other pictures."""
    others = list(islice(images_below(distractors), count))
    if len(others) < count:
        raise GalleryError(f"{distractors.name} holds {len(others)} pictures, not {count}.")
    crops = [folder / "satellite" / f"{name}.jpg" for name in RELIABLE]
    places = [made_up_place(number) for number in range(len(crops) + count)]
    _copy([folder / "drone" / crop.name for crop in crops], places[: len(crops)], out / "photos")
    tiles = [*crops, *others]
    names = [f"{number:05d}{tile.suffix}" for number, tile in enumerate(tiles)]  # of two folders: some may be alike
    _copy(tiles, places, out / "tiles", names, MADE_UP_M)
    return build_gallery(out / "tiles", out / "gallery", embedder, positions=out / "tiles" / TRUTH)


def made_up_place(number: int, apart_m: float = APART_M) -> LonLat:
    """The middle of a square that no other one touches."""
    row, column = divmod(number, COLUMNS)
    return destination(destination(MADE_UP_ORIGIN, 90, column * apart_m), 0, row * apart_m)


def flight(folder: Path, out: Path, embedder: Embedder) -> Gallery:
    """Every second photo in the gallery, the others asked."""
    known = list(positioned(folder, embedder))
    if len(known) < 4:
        raise GalleryError(f"{folder.name} has {len(known)} photos with a position; at least 4 are needed.")
    files, places = zip(*known, strict=True)
    _copy(files[1::2], places[1::2], out / "photos")
    _copy(files[::2], places[::2], out / "tiles", side_m=FLIGHT_TILE_M)
    return build_gallery(out / "tiles", out / "gallery", embedder, positions=out / "tiles" / TRUTH)


def video(folder: Path, out: Path, embedder: Embedder) -> Gallery:
    """Verified frames of a drone video over the ground of a raster."""
    rows = manifest_of(folder)
    maps = [folder / row["file"] for row in rows if row["role"] == "map"]
    asked = [row for row in rows if row["role"] == "query" and row["verified"] == "1"]
    photos = out / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    places = []
    for row in asked:
        at, name = LonLat(float(row["lon"]), float(row["lat"])), Path(row["file"]).name
        with Image.open(folder / row["file"]) as frame:
            height_m = frame.width * float(row["m_per_px"]) / (2 * math.tan(math.radians(FOV_DEG) / 2))
            shot = Shot(0, 0, height_m, float(row["yaw_deg"]), -90.0, 0, Appearance(), 0, 0)
            exif, xmp = camera_metadata(at.lon, at.lat, height_m, shot, FOV_DEG, frame.height / frame.width)
            frame.convert("RGB").save(photos / name, "JPEG", quality=95, exif=exif, xmp=xmp)
        places.append((name, at))
    _list_places(photos, places)
    return build_gallery(maps, out / "gallery", embedder, tile_size_m=MAP_TILE_M)


@dataclass(frozen=True)
class DatedPicture:
    """A place at one date.

    Attributes:
        file: of the picture.
        to_map: (3, 3) from its pixels to those of the picture that is searched.
    """

    file: Path
    to_map: np.ndarray


@dataclass(frozen=True)
class DatedPlace:
    """A place at several dates.

    Attributes:
        name: of the place.
        searched: the picture that is the map.
        m_per_px: of that picture.
        asked: the other dates.
    """

    name: str
    searched: Path
    m_per_px: float
    asked: tuple[DatedPicture, ...]


def manifest_of(folder: Path) -> list[dict[str, str]]:
    """The rows of a folder's manifest.

    Raises:
        GalleryError: there is none.
    """
    if not (folder / MANIFEST).is_file():
        raise GalleryError(f"{folder.name} has no {MANIFEST}. Check the path.")
    with (folder / MANIFEST).open(newline="", encoding="utf-8-sig") as table:
        return list(csv.DictReader(table))


def dated_places(folder: Path, coarsest_m: float) -> Iterator[DatedPlace]:
    """The places of a folder that are seen at two dates or more, finely enough.

    Raises:
        GalleryError: the folder has no manifest.
    """

    def pair_of(row: Mapping[str, str]) -> str:
        return row["pair"]

    for name, group in groupby(sorted(manifest_of(folder), key=pair_of), key=pair_of):
        rows = list(group)
        number = re.search(r"\d+(?:\.\d+)?", rows[0]["m_per_px"])
        if number is None or float(number[0]) > coarsest_m:
            continue
        by_role = {row["role"]: folder / row["file"] for row in rows}
        if {"A", "B"} <= set(by_role):
            yield DatedPlace(name, by_role["B"], float(number[0]), (DatedPicture(by_role["A"], np.eye(3)),))
            continue
        listed = folder / name / "homographies.json"
        if not listed.is_file():
            continue
        known = json.loads(listed.read_text("utf-8"))
        files = {Path(row["file"]).stem: folder / row["file"] for row in rows}
        views = [
            DatedPicture(files[view], np.array(one["H"]))
            for view, one in known["to_reference"].items()
            if view != known["reference"] and view in files
        ]
        yield DatedPlace(name, files[known["reference"]], float(number[0]), tuple(views))


def dates(folders: Sequence[Path], out: Path, embedder: Embedder, coarsest_m: float, per_place: int) -> Gallery:
    """Views of one date of each place, searched in another date among all places."""
    places = [place for folder in folders for place in dated_places(folder, coarsest_m)]
    if not places:
        raise GalleryError(f"No place is seen at two dates at {coarsest_m:g} m a pixel or finer.")
    photos, maps = out / "photos", out / "maps"
    for made in (photos, maps):
        made.mkdir(parents=True, exist_ok=True)
    noise, rasters, listed = torch.Generator().manual_seed(0), [], []
    for number, place in enumerate(tqdm(places, unit="place", file=sys.stderr)):
        centre = made_up_place(number, PLACE_APART_M)
        short = re.sub(r"[^A-Za-z0-9]+", "_", place.name)
        size_px = _write_map(maps / f"{short}.tif", place, centre)
        rasters.append(maps / f"{short}.tif")
        random = np.random.default_rng(number)
        for view_number in range(per_place):
            picture = place.asked[view_number % len(place.asked)]
            made_view = _cut(picture, place.m_per_px, size_px, centre, random)
            if made_view is None:
                continue
            name = f"{short}-{picture.file.stem}-{view_number}.jpg"
            ground, view, truth = made_view
            write_view(photos / name, ground, view, noise)
            listed.append((name, truth))
    _list_places(photos, listed)
    return build_gallery(rasters, out / "gallery", embedder, tile_size_m=MAP_TILE_M)


def _write_map(file: Path, place: DatedPlace, centre: LonLat) -> tuple[int, int]:
    """The searched picture as a raster at a made-up place. Returns: its width and height, pixels."""
    with Image.open(place.searched) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    height_px, width_px = pixels.shape[:2]
    metres = centre.lon * METRES_A_DEGREE, centre.lat * METRES_A_DEGREE
    west, north = metres[0] - width_px * place.m_per_px / 2, metres[1] + height_px * place.m_per_px / 2
    transform = from_origin(west, north, place.m_per_px, place.m_per_px)
    form = {"driver": "GTiff", "dtype": "uint8", "count": 3, "width": width_px, "height": height_px}
    with rasterio.open(file, "w", crs="EPSG:3857", transform=transform, compress="deflate", **form) as raster:
        raster.write(np.moveaxis(pixels, -1, 0))
    return width_px, height_px


def _cut(
    picture: DatedPicture, m_per_px: float, map_px: tuple[int, int], centre: LonLat, random: np.random.Generator
) -> tuple[FlatGround, GroundView, LonLat] | None:
    """A view of a dated picture whose middle lies on the map; None where none was found in twenty tries."""
    with Image.open(picture.file) as opened:
        pixels = np.array(opened.convert("RGB"))
    pixels = pixels[: round(CUT_SHARE * len(pixels))]
    middle = np.array([[pixels.shape[1], pixels.shape[0]]]) / 2
    off = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, -1.0]])
    at, right, up = apply(picture.to_map, middle + off)
    gsd_m = m_per_px * math.sqrt(abs(np.linalg.det(np.stack([right - at, up - at]))))
    up_deg = math.degrees(math.atan2(up[0] - at[0], at[1] - up[1]))
    ground = FlatGround(pixels, _on_map(at, m_per_px, map_px, centre), gsd_m, up_deg)
    for _ in range(20):
        view = random_view(ground.size_m, CUT_M, random)
        [point] = apply(picture.to_map, middle + np.array([[view.right_m, -view.up_m]]) / gsd_m)
        inside = np.array([0.1, 0.1]) * map_px
        if (point > inside).all() and (point < np.array(map_px) - inside).all():
            return ground, view, _on_map(point, m_per_px, map_px, centre)
    return None


def _on_map(px: np.ndarray, m_per_px: float, map_px: tuple[int, int], centre: LonLat) -> LonLat:
    """The place of a pixel of the map, whose middle lies at `centre` near the equator."""
    east_m, south_m = (px - np.array(map_px) / 2) * m_per_px / METRES_A_DEGREE
    return LonLat(centre.lon + float(east_m), centre.lat - float(south_m))


def _copy(
    files: Sequence[Path], places: Sequence[LonLat], folder: Path, names: Sequence[str] = (), side_m: float = 0.0
) -> None:
    """Copy pictures into a folder, under their own or other names, and list their places there."""
    folder.mkdir(parents=True, exist_ok=True)
    named = names or [file.name for file in files]
    for file, name in zip(files, named, strict=True):
        shutil.copyfile(file, folder / name)
    _list_places(folder, zip(named, places, strict=True), side_m)


def _list_places(folder: Path, rows: Iterable[tuple[str, LonLat]], side_m: float = 0.0) -> None:
    """A table of places, with the extents of squares if their side is known."""
    with (folder / TRUTH).open("w", newline="") as table:
        write = csv.writer(table).writerow
        write(("file", "lon", "lat", *(("west", "south", "east", "north") if side_m else ())))
        for name, at in rows:
            write((name, at.lon, at.lat, *(rectangle(at, side_m, side_m).bounds if side_m else ())))


def ground_of(gallery: Gallery, tile: Tile) -> FlatGround:
    """A cell as a picture of the ground; its pixels are taken for squares."""
    pixels = np.array(gallery.image(tile, CELL_PX))
    return FlatGround(pixels, tile.centre, math.sqrt(area_m2(tile.footprint) / (pixels.shape[0] * pixels.shape[1])))


def view_of(ground: FlatGround, random: np.random.Generator) -> GroundView:
    """A random view that covers half to all of a cell's shorter side."""
    reach_m = min(ground.size_m) / (2 * math.tan(math.radians(FOV_DEG) / 2))
    return random_view(ground.size_m, (SHARE[0] * reach_m, SHARE[1] * reach_m), random)


def positioned(folder: Path, embedder: Embedder) -> Iterator[tuple[Path, LonLat]]:
    """Photos with a position, in the order of their names."""
    for file in sorted(file for file in folder.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES):
        try:
            position = read_photo(embedder, file).position
        except UnreadablePhoto:
            continue
        if position is not None:
            yield file, LonLat(position.lon, position.lat)


def main(argv: list[str] | None = None) -> None:
    """Make a case's gallery and photos."""
    parser = program("cases", __doc__)
    parser.add_argument("case", choices=("cells", "airfield", "flight", "video", "dates"))
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="one, but of dates several")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--model", default="starter", help="that embeds the gallery")
    parser.add_argument("--photos", type=int, default=95, metavar="N", help="of cells: views (default 95)")
    parser.add_argument("--searched-only", action="append", default=[], metavar="NAME", help="of cells: not asked")
    parser.add_argument("--distractors", type=Path, metavar="FOLDER", help="of airfield")
    parser.add_argument("--tiles", type=int, default=1000, metavar="N", help="of airfield: distractors (default 1000)")
    parser.add_argument("--coarsest", type=float, default=1.2, metavar="M", help="of dates: metres a pixel")
    parser.add_argument("--views", type=int, default=VIEWS_A_PLACE, metavar="N", help="of dates: views of each place")
    options = parser.parse_args(argv)
    if len(options.folders) > 1 and options.case != "dates":
        parser.error(f"{options.case} takes one folder.")
    folder = options.folders[0]
    if (options.case == "airfield") != (options.distractors is not None):
        parser.error("--distractors FOLDER belongs to airfield, which needs it.")
    from mean_model import load_model

    try:
        with load_model(options.model) as embedder:
            if options.case == "cells":
                gallery = cells(folder, options.out, embedder, options.searched_only, options.photos)
            elif options.case == "airfield":
                gallery = airfield(folder, options.out, embedder, options.distractors, options.tiles)
            elif options.case == "video":
                gallery = video(folder, options.out, embedder)
            elif options.case == "dates":
                gallery = dates(options.folders, options.out, embedder, options.coarsest, options.views)
            else:
                gallery = flight(folder, options.out, embedder)
    except (GalleryError, MeanModelError) as error:
        parser.error(str(error))
    sys.stdout.write(f"{len(list(images_below(options.out / 'photos')))} photos, {len(gallery):,} tiles\n")


if __name__ == "__main__":
    main()
