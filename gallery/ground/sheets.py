"""The ground of a gallery for registration: grey pictures at one scale and their points, in a folder beside the tiles.

`ground/` is made from the imagery when a gallery is built, and can be made again at any time without embedding: it says
of which tiles it is, and one that is damaged, of another version or of other tiles is not used.
"""

import json
import logging
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from gallery.errors import DamagedGallery, GalleryError
from gallery.geo import LonLat, moved, offsets_m
from gallery.ground.keypoints import FILES, M_PER_PX, Keypoints, joined, keypoints_of
from gallery.ground.picture import CENTRED, GroundImage
from gallery.imagery.raster_cache import open_raster
from gallery.imagery.warp import held_by, sides_to_show_all
from gallery.store.checksums import FileCheck, are_checksums, is_sealed, sealed, sha256
from gallery.store.gallery import Gallery
from gallery.store.manifest import TILES, file_facts
from gallery.store.tile_table import WINDOW
from gallery.tiles import Tile, Window

log = logging.getLogger(__name__)

GROUND = "ground"
"""The folder within a gallery's folder."""

NOTES = "ground.json"
"""The file that says what the folder holds; it is written last."""

FORMAT = 1
"""Version of the folder's layout."""

PICTURE_M_PER_PX = 0.6
"""Metres that a pixel of the kept pictures shows: what a correlation refines a place with."""

SHEET_M = 6000.0
"""Metres, longest side of one picture: over such a way the Earth is flat to a pixel."""

MOST_SIDES = 3.0
"""Sides of its tile, width of the ground that a drone photo of a gallery is taken to show well: an oblique one reaches
far."""

SHARED_M = 400.0
"""Metres, width of the strip that two pictures of one raster share: a photo lies whole in one of them."""

EMPTY = 0
"""The grey value of a pixel without ground."""


@dataclass(frozen=True)
class Sheet:
    """Where one picture of the ground lies, and which of the points are its own.

    Attributes:
        lon: of the origin of its metres, degrees.
        lat: of the origin of its metres, degrees.
        west_m: of its upper left corner, metres east of the origin.
        north_m: of its upper left corner, metres north of the origin.
        height_px: of the picture.
        width_px: of the picture.
        first_px: where its pixels begin in their file.
        first_point: where its points begin in their files.
        points: how many it has.
        m_per_px: metres that a pixel shows.
        assumed_m: how far off the place itself may be, metres: half the side of an image whose extent was assumed.
    """

    lon: float
    lat: float
    west_m: float
    north_m: float
    height_px: int
    width_px: int
    first_px: int
    first_point: int
    points: int
    m_per_px: float
    assumed_m: float = 0.0

    @property
    def origin(self) -> LonLat:
        """Of its metres."""
        return LonLat(self.lon, self.lat)

    @property
    def area_m2(self) -> float:
        """Of the whole picture."""
        return self.height_px * self.width_px * self.m_per_px**2

    def place(self, east_m: float, north_m: float) -> LonLat:
        """A point of the sheet's metres on the Earth."""
        return moved(self.origin, east_m, north_m)


Progress = Callable[[float, float], None]
"""Told how many square kilometres are done, of how many."""


class Ground:
    """The pictures and points of a gallery's ground, memory-mapped. Open one with `open_ground`."""

    def __init__(self, folder: Path, sheets: Sequence[Sheet]) -> None:
        self.folder = folder
        self.sheets = tuple(sheets)

    @cached_property
    def keypoints(self) -> Keypoints:
        """The points of all sheets, in metres of their own sheet."""
        return Keypoints.load(self.folder)

    @cached_property
    def _grey(self) -> np.ndarray:
        return np.asarray(np.load(self.folder / "grey.npy", mmap_mode="r", allow_pickle=False))

    def picture(self, sheet: Sheet, rows: slice = slice(None), columns: slice = slice(None)) -> GroundImage:
        """The picture of a sheet, or a part of it."""
        pixels = self._grey[sheet.first_px : sheet.first_px + sheet.height_px * sheet.width_px]
        grey = pixels.reshape(sheet.height_px, sheet.width_px)[rows, columns]
        west_m = sheet.west_m + (columns.start or 0) * sheet.m_per_px
        north_m = sheet.north_m - (rows.start or 0) * sheet.m_per_px
        return GroundImage(grey, grey != EMPTY, sheet.m_per_px, west_m, north_m)

    def points(self, sheet: Sheet) -> Keypoints:
        """The points of a sheet."""
        return self.keypoints.chosen(slice(sheet.first_point, sheet.first_point + sheet.points))

    @property
    def area_km2(self) -> float:
        """Of all sheets; ground that two of them share counts twice."""
        return sum(sheet.area_m2 for sheet in self.sheets) / 1e6


