"""A georeferenced raster: cut into tiles of equal ground size, and read as 8-bit RGB pictures."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np
import rasterio
from PIL import Image
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window as RasterWindow
from shapely.geometry import Polygon

from gallery.errors import NotGeoreferenced, SourceError
from gallery.geo import LonLat, distance_m, wrap_lon
from gallery.tiles import Tile, Window

DRIVERS = {".tif": "GTiff", ".tiff": "GTiff", ".jp2": "JP2OpenJPEG"}
"""What is opened, by suffix: formats that hold their own pixels. A VRT could point at any file or host."""

MIN_TILE_PX = 16
"""A tile of fewer raster pixels shows nothing that could be recognised."""

STRETCH_PERCENTILES = (2.0, 98.0)
"""Which values become black and white when samples have more than 8 bits."""


@dataclass(frozen=True)
class Stretch:
    """The linear map of one raster's samples to 0..255, the same for all of its tiles."""

    low: np.ndarray  # (bands,)
    high: np.ndarray  # (bands,)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """(bands, H, W) of any type -> uint8."""
        low, high = self.low[:, None, None], self.high[:, None, None]
        scaled = (samples.astype(np.float32) - low) / np.maximum(high - low, 1e-12)
        return (np.clip(np.nan_to_num(scaled), 0, 1) * 255 + 0.5).astype(np.uint8)


