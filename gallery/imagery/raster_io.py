"""How a raster file is opened: by which driver, in which coordinate system, and as a view that lies north up."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from rasterio._err import CPLE_BaseError  # what a warp raises; rasterio.errors has no name for it
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError
from rasterio.vrt import WarpedVRT

from gallery.errors import NotGeoreferenced, SourceError
from gallery.geo import wrap_lon

GEOTIFF = "GTiff"
IMAGE_DRIVERS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP"}
"""Pictures that are rasters when a file beside them says where they lie."""

OWN_PIXELS = {".tif": GEOTIFF, ".tiff": GEOTIFF, ".jp2": "JP2OpenJPEG", ".mbtiles": "MBTiles", **IMAGE_DRIVERS}
"""Formats that hold their own pixels, by suffix."""

MOSAIC_SUFFIX = ".gti.gpkg"

DRIVERS = {**OWN_PIXELS, ".vrt": "VRT", MOSAIC_SUFFIX: "GTI"}
"""GDAL's driver by the file's ending. A VRT and an index of tiles (GTI) point at other files, as their owner wants it;
a file of another name is never opened as one."""


NOTES = ".aux.xml"
"""Ending of what GDAL writes beside a raster; it may name other files."""

LAYER = "mosaic"
"""The layer of an index of tiles, as `gallery.imagery.mosaic` writes it."""


def is_mosaic(path: Path) -> bool:
    """Whether a file is an index of tiles by its name."""
    return path.name.lower().endswith(MOSAIC_SUFFIX)


def members_of(index: Path) -> list[tuple[Path, int]]:
    """The rasters that an index of this program lists, and how many bytes each had; nothing of a foreign index.

    Raises:
        SourceError: it cannot be read.
    """
    from pyogrio import raw  # late: few rasters are mosaics
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        facts, _, _, values = raw.read(index, layer=LAYER, columns=["location", "bytes"], read_geometry=False)
    except DataLayerError:
        return []
    except DataSourceError as error:
        raise SourceError(f"{index.name} is no index of rasters that can be read.") from error
    columns = dict(zip(facts["fields"], values, strict=True))
    if columns.keys() != {"location", "bytes"}:
        return []
    return [
        (index.parent / str(location), int(size))
        for location, size in zip(columns["location"], columns["bytes"], strict=True)
    ]


def lost_members(index: Path) -> list[Path]:
    """Those of an index's rasters that are gone or cut short: GDAL shows holes in their places and says nothing."""
    return [file for file, size in members_of(index) if not file.is_file() or file.stat().st_size < size]


def driver_of(path: Path) -> str | None:
    """The driver for a file of this name; None for names that no raster has."""
    if is_mosaic(path):
        return DRIVERS[MOSAIC_SUFFIX]
    return DRIVERS.get(path.suffix.lower())


def stem_of(path: Path) -> str:
    """A raster's name without the ending that says its format."""
    return path.name[: -len(MOSAIC_SUFFIX)] if is_mosaic(path) else path.stem


def open_file(path: Path) -> rasterio.DatasetReader:
    """Open a raster by the driver that its name asks for, GeoTIFF if it asks for none.

    Raises:
        SourceError: it is missing or unreadable, or a raster of a mosaic is.
    """
    if not path.is_file():
        raise SourceError(f"There is no file {path.name}. Check the path of the raster.")
    if is_mosaic(path) and (lost := lost_members(path)):
        raise SourceError(f"{lost[0].name}, which a mosaic shows, is gone or cut short. Put it back, or build again.")
    try:
        return rasterio.open(path, driver=driver_of(path) or GEOTIFF)
    except RasterioIOError as error:
        raise SourceError(
            f"{path.name} cannot be read as a raster. Give a GeoTIFF (or COG), a VRT, MBTiles with pictures, "
            "JPEG 2000, or a picture with a world file."
        ) from error


def states_its_place(path: Path) -> bool:
    """Whether a file is a raster that says where it lies, be it without its coordinate system; a quick look."""
    if driver_of(path) is None or (path.suffix.lower() in IMAGE_DRIVERS and not sidecars_of(path)):
        return False
    try:
        with warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning), open_file(path) as file:
            return not file.transform.is_identity or bool(file.gcps[0])
    except SourceError:
        return False


def sidecars_of(raster: Path) -> list[Path]:
    """The files beside a raster that belong to it: world file, .prj, overviews, mask, and notes of GDAL (.aux.xml)."""
    notes = [raster.with_name(f"{raster.name}{ending}") for ending in (".ovr", ".msk", NOTES)]
    return [file for file in (*_world_files(raster), raster.with_suffix(".prj"), *notes) if file.is_file()]