def ground_km2(gallery: Gallery) -> float:
    """About how much ground `make_ground` has to look at, square kilometres: a second and a half of one core each."""
    return sum(plan.area_km2 for plan in _plans(gallery))


def open_ground(gallery: Gallery) -> Ground | None:
    """The ground that was made of a gallery; None where there is none, or one of other tiles or of another version.

    Raises:
        DamagedGallery: the folder says that it is whole, and is not.
    """
    folder = gallery.folder / GROUND
    try:
        notes = json.loads((folder / NOTES).read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DamagedGallery(f"{NOTES} of {gallery.folder.name} is damaged. {_REMEDY}") from error
    if not isinstance(notes, dict) or not is_sealed(notes):
        raise DamagedGallery(f"{NOTES} of {gallery.folder.name} is damaged. {_REMEDY}")
    if notes.get("format") != FORMAT or notes.get("of") != _of(gallery):
        return None
    try:
        sheets = [Sheet(**sheet) for sheet in notes["sheets"]]
        files = dict(notes["files"])
        whole = set(files) == set(_NAMES) and all(map(are_checksums, files.values()))
        whole = whole and all((folder / name).stat().st_size == facts["bytes"] for name, facts in files.items())
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DamagedGallery(f"The ground of {gallery.folder.name} is damaged. {_REMEDY}") from error
    if not whole:
        raise DamagedGallery(f"The ground of {gallery.folder.name} is cut short or changed. {_REMEDY}")
    gallery.watch(FileCheck(folder, files, f"{{name}} of the ground of {gallery.folder.name} is damaged. {_REMEDY}"))
    return Ground(folder, sheets)


def damaged_files(gallery: Gallery) -> list[str]:
    """Names of the ground's files that do not have the checksum that was noted; none where there is no ground."""
    folder, told = gallery.folder / GROUND, False
    try:
        if open_ground(gallery) is None:
            return []
    except DamagedGallery:
        told = True
    try:
        facts = json.loads((folder / NOTES).read_text("utf-8"))["files"]
        damaged = [name for name in _NAMES if sha256(folder / name) != facts[name]["sha256"]]
    except (OSError, ValueError, KeyError, TypeError):
        return [NOTES]
    return damaged or [NOTES] * told


def make_ground(gallery: Gallery, progress: Progress | None = None) -> Ground:
    """Make the ground of a gallery of its imagery, and put it in place at once; what stood there is replaced.

    Args:
        progress: told how many square kilometres are done, of how many. What it raises stops the work, and nothing is
            left behind.

    Raises:
        GalleryError: the imagery is gone or damaged, or the folder cannot be written.
    """
    folder = gallery.folder / GROUND
    unfinished, previous = (gallery.folder / f"{GROUND}.{state}" for state in ("unfinished", "previous"))
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        _write(gallery, unfinished, progress)
        shutil.rmtree(previous, ignore_errors=True)
        if folder.exists():
            folder.rename(previous)
        unfinished.rename(folder)
    except OSError as error:
        raise GalleryError(
            f"The ground of {gallery.folder.name} cannot be written: {error.strerror or error}. Check space and rights."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(previous, ignore_errors=True)
    made = open_ground(gallery)
    assert made is not None
    return made


_REMEDY = "Make it again with python -m gallery ground DIR."
_NAMES = ("grey.npy", *(f"{name}.npy" for name in FILES))


def _of(gallery: Gallery) -> str:
    """What the ground was made of: the table of tiles, by its checksum."""
    return str(gallery.manifest["files"][TILES]["sha256"])


def _write(gallery: Gallery, folder: Path, progress: Progress | None) -> None:
    plans = list(_plans(gallery))
    total_km2, done_km2 = sum(plan.area_km2 for plan in plans), 0.0

    def on_points(km2: float) -> None:
        nonlocal done_km2
        done_km2 = min(done_km2 + km2, total_km2)
        if progress is not None:
            progress(done_km2, total_km2)

    on_points(0.0)
    parts: list[Keypoints] = []
    sheets: list[Sheet] = []
    pixels = points = 0
    with (folder / "grey.raw").open("wb") as stream:
        for plan in plans:
            picture = plan.picture(gallery)
            if picture is None:
                continue
            found = keypoints_of(picture.at_scale(max(M_PER_PX, picture.m_per_px)), on_block=on_points)
            stream.write(picture.grey.tobytes())
            height, width = picture.grey.shape
            where = (plan.origin.lon, plan.origin.lat, picture.west_m, picture.north_m)
            sheets.append(Sheet(*where, height, width, pixels, points, len(found), picture.m_per_px, plan.assumed_m))
            parts.append(found)
            pixels, points = pixels + height * width, points + len(found)
    if not sheets:
        raise GalleryError(f"No picture of the ground could be made of {gallery.folder.name}: its imagery is gone.")
    joined(parts).save(folder)
    _as_npy(folder / "grey.raw", folder / "grey.npy", pixels)
    notes = {
        "format": FORMAT,
        "of": _of(gallery),
        "sheets": [asdict(sheet) for sheet in sheets],
        "files": file_facts(folder, _NAMES),
    }
    (folder / NOTES).write_text(json.dumps(sealed(notes)) + "\n", "utf-8")
    on_points(total_km2)


def _as_npy(raw: Path, file: Path, count: int) -> None:
    """Bytes as a file of numpy's, without holding them in memory."""
    with file.open("wb") as stream, raw.open("rb") as source:
        header: dict[str, Any] = {"descr": "|u1", "fortran_order": False, "shape": (count,)}
        np.lib.format.write_array_header_1_0(stream, header)
        shutil.copyfileobj(source, stream, 1 << 22)
    raw.unlink()


@dataclass(frozen=True, eq=False)
class _RasterPart:
    """A block of a raster that becomes one sheet.

    Attributes:
        source: the raster.
        window: of it.
        tiles: (N, 4) windows of the tiles that it holds: ground outside them is no part of the gallery.
        origin: of the sheet's metres.
        area_km2: about.
        assumed_m: as `Sheet` has it.
    """

    source: str
    window: Window
    tiles: np.ndarray
    origin: LonLat
    area_km2: float
    assumed_m: float = 0.0

    def picture(self, gallery: Gallery) -> GroundImage | None:
        """The block as a north-up picture; None where it shows nothing."""
        raster = open_raster(gallery.folder / self.source, gallery.assumed_crs)
        window = self.window
        across_m, down_m = raster.ground_px_m(window.col_px + window.width_px / 2, window.row_px + window.height_px / 2)
        m_per_px = max(PICTURE_M_PER_PX, across_m, down_m)
        longest_m = max(window.width_px * across_m, window.height_px * down_m)
        image = raster.image(window, max(1, round(longest_m / m_per_px)))
        across, down = image.width / window.width_px, image.height / window.height_px
        held = np.zeros((image.height, image.width), np.uint8)
        for col, row, width, height in self.tiles - [window.col_px, window.row_px, 0, 0]:
            rows = slice(max(0, int(row * down)), math.ceil((row + height) * down))
            held[rows, max(0, int(col * across)) : math.ceil((col + width) * across)] = 1
        corners = [
            raster.lonlat(window.col_px + dx * window.width_px, window.row_px + dy * window.height_px)
            for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1))
        ]
        there = np.array([offsets_m(self.origin, corner) for corner in corners], np.float32)
        return _north_up(image, held, there, m_per_px)