class Raster:
    """An open raster that lies north up. Use as a context manager; for one thread at a time.

    Rotated, mirrored and control-point rasters are seen through a warp to the UTM zone of their middle.

    Raises:
        SourceError: the file is missing, unreadable or of a format that is not taken.
        NotGeoreferenced: it has no coordinate reference system.
    """

    def __init__(self, path: Path, stretch: Stretch | None = None) -> None:
        """Args: stretch: as it was found when the same raster was open before; spares a look at all of it."""
        self.path = path
        if not path.is_file():
            raise SourceError(f"There is no file {path.name}. Check the path of the raster.")
        try:
            self._file = rasterio.open(path, driver=DRIVERS.get(path.suffix.lower(), "GTiff"))
        except RasterioIOError as error:
            raise SourceError(
                f"{path.name} cannot be read as a raster. Give a GeoTIFF (or COG) or a georeferenced JPEG 2000."
            ) from error
        try:
            self._view = _north_up(self._file, path.name)
            self._to_lonlat = Transformer.from_crs(self._view.crs.to_wkt(), "OGC:CRS84", always_xy=True)
            self._bands = _colour_bands(self._view)
            self._colours = _palette(self._file)
            self._known_stretch = stretch
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Raster":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._view is not self._file:  # a warped view
            self._view.close()
        self._file.close()

    @cached_property
    def stretch(self) -> Stretch | None:
        """The map of samples to 0..255; None for 8-bit ones. Looks at all of the raster unless it was given."""
        if self._view.dtypes[0] == "uint8":
            return None
        return self._known_stretch or _stretch(self._view, self._bands)

    @property
    def width_px(self) -> int:
        """Columns."""
        return int(self._view.width)

    @property
    def height_px(self) -> int:
        """Rows."""
        return int(self._view.height)

    def lonlat(self, col_px: float, row_px: float) -> LonLat:
        """Where a pixel position lies (0, 0 = the upper left corner of the upper left pixel).

        Raises:
            NotGeoreferenced: the position lies outside what the raster's CRS describes.
        """
        x, y = self._view.transform @ (col_px, row_px)
        lon, lat = self._to_lonlat.transform(x, y)
        if not (math.isfinite(lon) and math.isfinite(lat) and abs(lat) <= 90):
            raise NotGeoreferenced(
                f"{self.path.name} has pixels outside the area of its coordinate system. Check its CRS and its extent."
            )
        return LonLat(wrap_lon(lon), lat)

    def ground_px_m(self, col_px: float, row_px: float) -> tuple[float, float]:
        """Metres on the ground of one pixel, (along a row, along a column), around a pixel position."""
        return (
            distance_m(self.lonlat(col_px - 0.5, row_px), self.lonlat(col_px + 0.5, row_px)),
            distance_m(self.lonlat(col_px, row_px - 0.5), self.lonlat(col_px, row_px + 0.5)),
        )

    def windows(self, tile_size_m: float, overlap: float) -> Iterator[Window]:
        """Windows of tile_size_m metres on the ground that cover the raster, row by row from the upper left.

        The size in pixels is worked out anew for each row of tiles, because a pixel of most projections
        covers less ground towards the poles. The last tile of a row or column is moved back to end at the edge.

        Raises:
            SourceError: the pixels are too coarse for tiles of that size.
        """
        row = 0
        while True:
            window_height_px = self._tile_px(row, tile_size_m)[1]
            last_row = row + window_height_px >= self.height_px
            top = max(0, self.height_px - window_height_px) if last_row else row
            height_px = min(window_height_px, self.height_px)
            tile_width_px = self._tile_px(top + height_px / 2, tile_size_m, middle=True)[0]
            width_px = min(tile_width_px, self.width_px)
            for col in _starts(self.width_px, width_px, overlap):
                yield Window(col, top, width_px, height_px)
            if last_row:
                return
            row += _step(window_height_px, overlap)

    def _tile_px(self, row: float, tile_size_m: float, middle: bool = False) -> tuple[int, int]:
        """Pixels (across, down) of a tile whose top (or middle) lies at row."""
        col = self.width_px / 2
        px_m = self.ground_px_m(col, min(max(row, 0.5), self.height_px - 0.5))
        if not middle:  # the ground size at the tile's middle counts, not at its top
            half_px = tile_size_m / px_m[1] / 2
            px_m = self.ground_px_m(col, min(row + half_px, self.height_px - 0.5))
        width_px, height_px = (round(tile_size_m / max(size_m, 1e-6)) for size_m in px_m)
        if min(width_px, height_px) < MIN_TILE_PX:
            least_m = math.ceil(MIN_TILE_PX * max(px_m))
            raise SourceError(
                f"{self.path.name} is too coarse for tiles of {tile_size_m:g} m: its pixels cover {max(px_m):.2g} m. "
                f"Use a tile size of at least {least_m} m."
            )
        return width_px, height_px

    def around(self, window: Window, sides: float) -> Window:
        """A window grown about its middle to so many times its sides, as far as the raster reaches."""
        left, top, width_px, height_px = window
        across, down = (round((sides - 1) / 2 * size_px) for size_px in (width_px, height_px))
        right, bottom = min(left + width_px + across, self.width_px), min(top + height_px + down, self.height_px)
        left, top = max(left - across, 0), max(top - down, 0)
        return Window(left, top, right - left, bottom - top)

    def tile(self, tile_id: str, window: Window, source: str) -> Tile:
        """The tile that a window cuts out."""
        left, top = window.col_px, window.row_px
        right, bottom = left + window.width_px, top + window.height_px
        middle = (left + right) / 2, (top + bottom) / 2
        centre = self.lonlat(*middle)
        corners = [self.lonlat(*corner) for corner in ((left, top), (right, top), (right, bottom), (left, bottom))]
        ring = [(centre.lon + wrap_lon(corner.lon - centre.lon), corner.lat) for corner in corners]
        metres_per_px = math.sqrt(math.prod(self.ground_px_m(*middle)))
        return Tile(tile_id, centre, Polygon(ring), metres_per_px, source, window=window)

    def data_share(self, window: Window) -> float:
        """Share of the window that holds data (not transparent, not nodata), in [0, 1]."""
        shape = _fitted(window, 64)
        try:
            mask = self._view.dataset_mask(out_shape=shape, window=_rasterio(window))
        except RasterioError as error:
            raise self._damaged() from error
        return float(np.count_nonzero(mask) / mask.size)

    def _damaged(self) -> SourceError:
        return SourceError(f"{self.path.name} is damaged: part of its pixels cannot be read. Copy it again.")

    def image(self, window: Window, max_px: int) -> Image.Image:
        """The window as an RGB picture whose longer side has at most max_px pixels.

        Raises:
            SourceError: the pixels cannot be read (a cut file).
        """
        height_px, width_px = _fitted(window, max_px)
        shape = (len(self._bands), height_px, width_px)
        resampling = Resampling.nearest if self._colours is not None else Resampling.bilinear
        try:
            samples = self._view.read(self._bands, window=_rasterio(window), out_shape=shape, resampling=resampling)
        except RasterioError as error:
            raise self._damaged() from error
        if self._colours is not None:
            return Image.fromarray(self._colours[samples[0]])
        rgb = samples if self.stretch is None else self.stretch(samples)
        return Image.fromarray(np.ascontiguousarray(np.moveaxis(np.broadcast_to(rgb, (3, *rgb.shape[1:])), 0, -1)))


def is_georeferenced(path: Path) -> bool:
    """Whether a file is a raster that states its coordinate system; a quick look."""
    try:
        with rasterio.open(path, driver=DRIVERS.get(path.suffix.lower(), "GTiff")) as file:
            return file.crs is not None or file.gcps[1] is not None
    except RasterioIOError:
        return False


