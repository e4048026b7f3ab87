"""A gallery on disk: tiles with positions, their vectors, and the index, as one folder that is opened read-only."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from PIL import Image

from gallery.errors import DamagedGallery, GalleryError, NotAGallery, WrongModel
from gallery.geo import LonLat
from gallery.handles import open_raster
from gallery.index import EXACT, VectorIndex, open_index
from gallery.own_imagery import require_own_pixels
from gallery.paths import is_within
from gallery.sources import read_picture
from gallery.tiles import Tile, Window

log = logging.getLogger(__name__)

FORMAT = 1
"""Version of the layout on disk; a gallery of a later version is refused."""

MANIFEST, TILES, VECTORS, INDEX = "gallery.json", "tiles.parquet", "vectors.npy", "index.faiss"
DATA_FILES = (TILES, VECTORS, INDEX)
FILES = (MANIFEST, *DATA_FILES)

WINDOW = ("col_px", "row_px", "width_px", "height_px")
COLUMNS = ("id", "lon", "lat", "metres_per_px", "source", "image", "placed", "content", *WINDOW, "geometry")
"""The columns of tiles.parquet."""


@dataclass(frozen=True)
class Problem:
    """One thing that `Gallery.check` found wrong."""

    kind: Literal["missing", "checksum", "counts", "duplicate", "position", "source", "model"]
    message: str

    @property
    def damage(self) -> bool:
        """Whether the gallery cannot be trusted; a duplicate (two tiles of open water) is only a remark."""
        return self.kind != "duplicate"


class Gallery:
    """Tiles with positions and their vectors. Open one with `Gallery.open`."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        self.folder = folder
        self.manifest = manifest

    @classmethod
    def open(cls, folder: str | Path) -> "Gallery":
        """Open a gallery; vectors and index are mapped, not read.

        Raises:
            NotAGallery: there is none in the folder, or one of a later format.
            DamagedGallery: its files are missing, cut short, or do not fit together.
        """
        standing = standing_folder(Path(folder))
        gallery = cls(standing, read_manifest(standing))
        for name in DATA_FILES:
            stated = gallery.manifest["files"][name]["bytes"]
            file = standing / name
            if not file.is_file():
                raise DamagedGallery(f"The gallery {standing.name} lacks {name}. Build it again.")
            if file.stat().st_size != stated:
                raise DamagedGallery(f"{name} of the gallery {standing.name} is cut short or changed. Build it again.")
        if not len(gallery.vectors) == len(gallery.index) == gallery.manifest["tiles"]:
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
    def tiles(self) -> geopandas.GeoDataFrame:
        """One row per tile, in the order of the vectors; geometry is the footprint in WGS84."""
        try:
            tiles = geopandas.read_parquet(self.folder / TILES)
        except (OSError, ValueError) as error:
            raise DamagedGallery(f"{TILES} of the gallery {self.folder.name} is damaged. Build it again.") from error
        if len(tiles) != len(self) or not set(COLUMNS) <= set(tiles):
            raise DamagedGallery(f"{TILES} of the gallery {self.folder.name} lacks rows or columns. Build it again.")
        return tiles

    @cached_property
    def vectors(self) -> np.ndarray:
        """(N, D) float16, memory-mapped, rows of length 1."""
        try:
            return np.load(self.folder / VECTORS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DamagedGallery(f"{VECTORS} of the gallery {self.folder.name} is damaged. Build it again.") from error

    @cached_property
    def index(self) -> VectorIndex:
        """Search over the vectors, as the build chose."""
        return open_index(self.folder / INDEX, self.vectors, self.manifest.get("index", EXACT))

    @cached_property
    def boxes(self) -> np.ndarray:
        """(N, 4) west, south, east, north of the footprints; east goes on past 180 rather than jump."""
        return self.tiles.geometry.bounds.to_numpy()

    @cached_property
    def centres(self) -> np.ndarray:
        """(N, 2) lon, lat of the tiles' centres."""
        return self.tiles[["lon", "lat"]].to_numpy(np.float64)

    @cached_property
    def scales_m(self) -> np.ndarray:
        """(N,) the size that each tile was cut to, metres; zeros where the gallery does not state it."""
        if "scale_m" not in self.tiles:
            return np.zeros(len(self))
        return self.tiles["scale_m"].fillna(0).to_numpy(np.float64)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {tile_id: row for row, tile_id in enumerate(self.tiles["id"])}

    def tile(self, row: int) -> Tile:
        """The tile at a row of the vectors."""
        record = self.tiles.iloc[row]
        window = None
        if not pd.isna(record["col_px"]):
            window = Window(*(int(record[name]) for name in WINDOW))
        return Tile(
            id=record["id"],
            centre=LonLat(float(record["lon"]), float(record["lat"])),
            footprint=record["geometry"],
            metres_per_px=float(record["metres_per_px"]),
            source=record["source"],
            window=window,
            image=None if pd.isna(record["image"]) else record["image"],
            placed=record["placed"],
        )

    def row(self, tile_id: str) -> int:
        """The row of a tile by its id.

        Raises:
            GalleryError: no tile has that id.
        """
        if tile_id not in self._rows:
            raise GalleryError("The gallery has no tile of that name.")
        return self._rows[tile_id]

    def image(self, tile: Tile, max_px: int = 384) -> Image.Image:
        """The picture of a tile, RGB, its longer side at most max_px, read from the raster or the image file.

        Raises:
            GalleryError: the source is not there any more, or is damaged.
        """
        if tile.window is None:
            return read_picture(self.image_file(tile), max_px)
        return open_raster(self.folder / tile.source, self.manifest["build"].get("crs")).image(tile.window, max_px)

    def image_file(self, tile: Tile) -> Path:
        """The file of a tile that is an image of a folder.

        Raises:
            GalleryError: it lies outside that folder.
        """
        return image_file(self.folder, tile)

    def around(self, tile: Tile, sides: float = 1.0, max_px: int = 1024) -> tuple[Image.Image, Tile]:
        """The ground around a tile, so many tile sides wide: of a raster as far as it reaches, of an image file itself.

        Returns: the picture, and a tile that says where it lies.

        Raises:
            GalleryError: the source is not there any more, or is damaged.
        """
        if tile.window is None:
            return self.image(tile, max_px), tile
        raster = open_raster(self.folder / tile.source, self.manifest["build"].get("crs"))
        window = raster.around(tile.window, sides)
        return raster.image(window, max_px), raster.tile(tile.id, window, tile.source)

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

    def info(self) -> dict[str, Any]:
        """Counts, model, extent and settings, ready for JSON."""
        boxes = self.boxes
        crossing = len(boxes) and float(boxes[:, 2].max() - boxes[:, 0].min()) > 180
        return {
            "name": self.folder.name,
            "format": self.manifest["format"],
            "tiles": len(self),
            "model": dict(self.manifest["model"]),
            "build": dict(self.manifest["build"]),
            "skipped": dict(self.manifest["skipped"]),
            "placed": dict(Counter(self.tiles["placed"])),
            "metres_per_px": {
                "least": float(self.tiles["metres_per_px"].min()),
                "most": float(self.tiles["metres_per_px"].max()),
            },
            "bounds": None
            if crossing or not len(boxes)
            else [*map(float, boxes[:, :2].min(axis=0)), *map(float, boxes[:, 2:].max(axis=0))],
            "bytes": sum(file["bytes"] for file in self.manifest["files"].values()),
        }

    def check(self, fingerprint: str | None = None) -> list[Problem]:
        """Look at everything: checksums, counts, duplicates, positions, sources, and the model if one is named.

        Returns: what is wrong or remarkable; empty when nothing is. Never raises for a damaged file.
        """
        problems = _check_files(self.folder, self.manifest)
        if fingerprint is not None and fingerprint != self.fingerprint:
            problems.append(Problem("model", f"embedded by {self.fingerprint}, not by {fingerprint}"))
        try:
            problems += _check_contents(self)
        except GalleryError as error:
            problems.append(Problem("counts", str(error)))
        return problems


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


def standing_folder(folder: Path) -> Path:
    """The folder to read: the named one, or what a build that was killed at the moment of the exchange left aside."""
    if not (folder / MANIFEST).is_file() and (aside(folder, "previous") / MANIFEST).is_file():
        return aside(folder, "previous")
    return folder


def require_own_imagery(folder: Path) -> Path:
    """The folder of somebody else's gallery, unless its tiles name files that lie elsewhere on this machine.

    Raises:
        DamagedGallery: they do, or the table of tiles is damaged.
    """
    try:
        sources = pq.read_table(folder / TILES, columns=["source"])["source"].unique().to_pylist()
    except (OSError, ValueError, KeyError) as error:
        raise DamagedGallery(f"{TILES} of the gallery {folder.name} is damaged. Fetch it again.") from error
    for source in sources:
        if not is_within(folder / str(source), folder):
            raise DamagedGallery(
                f"The gallery names imagery outside its folder ({Path(str(source)).name}): not opened."
            )
        if (folder / str(source)).is_file():
            require_own_pixels(folder / str(source), folder)
    return folder


def aside(folder: Path, role: str) -> Path:
    """The neighbour of a gallery's folder for a role: "building" or "previous"."""
    full = folder.absolute()
    return full.with_name(f"{full.name}.{role}")


def read_manifest(folder: Path) -> dict[str, Any]:
    """gallery.json of a folder.

    Raises:
        NotAGallery: there is none, or of a later format.
        DamagedGallery: it cannot be read.
    """
    name = folder.absolute().name
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotAGallery(
            f"{name} is no gallery: it has no {MANIFEST}. Build one with: python -m gallery build SOURCE --out {name}"
        ) from error
    except (OSError, ValueError) as error:
        raise DamagedGallery(f"{MANIFEST} of {name} is damaged. Build the gallery again.") from error
    if not isinstance(manifest, dict) or type(manifest.get("format")) is not int:
        raise DamagedGallery(f"{MANIFEST} of {name} is damaged. Build the gallery again.")
    if manifest["format"] != FORMAT:
        raise NotAGallery(
            f"{name} has gallery format {manifest['format']}; this version reads {FORMAT}. Build it again."
        )
    if not _is_complete(manifest):
        raise DamagedGallery(f"{MANIFEST} of {name} lacks entries. Build the gallery again.")
    return manifest


def _is_complete(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest has every entry that is read, each of its type."""
    tops = {"files": dict, "model": dict, "build": dict, "skipped": dict, "tiles": int}
    if not all(type(manifest.get(key)) is kind for key, kind in tops.items()):
        return False
    model, files = manifest["model"], [manifest["files"].get(name) for name in DATA_FILES]
    index = manifest.get("index", EXACT)
    if not (isinstance(index, dict) and type(index.get("kind")) is str):
        return False
    return (
        all(type(model.get(key)) is str for key in ("fingerprint", "name", "source"))
        and type(model.get("dimension")) is int
        and all(
            isinstance(file, dict) and type(file.get("bytes")) is int and type(file.get("sha256")) is str
            for file in files
        )
    )


def table_of(tiles: Sequence[Tile], contents: Sequence[str]) -> geopandas.GeoDataFrame:
    """The rows of tiles.parquet.

    A window counts in the raster's own pixels, or for a rotated raster in those of its north-up view (`raster.Raster`).

    Args: contents: a hash of each tile's pixels.
    """
    windows = [tile.window or (None,) * 4 for tile in tiles]
    columns: dict[str, Any] = {
        "id": pd.array([tile.id for tile in tiles], dtype="str"),
        "lon": np.array([tile.centre.lon for tile in tiles], np.float64),
        "lat": np.array([tile.centre.lat for tile in tiles], np.float64),
        "metres_per_px": np.array([tile.metres_per_px for tile in tiles], np.float64),
        "source": pd.array([tile.source for tile in tiles], dtype="str"),
        "image": pd.array([tile.image for tile in tiles], dtype="str"),
        "placed": pd.array([tile.placed for tile in tiles], dtype="str"),
        "content": pd.array(contents, dtype="str"),
    }
    for position, name in enumerate(WINDOW):
        columns[name] = pd.array([window[position] for window in windows], dtype="Int64")
    return geopandas.GeoDataFrame(columns, geometry=[tile.footprint for tile in tiles], crs="OGC:CRS84")


def sha256(file: Path) -> str:
    """Checksum of a file, read in pieces."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_facts(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and checksum of each data file."""
    return {name: {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)} for name in DATA_FILES}


def _check_files(folder: Path, manifest: Mapping[str, Any]) -> list[Problem]:
    problems = []
    for name in DATA_FILES:
        if not (folder / name).is_file():
            problems.append(Problem("missing", f"{name} is missing"))
        elif sha256(folder / name) != manifest["files"][name]["sha256"]:
            problems.append(Problem("checksum", f"{name} does not have the checksum that {MANIFEST} states"))
    return problems


def _check_contents(gallery: Gallery) -> list[Problem]:
    problems: list[Problem] = []
    tiles, vectors = gallery.tiles, gallery.vectors
    counts = {VECTORS: len(vectors), INDEX: len(gallery.index), MANIFEST: len(gallery)}
    if len(set(counts.values())) > 1:
        stated = ", ".join(f"{name} {count}" for name, count in counts.items())
        problems.append(Problem("counts", f"the files hold different counts: {stated}"))
    if not vectors.shape[1:] == (gallery.index.dimension,) == (gallery.dimension,):
        problems.append(Problem("counts", "the files hold vectors of different lengths"))
    lons, lats = tiles["lon"].to_numpy(float), tiles["lat"].to_numpy(float)
    placed = np.isfinite(lons) & np.isfinite(lats) & (np.abs(lons) <= 180) & (np.abs(lats) <= 90)
    placed &= ~(tiles.geometry.isna() | tiles.geometry.is_empty).to_numpy()
    problems += [
        Problem("position", f"tile {tiles['id'].iloc[row]} has no position") for row in np.flatnonzero(~placed)
    ]
    problems += [Problem("duplicate", text) for text in _duplicates(tiles, vectors)]
    for source in sorted(set(tiles["source"])):
        if not (gallery.folder / source).exists():
            problems.append(Problem("source", f"{Path(source).name} is not where the tiles were cut from"))
    return problems


def _duplicates(tiles: geopandas.GeoDataFrame, vectors: np.ndarray) -> Iterable[str]:
    """One sentence for each tile that repeats another: its id, its pixels, or its vector."""
    hashes = [hashlib.blake2b(vector.tobytes(), digest_size=16).hexdigest() for vector in vectors]
    for what, values in (("name", tiles["id"]), ("pixels", tiles["content"]), ("vector", hashes)):
        first: dict[str, int] = {}
        for row, value in enumerate(values):
            if value in first:
                yield f"tile {tiles['id'].iloc[row]} has the {what} of tile {tiles['id'].iloc[first[value]]}"
            else:
                first[value] = row


def is_unit(vectors: np.ndarray, tolerance: float = 1e-2) -> bool:
    """Whether every row of (N, D) has length 1 within the tolerance (half precision included)."""
    return bool(np.all(np.abs(np.linalg.norm(vectors.astype(np.float32), axis=1) - 1) <= tolerance))
