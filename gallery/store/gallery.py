"""A gallery on disk: tiles with positions, their vectors, and the index, as one folder that is opened read-only."""

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tokenize import TokenError  # of numpy's look at a damaged header
from typing import Any

import geopandas
import numpy as np
from PIL import Image
from shapely.affinity import scale

from gallery.constants import EXACT_INDEX
from gallery.embedder import Photo, PhotoReader, read_photo
from gallery.errors import DamagedGallery, GalleryError, WrongModel
from gallery.geo import LonLat, distances_m, turns
from gallery.imagery.images import read_picture
from gallery.imagery.raster_cache import open_raster
from gallery.imagery.warp import grown, seen_through, size_seen
from gallery.index.vector_index import VectorIndex, open_index
from gallery.paths import is_within
from gallery.store.checksums import FileCheck, sha256
from gallery.store.manifest import INDEX, TILES, VECTORS, data_files, read_manifest, standing_folder
from gallery.store.tile_table import TileTable
from gallery.tiles import Tile

log = logging.getLogger(__name__)

LONGEST_ASPECT = 16 / 9
"""Width over height of the longest photos that a part is taken out of at full resolution."""

MOST_WHOLE_PX = 4096
"""Longer side of an image that is read to show a part of it."""


class Gallery:
    """Tiles with positions and their vectors. Open one with `Gallery.open`."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any], reader: PhotoReader[Photo] | None = None) -> None:
        self._reader = reader
        self.folder = folder
        self.manifest = manifest
        self.checks: list[FileCheck] = []
        """Comparisons of files that go on beside the answers: `require_sound`."""

    @classmethod
    def open(cls, folder: str | Path, reader: PhotoReader[Photo] | None = None) -> "Gallery":
        """Open a gallery; vectors and index are mapped, and of the table only what is asked for is read.

        Small files are compared with their checksums, of large ones some blocks (`gallery.store.checksums`).

        Args: reader: of the pictures of image folders, which bounds what a stranger's picture costs; None: Pillow.

        Raises:
            NotAGallery: there is none in the folder, or one of a later format.
            DamagedGallery: its files are missing, cut short, or do not fit together.
        """
        standing = standing_folder(Path(folder))
        gallery = cls(standing, read_manifest(standing), reader)
        for name in data_files(gallery.manifest):
            stated = gallery.manifest["files"][name]["bytes"]
            file = standing / name
            if not file.is_file():
                raise DamagedGallery(f"The gallery {standing.name} lacks {name}. Build it again.")
            if file.stat().st_size != stated:
                raise DamagedGallery(f"{name} of the gallery {standing.name} is cut short or changed. Build it again.")
        facts = {name: gallery.manifest["files"][name] for name in data_files(gallery.manifest)}
        gallery.watch(
            FileCheck(standing, facts, f"{{name}} of the gallery {standing.name} is damaged. Build it again.")
        )
        if not len(gallery.vectors) == len(gallery.index) == len(gallery.table):
            raise DamagedGallery(f"The files of the gallery {standing.name} hold different counts. Build it again.")
        if not gallery.vectors.shape[1:] == (gallery.index.dimension,) == (gallery.dimension,):
            raise DamagedGallery(f"The files of the gallery {standing.name} are of different models. Build it again.")
        return gallery

    def __len__(self) -> int:
        return int(self.manifest["tiles"])

    @property
    def fingerprint(self) -> str:
        """Names the weights and preprocessing that embedded the tiles."""
        return str(self.manifest["model"]["fingerprint"])

    @property
    def precision(self) -> str | None:
        """What the vectors were computed in, such as "bfloat16"; None where an older gallery does not state it."""
        stated = self.manifest["model"].get("precision")
        return stated if isinstance(stated, str) else None

    @property
    def model_source(self) -> str:
        """What built the gallery, as `mean_model.load_model` takes it; a wrong guess is caught by the fingerprint."""
        noted = str(self.manifest["model"]["source"]) or "starter"
        name, equals, path = noted.rpartition("=")
        beside = self.folder / path
        return f"{name}{equals}{beside}" if path.startswith(".") and beside.exists() else noted

    @property
    def dimension(self) -> int:
        """Numbers in each vector."""
        return int(self.manifest["model"]["dimension"])

    @cached_property
    def table(self) -> TileTable:
        """The tiles' table, of which columns and rows are read as they are needed."""
        return TileTable(self.folder / TILES, len(self))

    @cached_property
    def tiles(self) -> geopandas.GeoDataFrame:
        """One row per tile, in the order of the vectors; geometry is the footprint in WGS84. All of it in memory."""
        return self.table.frame()

    @cached_property
    def vectors(self) -> np.ndarray:
        """(N, D) float16, memory-mapped, rows of length 1."""
        try:
            vectors: np.ndarray = np.load(self.folder / VECTORS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError, ArithmeticError, MemoryError, TokenError) as error:
            raise DamagedGallery(f"{VECTORS} of the gallery {self.folder.name} is damaged. Build it again.") from error
        if vectors.ndim != 2:
            raise DamagedGallery(f"{VECTORS} of the gallery {self.folder.name} is damaged. Build it again.")
        return vectors

    @cached_property
    def index(self) -> VectorIndex:
        """Search over the vectors, as the build chose."""
        return open_index(
            self.folder / INDEX, self.vectors, self.manifest.get("index", EXACT_INDEX), lambda: self.centres
        )

    @cached_property
    def boxes(self) -> np.ndarray:
        """(N, 4) west, south, east, north of the footprints; east goes on past 180 rather than jump."""
        return self.table.boxes()

    @cached_property
    def centres(self) -> np.ndarray:
        """(N, 2) lon, lat of the tiles' centres."""
        return np.stack([self.table.numbers("lon"), self.table.numbers("lat")], axis=1)

    @cached_property
    def scales_m(self) -> np.ndarray:
        """(N,) the size that each tile was cut to, metres; zeros where the gallery does not state it."""
        return np.asarray(np.nan_to_num(self.table.numbers("scale_m")))

    @property
    def sources(self) -> list[str]:
        """The rasters and folders of the tiles, relative to the gallery's folder where that is possible."""
        return sorted(
            {source for part in self.table.batches("source") for source in part["source"].unique().to_pylist()}
        )

    def tile(self, row: int) -> Tile:
        """The tile at a row of the vectors."""
        return self.table.tile(row)

    def covering(self, points: Sequence[LonLat]) -> list[np.ndarray]:
        """The rows of the tiles whose footprint covers each point, that with the nearest centre first."""
        return [self._covering(point) for point in points]

    def tile_at(self, point: LonLat) -> Tile | None:
        """The tile with the nearest centre of those that cover a point; None where there is none."""
        return next(map(self.tile, self._covering(point).tolist()), None)

    def _covering(self, point: LonLat) -> np.ndarray:
        west, south, east, north = self.boxes.T
        level = np.flatnonzero((south <= point.lat) & (point.lat <= north))
        near = np.any([(west[level] <= lon) & (lon <= east[level]) for lon in turns(point.lon)], axis=0)
        rows = np.array([row for row in level[near].tolist() if self.tile(row).contains(point)], np.int64)
        return rows[np.argsort(distances_m(point, *self.centres[rows].T), kind="stable")]

    def row(self, tile_id: str) -> int:
        """The row of a tile by its id.

        Raises:
            GalleryError: no tile has that id.
        """
        row = self.table.row(tile_id)
        if row < 0:
            raise GalleryError("The gallery has no tile of that name.")
        return row

    def image(self, tile: Tile, max_px: int = 384) -> Image.Image:
        """The picture of a tile, RGB, its longer side at most max_px, read from the raster or the image file.

        Raises:
            GalleryError: the source is not there any more, or is damaged.
        """
        if tile.window is not None:
            return open_raster(self.folder / tile.source, self.assumed_crs).image(tile.window, max_px, tile.cutout)
        if tile.cutout is None:
            return self._picture(self.image_file(tile), max_px)
        share = max(*size_seen(tile.cutout, (1, 1)), 1e-3) / LONGEST_ASPECT  # of the image's longer side, at least
        whole = self._picture(self.image_file(tile), min(math.ceil(max_px / share), MOST_WHOLE_PX))
        return seen_through(whole, tile.cutout, max_px)

    def held(self, tile: Tile, max_px: int = 384) -> np.ndarray | None:
        """(H, W) bool, where the picture of a tile holds data; None for one that is no plain window of a raster.

        Raises:
            GalleryError: the source is not there any more, or is damaged.
        """
        if tile.window is None or tile.cutout is not None:
            return None
        return open_raster(self.folder / tile.source, self.assumed_crs).held(tile.window, max_px)

    def _picture(self, file: Path, max_px: int) -> Image.Image:
        if self._reader is None or not file.is_file():
            return read_picture(file, max_px)  # which says so of one that is gone
        picture = read_photo(self._reader, file, max_px).image
        picture.thumbnail((max_px, max_px), Image.Resampling.BICUBIC)
        return picture

    def image_file(self, tile: Tile) -> Path:
        """The file of a tile that is an image of a folder.

        Raises:
            GalleryError: it lies outside that folder.
        """
        return image_file(self.folder, tile)

    def around(self, tile: Tile, sides: float = 1.0, max_px: int = 1024) -> tuple[Image.Image, Tile]:
        """The ground around a tile, some tile sides wide.

        Of a raster it reaches as far as that does; of a drone photo that lies north up it is what that shows; another
        image file is all that there is.

        Returns: the picture, and a tile that says where it lies.

        Raises:
            GalleryError: the source is not there any more, or is damaged.
        """
        if tile.window is None and tile.cutout is None:
            return self.image(tile, max_px), tile
        if tile.window is None:
            wider = scale(tile.footprint, sides, sides, origin=(tile.centre.lon, tile.centre.lat))
            tile = replace(tile, cutout=grown(tile.cutout, sides), footprint=wider)
            return self.image(tile, max_px), tile
        raster = open_raster(self.folder / tile.source, self.assumed_crs)
        place = raster.tile(tile.id, raster.around(tile.window, sides), tile.source)
        assert place.window is not None
        return raster.image(place.window, max_px, place.cutout), place

    @property
    def assumed_crs(self) -> str | None:
        """The coordinate system of those of its rasters that state none."""
        crs: str | None = self.manifest["build"].get("crs")
        return crs

    def require_crs(self, crs: str | None) -> None:
        """Refuse another assumed CRS than the gallery's: it is noted once, for all rasters that state none.

        Raises:
            GalleryError: names the gallery's.
        """
        if crs is not None and self.assumed_crs not in (None, crs):
            raise GalleryError(
                f"The gallery takes {self.assumed_crs} for rasters that state no CRS, and can take no other beside it. "
                "Save the new ones with their CRS."
            )

    def require_model(self, fingerprint: str, name: str = "") -> None:
        """Refuse other weights than the gallery's.

        Raises:
            WrongModel: names both.
        """
        if fingerprint != self.fingerprint:
            own = f"{self.manifest['model']['name']} ({self.fingerprint})".lstrip()
            other = f"{name} ({fingerprint})".lstrip()
            raise WrongModel(
                f"The gallery was embedded by the model {own}, but the model at hand is {other}. "
                "Use the gallery's model, or build the gallery again with this one."
            )

    def require_precision(self, precision: str) -> None:
        """Refuse vectors of another precision beside the gallery's.

        Raises:
            WrongModel: names both.
        """
        if self.precision not in (None, precision):
            raise WrongModel(
                f"The gallery was computed in {self.precision}, and the model at hand computes in {precision}. "
                f"Load it with the gallery's precision, or build the gallery again."
            )

    def watch(self, check: FileCheck) -> None:
        """Compare some of the files now, and the rest when answers are asked for.

        Raises:
            DamagedGallery: one is damaged.
        """
        check.at_open()
        self.checks.append(check)

    def require_sound(self) -> None:
        """Refuse to answer from files that were found damaged since the gallery was opened.

        Raises:
            DamagedGallery: names the file.
        """
        for check in self.checks:
            check.require_sound()

    def require_intact(self) -> None:
        """Refuse a table or vectors that are not what was built.

        Raises:
            DamagedGallery: names the file.
        """
        for name in (TILES, VECTORS):
            if sha256(self.folder / name) != self.manifest["files"][name]["sha256"]:
                raise DamagedGallery(f"{name} of the gallery {self.folder.name} is damaged. Build it again.")

    def info(self) -> dict[str, Any]:
        """Counts, model, extent and settings, ready for JSON."""
        boxes = self.boxes
        crossing = len(boxes) and float(boxes[:, 2].max() - boxes[:, 0].min()) > 180
        metres_per_px = self.table.numbers("metres_per_px")
        placed: Counter[str] = Counter()
        for part in self.table.batches("placed"):
            placed.update(part["placed"].to_pylist())
        return {
            "name": self.folder.name,
            "format": self.manifest["format"],
            "tiles": len(self),
            "model": dict(self.manifest["model"]),
            "build": dict(self.manifest["build"]),
            "index": dict(self.manifest.get("index", EXACT_INDEX)),
            "skipped": dict(self.manifest["skipped"]),
            "placed": dict(placed),
            "metres_per_px": {"least": float(metres_per_px.min()), "most": float(metres_per_px.max())},
            "bounds": None
            if crossing or not len(boxes)
            else [*map(float, boxes[:, :2].min(axis=0)), *map(float, boxes[:, 2:].max(axis=0))],
            "bytes": sum(file["bytes"] for file in self.manifest["files"].values()),
        }


def image_file(folder: Path, tile: Tile) -> Path:
    """The file of a tile that is an image of a folder. Args: folder: which the tile's source is relative to.

    Raises:
        GalleryError: it lies outside that folder.
    """
    source = folder / tile.source
    image = source / (tile.image or "")
    if not is_within(image, source):
        raise GalleryError(f"The image of tile {tile.id} lies outside its folder and is not read.")
    return image