def _world_files(image: Path) -> list[Path]:
    """What its world file may be called: first and last letter of the suffix and w, the suffix and w, or wld."""
    suffix = image.suffix
    endings = (f".{suffix[1]}{suffix[-1]}w", f"{suffix}w", ".wld")
    return [image.with_suffix(ending if suffix.islower() else ending.upper()) for ending in endings]


def crs_of(file: rasterio.DatasetReader, path: Path, assumed: str | None = None) -> CRS:
    """The coordinate system of an open raster: its own, that of a .prj beside it, or else the assumed one.

    That of its control points is its own where they alone say where it lies. One that is local, or of another planet,
    gives way to the assumed one.

    Args:
        assumed: what pyproj takes, such as "EPSG:32633".

    Raises:
        NotGeoreferenced: there is none, or one that is not understood or not of the Earth.
    """
    crs = _stated_crs(file, path, assumed)
    if _of_the_earth(crs):
        return crs
    if assumed is not None and _of_the_earth(named := CRS.from_user_input(assumed)):
        return named
    raise NotGeoreferenced(
        f"The coordinate system of {path.name} is local or not of the Earth. Name the right one with --crs EPSG:…."
    )


def _of_the_earth(crs: CRS) -> bool:
    """Whether places of a coordinate system can be told as longitude and latitude on the Earth."""
    try:
        Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    except ProjError:
        return False
    return True


def _stated_crs(file: rasterio.DatasetReader, path: Path, assumed: str | None) -> CRS:
    """The coordinate system as it is stated. Raises: NotGeoreferenced: there is none, or one not understood."""
    by_points = file.gcps[1] if file.gcps[0] and file.transform.is_identity else None
    own = by_points or file.crs or file.gcps[1]
    beside = path.with_suffix(".prj")
    try:
        if own is not None:
            return CRS.from_wkt(own.to_wkt())
        if beside.is_file():
            return CRS.from_user_input(beside.read_text("utf-8", errors="replace"))
        if assumed is not None:
            return CRS.from_user_input(assumed)
    except CRSError as error:
        raise NotGeoreferenced(
            f"The coordinate system of {path.name} is not understood. Save it with another."
        ) from error
    raise NotGeoreferenced(
        f"{path.name} has no coordinate reference system (CRS). Name it with --crs EPSG:…, save the file with one, "
        "or list images with their positions in a CSV."
    )


def lies_north_up(file: rasterio.DatasetReader | WarpedVRT) -> bool:
    """Whether rows run from west to east and columns from north to south, without control points."""
    transform = file.transform
    return not transform.is_identity and transform.b == transform.d == 0 and transform.a > 0 > transform.e


def north_up(file: rasterio.DatasetReader, path: Path, crs: CRS) -> rasterio.DatasetReader | WarpedVRT:
    """The raster itself, or a view of a rotated, mirrored or control-point raster in the UTM zone of its middle.

    Raises:
        NotGeoreferenced: it does not say where it lies, or outside its coordinate system.
    """
    if lies_north_up(file):
        return file
    points = file.gcps[0]
    if file.transform.is_identity and not points:
        raise NotGeoreferenced(f"{path.name} has a CRS but no position. Save it as a GeoTIFF with its extent.")
    x, y = (
        (np.mean([point.x for point in points]), np.mean([point.y for point in points]))
        if file.transform.is_identity
        else file.transform @ (file.width / 2, file.height / 2)
    )
    try:
        lon, lat = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True).transform(x, y, errcheck=True)
    except ProjError as error:
        raise NotGeoreferenced(f"{path.name} lies outside the area of its coordinate system. Check its CRS.") from error
    zone = min(60, int((wrap_lon(lon) + 180) // 6) + 1)
    masked = ColorInterp.alpha in file.colorinterp or file.nodata is not None
    how: dict[str, Any] = {
        "src_crs": crs.to_wkt(),
        "crs": f"EPSG:{(32600 if lat >= 0 else 32700) + zone}",
        "resampling": Resampling.nearest if ColorInterp.palette in file.colorinterp else Resampling.bilinear,
        "add_alpha": not masked,
    }
    try:
        view = WarpedVRT(file, **how)
        if lies_north_up(view):
            return view
        # Where the raster is in that zone already, GDAL keeps its grid, whichever way that one runs.
        grid, width, height = view.transform, view.width, view.height
        view.close()
        west, north = min(grid.c, grid.c + grid.a * width), max(grid.f, grid.f + grid.e * height)
        laid = Affine(abs(grid.a), 0, west, 0, -abs(grid.e), north)
        return WarpedVRT(file, **how, transform=laid, width=width, height=height)
    except CPLE_BaseError as error:
        raise NotGeoreferenced(f"{path.name} cannot be laid on the map by its control points. Check them.") from error
