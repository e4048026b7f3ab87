"""Rasters that touch or overlap, read as one: an index of them that GDAL shows as a mosaic (its driver GTI)."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import shapely
from pyproj import CRS
from rasterio.dtypes import dtype_rev, typename_fwd
from rasterio.transform import array_bounds
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.affinity import translate
from shapely.geometry import Polygon, box

from gallery.errors import SourceError
from gallery.geo import LonLat, destination, turns, wrap_lon
from gallery.imagery.bands import colour_bands, palette
from gallery.imagery.raster import Raster
from gallery.imagery.raster_io import LAYER, MOSAIC_SUFFIX, crs_of, lies_north_up, open_file
from gallery.paths import noted_path, write_whole

OPTIONS = ("RESX", "RESY", "SORT_FIELD", "MASK_BAND", "BAND_COUNT", "DATA_TYPE", "COLOR_INTERPRETATION", "RESAMPLING")
"""What an index may tell the driver; others name further files."""

WGS84 = "+proj=longlat +datum=WGS84"
ACROSS_180 = f"{WGS84} +pm=180"
"""Degrees counted from the 180th meridian, for mosaics that lie across it."""

TOUCHING_PX = 1.5
"""Largest gap between rasters that touch, in their pixels: sheets are not always cut to the pixel."""


@dataclass(frozen=True)
class MosaicSheet:
    """What a mosaic needs to know of one raster."""

    path: Path
    crs: CRS
    states_crs: bool  # within the file, where GDAL finds it
    north_up: bool
    box: Polygon  # in its own CRS
    outline: Polygon  # degrees; longitudes go on past 180
    pixel: tuple[float, float]  # sides in units of its own CRS
    pixel_m: float  # on the ground, in its middle
    dtype: str
    bands: tuple[int, ...]  # that make the picture
    palette: bytes | None

    @property
    def kind(self) -> tuple[str, tuple[int, ...], bytes | None]:
        """What the sheets of one mosaic have in common."""
        return self.dtype, self.bands, self.palette


def look_at(path: Path, crs: str | None = None) -> MosaicSheet:
    """What a mosaic needs to know of a raster; its pixels are not read.

    Args: crs: of a raster that states none.

    Raises:
        SourceError, NotGeoreferenced: as `gallery.imagery.raster.Raster`.
    """
    with Raster(path, crs=crs) as raster, open_file(path) as file:
        middle = raster.width_px / 2, raster.height_px / 2
        frame = shapely.segmentize(box(0, 0, raster.width_px, raster.height_px), max(middle) / 10)
        centre = raster.lonlat(*middle)
        corners = [raster.lonlat(*corner) for corner in frame.exterior.coords]
        colours = palette(file)
        return MosaicSheet(
            path=path,
            crs=crs_of(file, path, crs),
            states_crs=file.crs is not None,
            north_up=lies_north_up(file),
            box=box(*array_bounds(file.height, file.width, file.transform)),
            outline=Polygon([(centre.lon + wrap_lon(corner.lon - centre.lon), corner.lat) for corner in corners]),
            pixel=(abs(file.transform.a), abs(file.transform.e)),
            pixel_m=math.sqrt(math.prod(raster.ground_px_m(*middle))),
            dtype=file.dtypes[0],
            bands=tuple(colour_bands(file)),
            palette=None if colours is None else colours.tobytes(),
        )


def clusters(sheets: Sequence[MosaicSheet]) -> list[list[MosaicSheet]]:
    """Sheets that touch or overlap, directly or by others between them, together; each in the order of the sheets.

    Rotated rasters and those with control points stand alone: an index of tiles takes none.
    """
    if not sheets:
        return []
    outlines = [sheet.outline for sheet in sheets]
    near_deg = [TOUCHING_PX * max(_pixel_deg(sheet)) for sheet in sheets]
    tree = shapely.STRtree(outlines)
    pairs = np.concatenate(
        [tree.query([translate(outline, turn) for outline in outlines], "dwithin", near_deg) for turn in turns()],
        axis=1,
    )
    fit = np.array([sheet.north_up for sheet in sheets])
    one, other = pairs[:, fit[pairs[0]] & fit[pairs[1]]]
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(sheets), len(sheets)))
    labels = connected_components(graph, directed=False)[1].tolist()
    found: dict[int, list[MosaicSheet]] = {}
    for sheet, label in zip(sheets, labels, strict=True):
        found.setdefault(label, []).append(sheet)
    return [*found.values()]


def write_mosaic(sheets: Sequence[MosaicSheet], folder: Path) -> Path:
    """Write the index of a cluster. Where sheets overlap, the finer one is shown, or the later one of two alike.

    The rasters are noted relative to the index: both may be moved together.

    Args: folder: is made where it is missing.

    Returns: the index; its name says which rasters it holds.

    Raises:
        SourceError: the rasters cannot be shown as one (depth, bands, palettes, an assumed CRS among others).
    """
    _check_kinds(sheets)
    ordered = sorted(sheets, key=lambda sheet: -round(2 * math.log2(sheet.pixel_m)))  # half as fine again counts
    crs, boxes = _frame(ordered)
    finest = min(sheets, key=lambda sheet: sheet.pixel_m)
    pixel = finest.pixel if crs == finest.crs else _pixel_deg(finest)
    table = geopandas.GeoDataFrame(
        {
            "location": [noted_path(sheet.path, folder) for sheet in ordered],
            "bytes": [sheet.path.stat().st_size for sheet in ordered],
            "z_order": range(len(ordered)),
        },
        geometry=boxes,
        crs=crs,
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{_name(table, sheets[0].path)}{MOSAIC_SUFFIX}"
    options = _options(ordered[0], pixel)
    write_whole(
        file, lambda path: table.to_file(path, driver="GPKG", layer=LAYER, engine="pyogrio", layer_metadata=options)
    )
    return file


def _check_kinds(sheets: Sequence[MosaicSheet]) -> None:
    first = sheets[0]
    for sheet in sheets[1:]:
        if sheet.kind != first.kind:
            raise SourceError(
                f"{first.path.name} ({_samples_in_words(first)}) and {sheet.path.name} ({_samples_in_words(sheet)}) "
                "belong to one mosaic by where they lie, but their pixels cannot be mixed. Convert one of them, or "
                "build a gallery of each."
            )
    unstated = next((sheet for sheet in sheets if not sheet.states_crs), None)
    if unstated is not None and any(sheet.crs != unstated.crs for sheet in sheets):
        raise SourceError(
            f"{unstated.path.name} does not state its CRS itself and lies among rasters of another CRS. Save it as a "
            "GeoTIFF with its CRS."
        )


def _samples_in_words(sheet: MosaicSheet) -> str:
    colours = "a palette of its own" if sheet.palette is not None else f"{sheet.dtype} samples"
    return f"{colours}, bands {', '.join(map(str, sheet.bands))}"


def _frame(sheets: Sequence[MosaicSheet]) -> tuple[CRS, list[Polygon]]:
    """The CRS of a mosaic, and in it the boxes of its sheets.

    It is their common one where they lie together in that; else degrees, counted from the 180th meridian where they
    lie across it.
    """
    boxes = [sheet.box for sheet in sheets]
    west, _, east, _ = shapely.total_bounds(boxes)
    widths = sum(right - left for left, _, right, _ in shapely.bounds(boxes))
    if all(sheet.crs == sheets[0].crs for sheet in sheets) and east - west <= 1.01 * widths:
        return sheets[0].crs, boxes
    outlines = [sheet.outline for sheet in sheets]
    west, _, east, _ = shapely.total_bounds(outlines)
    if west >= -180 and east <= 180 and east - west < 180:
        return CRS.from_user_input(WGS84), [box(*outline.bounds) for outline in outlines]
    turned = [translate(outline, wrap_lon(outline.centroid.x - 180) - outline.centroid.x) for outline in outlines]
    return CRS.from_user_input(ACROSS_180), [box(*outline.bounds) for outline in turned]


def _pixel_deg(sheet: MosaicSheet) -> tuple[float, float]:
    """Degrees (of longitude, of latitude) that a sheet's pixels cover in its middle."""
    middle = LonLat(wrap_lon(sheet.outline.centroid.x), sheet.outline.centroid.y)
    towards_equator = 180 if middle.lat > 0 else 0
    return (
        wrap_lon(destination(middle, 90, sheet.pixel_m).lon - middle.lon),
        abs(destination(middle, towards_equator, sheet.pixel_m).lat - middle.lat),
    )


def _options(sheet: MosaicSheet, pixel: tuple[float, float]) -> dict[str, str]:
    """What the driver is told (its documentation lists the names). Transparent places of the sheets become its mask."""
    options = {"RESX": repr(pixel[0]), "RESY": repr(pixel[1]), "SORT_FIELD": "z_order", "MASK_BAND": "YES"}
    if sheet.palette is not None:
        return options
    names = dict(zip(sheet.bands, ("red", "green", "blue") if len(sheet.bands) == 3 else ("gray",), strict=True))
    shown = [names.get(band, "undefined") for band in range(1, max(sheet.bands) + 1)]
    return options | {
        "BAND_COUNT": str(len(shown)),
        "DATA_TYPE": typename_fwd[dtype_rev[sheet.dtype]],
        "COLOR_INTERPRETATION": ",".join(shown),
        "RESAMPLING": "BILINEAR",
    }


def _name(table: geopandas.GeoDataFrame, first: Path) -> str:
    """A name that differs for other rasters."""
    rasters = hashlib.sha256("\n".join(table["location"]).encode()).hexdigest()[:8]
    return f"{first.stem}-and-{len(table) - 1}-more-{rasters}"
