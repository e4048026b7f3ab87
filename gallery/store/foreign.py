"""Whether a raster of somebody else shows its own pixels only, and what they cost.

It could point at any file of this machine, or take hours. GDAL follows what lies beside a raster (overviews, masks,
notes) and what its metadata name, and opens each by its content: a VRT called `r.tif.ovr` is read as a VRT. What it
could open is looked at first, what it did open comes last.
"""

from collections.abc import Iterable
from pathlib import Path

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import rasterio
from pyogrio.errors import DataSourceError
from rasterio.errors import RasterioIOError

from gallery.constants import EXACT_INDEX
from gallery.errors import DamagedGallery, SourceError
from gallery.imagery.bounds import block_excess, unpacked_excess
from gallery.imagery.mosaic import OPTIONS
from gallery.imagery.raster_io import GEOTIFF, LAYER, NOTES, OWN_PIXELS, driver_of, is_mosaic, open_file
from gallery.imagery.warp import reached
from gallery.paths import is_within
from gallery.store.manifest import TILES, read_manifest
from gallery.store.tile_table import WINDOW

HEADER_BYTES = 4096
VIRTUAL = (b"<VRTDataset", b"<GDAL", b"<OGR")
"""What files that point at others begin with; no picture has it near its start."""


OWN_NOTES = b"<GDALMetadata>"
"""How a TIFF's own metadata begin; a mask beside a raster has some near its start."""

POINTERS = (NOTES, ".aux", ".rrd", "-journal", "-wal", "-shm")
"""Endings of what may name other files, and is opened because it lies beside a raster or a database."""

COPIES = (".ovr", ".msk")
"""Endings of smaller copies and masks beside a raster, which GDAL opens by whatever driver knows their content."""

POINTING_DOMAINS = {"OVERVIEWS", "GEOLOCATION"}
"""Metadata within a file that name further files."""

DRIVERS = (GEOTIFF, "MBTiles", "JPEG", "PNG", "WEBP", "BMP")
"""Formats that are opened. JPEG 2000 is not: what a part of it takes to unpack cannot be told before."""

WHOLE = ("JPEG", "PNG", "WEBP", "BMP")
"""Formats of which every part takes all before it, or all."""

MOST_WHOLE_PX = 70_000_000
MOST_WINDOW_PX = 200_000_000
"""Pixels of a tile's window: 14,000 a side, 300 m at 2 cm."""

MOST_REACH = 4.0
"""Sides by which a tile's cutout may reach beyond its window; one that is turned reaches 0.3."""

FILE_ALONE = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": False}
"""Nothing beside a file is opened with it."""


def require_own_pixels(raster: Path, folder: Path) -> None:
    """Refuse a raster that could show what lies outside a folder; an index of tiles must list rasters of the folder.

    Raises:
        DamagedGallery: it is virtual, names other files, has such beside it, or lists such.
    """
    rasters = [raster.parent / listed for listed in _listed(raster)] if is_mosaic(raster) else [raster]
    for each in (raster, *rasters):
        if not is_within(each, folder):
            raise DamagedGallery(f"The gallery names imagery outside its folder ({each.name}): not opened.")
    _require_plain_company({each.parent for each in (raster, *rasters)}, folder)
    for each in rasters:
        _require_plain(each, folder)


def _require_plain_company(homes: Iterable[Path], folder: Path) -> None:
    """Refuse folders of rasters that hold anything GDAL could follow elsewhere."""
    for home in homes:
        for file in home.iterdir() if home.is_dir() else ():
            name = file.name.lower()
            if name.endswith(POINTERS):
                raise _pointing(file)
            if name.endswith(COPIES):
                if not is_within(file, folder):
                    raise _pointing(file)
                _require_no_pointer(file, GEOTIFF)


def _require_plain(raster: Path, folder: Path) -> None:
    driver = driver_of(raster)
    if driver in OWN_PIXELS.values() and driver not in DRIVERS:
        raise _costly(raster, "is of a format that is opened in one's own galleries only")
    if driver not in OWN_PIXELS.values():
        raise _pointing(raster)
    _require_no_pointer(raster, driver)
    try:
        with open_file(raster) as opened:
            files = [Path(file) for file in opened.files]
            excess = block_excess(opened) or unpacked_excess(opened, raster.stat().st_size)
            if driver in WHOLE and opened.width * opened.height > MOST_WHOLE_PX:
                excess = f"has more than {MOST_WHOLE_PX / 1e6:.0f} megapixels, of a format that is unpacked whole"
            if driver == "MBTiles":  # what it packs is known when its tiles are asked for, each of 256 pixels or so
                excess = block_excess(opened)
    except (SourceError, ValueError) as error:
        raise _damaged(raster) from error
    if excess is not None:
        raise _costly(raster, excess)
    if not all(is_within(file, folder) and file.is_file() for file in files):
        raise _pointing(raster)