@dataclass(frozen=True)
class _ImagePart:
    """An image of a folder that becomes one sheet."""

    tile: Tile

    @property
    def origin(self) -> LonLat:
        """Of its metres."""
        return self.tile.centre

    @property
    def area_km2(self) -> float:
        """Of its ground, about."""
        return (max(self.tile.sides_m) / 1000) ** 2

    @property
    def assumed_m(self) -> float:
        """How far off its place may be, metres."""
        return self.tile.assumed_m

    def picture(self, gallery: Gallery) -> GroundImage | None:
        """The image as a north-up picture; None where it cannot be read: the other images are still of use."""
        tile = self.tile
        sides = 1.0 if tile.cutout is None else sides_to_show_all(tile.cutout, MOST_SIDES)
        wanted_px = max(64, round(sides * max(tile.sides_m) / PICTURE_M_PER_PX))
        try:
            image, place = gallery.around(tile, sides, wanted_px)
        except GalleryError as error:
            log.warning("%s", error)
            return None
        there = np.array([offsets_m(self.origin, corner) for corner in place.corners], np.float32)
        held = np.ones((image.height, image.width), bool) if place.cutout is None else held_by(place.cutout, image.size)
        m_per_px = max(PICTURE_M_PER_PX, max(place.sides_m) / max(image.size))
        return _north_up(image, held.astype(np.uint8), there, m_per_px)


