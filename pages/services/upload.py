"""A GeoTIFF that a visitor uploaded: looked at with suspicion before any of its pixels is decoded."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError, RasterioIOError

from gallery.imagery.bounds import block_excess, sample_bytes
from gallery.imagery.raster import Raster
from pages.errors import PagesError

SUFFIXES = (".tif", ".tiff")
SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How TIFF and BigTIFF begin."""

MOST_BYTES = 50_000_000  # of the file
MOST_PX = 400_000_000
MOST_DECODED_BYTES = 2_000_000_000  # all samples of all bands
MOST_TILES = 4000

NO_SIDECARS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": False}
"""The file alone is read, whatever lies beside it."""


class BadUpload(PagesError):
    """A file that no gallery is built from; the message says why."""


@dataclass(frozen=True)
class UploadPlan:
    """What a build would make."""

    tiles: int  # before empty ones are left out
    width_m: float
    height_m: float
    metres_per_px: float
    doubt: str = ""  # why it may be no picture of the ground


FEW_VALUES = 16
"""A raster with no more different values in a band than this is a mask, or a map of kinds of ground."""

LOOKED_AT_PX = 512


@contextmanager
def checked(path: Path) -> Iterator[Raster]:
    """The uploaded raster, open, after its kind and its sizes are known to be harmless.

    Raises:
        BadUpload: it is no GeoTIFF, or too large in some way.
        SourceError: it does not say where it lies, or is damaged.
    """
    _check_file(path)
    with rasterio.Env(**NO_SIDECARS):
        _check_sizes(path)
        with Raster(path) as raster:
            yield raster


def plan(path: Path, tile_size_m: float, overlap: float) -> UploadPlan:
    """What a build from an uploaded raster would make; few pixels are decoded.

    Raises:
        BadUpload: as `checked`, and for tiles of no size, or too many.
        SourceError: as `checked`, and for pixels too coarse for tiles of that size.
    """
    if not (math.isfinite(tile_size_m) and tile_size_m > 0):
        raise BadUpload("Give the tiles a side in metres, more than 0.")
    if not 0 <= overlap <= 0.95:
        raise BadUpload("The overlap is a share from 0 to 0.95.")
    with checked(path) as raster:
        count = sum(1 for _ in islice(raster.windows(tile_size_m, overlap), MOST_TILES + 1))
        if count > MOST_TILES:
            raise BadUpload(
                f"That is more than {MOST_TILES:,} tiles, the most that are built here. Choose larger tiles or less "
                "overlap, or build it on your own machine."
            )
        across_m, down_m = raster.ground_px_m(raster.width_px / 2, raster.height_px / 2)
        size_m = across_m * raster.width_px, down_m * raster.height_px
        return UploadPlan(count, *size_m, math.sqrt(across_m * down_m), doubt_of(path))


def doubt_of(path: Path) -> str:
    """Why a raster of harmless size may be no picture of the ground, in one sentence; empty for one that looks like it.

    Heights, indices of vegetation and masks come as GeoTIFF too, and photos are found in none of them.
    """
    with rasterio.open(path, driver="GTiff") as file:
        plain = [band for band in range(1, file.count + 1) if file.colorinterp[band - 1] != ColorInterp.alpha]
        kind = np.dtype(file.dtypes[0])
        if len(plain) == 1 and (kind.kind == "f" or (kind.kind == "i" and kind.itemsize > 1)):
            what = "decimal" if kind.kind == "f" else "signed"
            return (
                f"It holds one band of {what} numbers, as a height model or a vegetation index does, and may be no "
                "picture of the ground."
            )
        shrunk = min(1.0, LOOKED_AT_PX / max(file.width, file.height))
        shape = (max(1, round(file.height * shrunk)), max(1, round(file.width * shrunk)))
        try:
            sample = file.read(plain[:3], out_shape=(len(plain[:3]), *shape), resampling=Resampling.nearest)
        except RasterioError as error:
            raise BadUpload("This GeoTIFF is damaged: part of its pixels cannot be read.") from error
    values = max(len(np.unique(band)) for band in sample)
    if values <= FEW_VALUES:
        return (
            f"Its bands hold {values} different values at most, as a mask or a map of land use does, and it may be no "
            "picture of the ground."
        )
    return ""


def _check_file(path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise BadUpload("This is no GeoTIFF: its name does not end in .tif or .tiff.")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise BadUpload(
            f"The file has {size / 1e6:,.0f} MB; {MOST_BYTES / 1e6:.0f} MB are possible here. Build larger ones on "
            "your own machine."
        )
    with path.open("rb") as file:
        if file.read(4) not in SIGNATURES:
            raise BadUpload("This is no GeoTIFF: its content is of another kind than its name says.")


def _check_sizes(path: Path) -> None:
    try:
        with rasterio.open(path, driver="GTiff") as file:
            pixels = file.width * file.height
            unpacked = pixels * file.count * sample_bytes(file)
            excess = block_excess(file)
            stated = file.crs or file.gcps[1]
    except (RasterioIOError, RasterioError, TypeError, ValueError) as error:
        raise BadUpload("This GeoTIFF is damaged or of a kind that is not read.") from error
    if stated is None:
        raise BadUpload("This GeoTIFF has no coordinate reference system (CRS). Save it with one.")
    if excess is not None:
        raise BadUpload(
            f"The raster is too large or too costly: it {excess}. Save it as a GeoTIFF in tiles, packed by Deflate."
        )
    if pixels > MOST_PX or unpacked > MOST_DECODED_BYTES:
        raise BadUpload(
            f"The raster is too large: {MOST_PX / 1e6:,.0f} million pixels and {MOST_DECODED_BYTES / 1e9:.0f} GB of "
            "samples are possible here."
        )