def _require_no_pointer(file: Path, driver: str | None) -> None:
    """Refuse a file that is not of that driver, or whose content or metadata name further files."""
    try:
        with file.open("rb") as stream:
            start = stream.read(HEADER_BYTES).replace(OWN_NOTES, b"")
        if any(mark in start for mark in VIRTUAL):
            raise _pointing(file)
        with rasterio.Env(**FILE_ALONE), rasterio.open(file, driver=driver) as opened:
            domains = set(opened.tag_namespaces())
    except (OSError, RasterioIOError) as error:
        raise _damaged(file) from error
    if domains & POINTING_DOMAINS:
        raise _pointing(file)


def _pointing(file: Path) -> DamagedGallery:
    return DamagedGallery(f"{file.name} of the gallery may point at files outside its folder: not opened.")


def _costly(file: Path, excess: str) -> DamagedGallery:
    return DamagedGallery(f"{file.name} of the gallery {excess}: not opened. Ask for it as a GeoTIFF in tiles.")


def _damaged(file: Path) -> DamagedGallery:
    return DamagedGallery(f"{file.name} of the gallery is damaged. Fetch it again.")


def _listed(index: Path) -> list[str]:
    """Every text in an index of tiles: its settings may name any column as that of the rasters."""
    refused = DamagedGallery(f"{index.name} of the gallery is no index as this program writes them: not opened.")
    try:
        layers = [str(name) for name in pyogrio.list_layers(index)[:, 0]]
        if layers != [LAYER]:
            raise refused
        options = pyogrio.read_info(index, layer=LAYER)["layer_metadata"] or {}
        table = geopandas.read_file(index, layer=LAYER, engine="pyogrio", ignore_geometry=True)
    except DataSourceError as error:
        raise refused from error
    if not set(options) <= set(OPTIONS):
        raise refused
    return [str(text) for column in table.select_dtypes(exclude="number") for text in table[column]]


def require_own_imagery(folder: Path) -> Path:
    """The folder of somebody else's gallery, unless it would have this machine read files or ask servers of its choice.

    Raises:
        DamagedGallery: its tiles name files elsewhere, its vectors are searched by a server, or it is damaged.
    """
    if (
        read_manifest(folder).get("index", EXACT_INDEX)["kind"] == "milvus"
    ):  # which would be given our token, and photos
        raise DamagedGallery(f"The gallery {folder.name} is searched by somebody's server: not opened.")
    try:
        sources = pq.read_table(folder / TILES, columns=["source"])["source"].unique().to_pylist()
    except (OSError, ValueError, KeyError) as error:
        raise DamagedGallery(f"{TILES} of the gallery {folder.name} is damaged. Fetch it again.") from error
    _require_bounded_tiles(folder)
    for source in sources:
        if not is_within(folder / str(source), folder):
            raise DamagedGallery(
                f"The gallery names imagery outside its folder ({Path(str(source)).name}): not opened."
            )
        if (folder / str(source)).is_file():
            require_own_pixels(folder / str(source), folder)
    return folder


def _require_bounded_tiles(folder: Path) -> None:
    """Refuse tiles that show far more of a raster than a tile does: each would take minutes to read."""
    refused = DamagedGallery(f"A tile of the gallery {folder.name} is far too large: not opened.")
    with pq.ParquetFile(folder / TILES) as table:
        names = [name for name in (*WINDOW[2:], "cutout") if name in table.schema_arrow.names]
        for part in table.iter_batches(columns=names):
            sides = [np.nan_to_num(part[name].to_numpy(zero_copy_only=False).astype(float)) for name in WINDOW[2:]]
            if np.any(np.array(sides) < 0) or np.any(sides[0] * sides[1] > MOST_WINDOW_PX):
                raise refused
            for cutout in part["cutout"].drop_null().to_pylist() if "cutout" in names else ():
                numbers = np.frombuffer(cutout, "<f8")
                if len(numbers) != 9 or not np.isfinite(numbers).all():
                    raise refused
                left, top, right, bottom = reached(tuple(numbers.tolist()))
                if min(left, top) < -MOST_REACH or max(right, bottom) > 1 + MOST_REACH:
                    raise refused