def _north_up(image: Image.Image, held: np.ndarray, corners_m: np.ndarray, m_per_px: float) -> GroundImage | None:
    """A picture whose corners lie at (4, 2) metres, upper left first and clockwise, with north up."""
    grey = np.asarray(image.convert("L"))
    height, width = grey.shape
    low, high = corners_m.min(axis=0), corners_m.max(axis=0)
    west, north = math.floor(low[0] / m_per_px), math.ceil(high[1] / m_per_px)
    columns, rows = math.ceil(high[0] / m_per_px) - west, north - math.floor(low[1] / m_per_px)
    ring = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    there = np.column_stack([corners_m[:, 0] / m_per_px - west, north - corners_m[:, 1] / m_per_px]).astype(np.float32)
    matrix = np.linalg.inv(CENTRED) @ cv2.getPerspectiveTransform(ring, there) @ CENTRED
    warped = cv2.warpPerspective(grey, matrix, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpPerspective(held, matrix, (columns, rows), flags=cv2.INTER_NEAREST) > 0
    if not inside.any():
        return None
    seen = np.where(inside, np.maximum(warped, EMPTY + 1), EMPTY)
    return GroundImage(seen, inside, m_per_px, west * m_per_px, north * m_per_px)


def _plans(gallery: Gallery) -> Iterator[_RasterPart | _ImagePart]:
    """The pictures that cover a gallery's tiles."""
    rows = gallery.table.read("source", *WINDOW).to_pandas()
    cut = rows["col_px"].notna().to_numpy()
    for source, own in rows[cut].groupby("source", sort=True):
        yield from _blocks(gallery, str(source), own[list(WINDOW)].to_numpy(np.int64))
    for row in np.flatnonzero(~cut).tolist():
        yield _ImagePart(gallery.tile(row))


def _blocks(gallery: Gallery, source: str, windows: np.ndarray) -> Iterator[_RasterPart]:
    """Blocks of a raster that hold its tiles.

    Args:
        windows: (N, 4), column, row, width and height of each tile.
    """
    raster = open_raster(gallery.folder / source, gallery.assumed_crs)
    low, high = windows[:, :2].min(axis=0), (windows[:, :2] + windows[:, 2:]).max(axis=0)
    middle = (low + high) / 2
    px_m = np.array(raster.ground_px_m(float(middle[0]), float(middle[1])))
    shared = np.ceil(SHARED_M / px_m)
    step = np.maximum(np.floor(SHEET_M / px_m) - shared, 1)
    counts = np.maximum(1, np.ceil((high - low - shared) / step)).astype(int)
    for down in range(counts[1]):
        for across in range(counts[0]):
            begin = low + np.array([across, down]) * step
            end = np.minimum(begin + step + shared, high)
            inside = np.all((windows[:, :2] < end) & (windows[:, :2] + windows[:, 2:] > begin), axis=1)
            if not inside.any():
                continue
            col, row, right, bottom = (int(value) for value in (*begin, *end))
            window = Window(col, row, right - col, bottom - row)
            middle = raster.lonlat((col + right) / 2, (row + bottom) / 2)
            area_km2 = window.width_px * window.height_px * math.prod(px_m) / 1e6
            yield _RasterPart(source, window, windows[inside], middle, area_km2)