def _north_up(file: rasterio.DatasetReader, name: str) -> rasterio.DatasetReader | WarpedVRT:
    gcps, gcps_crs = file.gcps
    if file.crs is None and gcps_crs is None:
        raise NotGeoreferenced(
            f"{name} has no coordinate reference system (CRS). "
            "Save it with one, or list images with their positions in a CSV."
        )
    transform = file.transform
    if file.crs is not None and transform.is_identity:
        raise NotGeoreferenced(f"{name} has a CRS but no position. Save it as a GeoTIFF with its extent.")
    if file.crs is not None and transform.b == transform.d == 0 and transform.a > 0 > transform.e:
        return file
    source_crs = file.crs or gcps_crs
    x, y = (
        transform @ (file.width / 2, file.height / 2)
        if file.crs is not None
        else (np.mean([point.x for point in gcps]), np.mean([point.y for point in gcps]))
    )
    try:
        lon, lat = Transformer.from_crs(source_crs.to_wkt(), "OGC:CRS84", always_xy=True).transform(x, y, errcheck=True)
    except ProjError as error:
        raise NotGeoreferenced(f"{name} lies outside the area of its coordinate system. Check its CRS.") from error
    zone = min(60, int((wrap_lon(lon) + 180) // 6) + 1)
    masked = ColorInterp.alpha in file.colorinterp or file.nodata is not None
    return WarpedVRT(
        file,
        src_crs=source_crs,
        crs=f"EPSG:{(32600 if lat >= 0 else 32700) + zone}",
        resampling=Resampling.bilinear,
        add_alpha=not masked,
    )


def _colour_bands(view: rasterio.DatasetReader | WarpedVRT) -> list[int]:
    """Band numbers of red, green, blue, or of the one grey band."""
    meaning = {colour: band for band, colour in enumerate(view.colorinterp, start=1)}
    named = [meaning.get(colour) for colour in (ColorInterp.red, ColorInterp.green, ColorInterp.blue)]
    if all(named):
        return [band for band in named if band]
    plain = [band for band, colour in enumerate(view.colorinterp, start=1) if colour != ColorInterp.alpha]
    return plain[:3] if len(plain) >= 3 else plain[:1]


def _palette(file: rasterio.DatasetReader) -> np.ndarray | None:
    """(256, 3) colours of a palette raster, else None."""
    if file.colorinterp[0] != ColorInterp.palette or file.dtypes[0] != "uint8":
        return None
    table = np.zeros((256, 3), np.uint8)
    for value, colour in file.colormap(1).items():
        table[value] = colour[:3]
    return table


def _stretch(view: rasterio.DatasetReader | WarpedVRT, bands: list[int]) -> Stretch:
    """Percentiles of the whole raster, from a reduced copy, so that neighbouring tiles keep their contrast."""
    shape = _fitted(Window(0, 0, view.width, view.height), 1024)
    samples = view.read(bands, out_shape=(len(bands), *shape), resampling=Resampling.nearest).astype(np.float64)
    valid = (view.dataset_mask(out_shape=shape) > 0)[None] & np.isfinite(samples)
    lows, highs = [], []
    for band, known in zip(samples, valid, strict=True):
        low, high = np.percentile(band[known], STRETCH_PERCENTILES) if known.any() else (0.0, 1.0)
        lows.append(low)
        highs.append(high if high > low else low + 1)
    return Stretch(np.array(lows, np.float32), np.array(highs, np.float32))


def _fitted(window: Window, max_px: int) -> tuple[int, int]:
    """(height, width) of the window shrunk so that its longer side has at most max_px pixels."""
    scale = min(1.0, max_px / max(window.width_px, window.height_px))
    return max(1, round(window.height_px * scale)), max(1, round(window.width_px * scale))


def _rasterio(window: Window) -> RasterWindow:
    return RasterWindow(window.col_px, window.row_px, window.width_px, window.height_px)


def _step(size_px: int, overlap: float) -> int:
    """Pixels from one tile to the next; rounded down, so that rounding never leaves a gap."""
    return max(1, math.floor(size_px * (1 - overlap) + 1e-9))


def _starts(length_px: int, size_px: int, overlap: float) -> list[int]:
    """Where tiles of size_px begin along a side of length_px; the last one ends at the edge."""
    last = length_px - size_px
    starts = list(range(0, last, _step(size_px, overlap)))
    return [*starts, max(0, last)]
