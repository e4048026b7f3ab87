"""A georeferenced raster: cut into tiles of equal ground size, and read as 8-bit RGB pictures."""

import math
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np
from affine import Affine
from PIL import Image
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow
from shapely.geometry import Polygon

from gallery.errors import NotGeoreferenced, SourceError
from gallery.geo import LonLat, distance_m, moved, offsets_m, wrap_lon
from gallery.imagery.bands import Stretch, colour_bands, holds_data, palette, stretch_of
from gallery.imagery.raster_io import IMAGE_DRIVERS, OWN_PIXELS, crs_of, north_up, open_file
from gallery.imagery.warp import Cutout, cutout_of, reached, seen_through, through
from gallery.tiles import Tile, Window

MOST_OVERVIEW_PX = 200_000_000
"""Most pixels of a raster without smaller copies of itself that is shown whole: seconds on one core."""

EVEN_GROUND = 0.005
"""Share of ground by which the pixels of a strip of columns may differ from those in its middle."""

MIN_TILE_PX = 16
"""Least side of a tile, raster pixels: in fewer nothing could be recognised."""

NORTH_WITHIN_DEG = 1.0
"""Degrees by which a raster's columns may run beside true north for its tiles to be shown as its pixels lie. Those of
polar and country-wide projections, and of the borders of UTM zones, run farther off: their tiles are turned."""

MOST_SIDES = 4
"""How many times as large a picture is read as the turned part that is taken out of it, at most."""

RESAMPLED_ALIKE = {OWN_PIXELS[".tif"], OWN_PIXELS[".jp2"], *IMAGE_DRIVERS.values()}
"""Drivers of files that hold their own pixels in one grid."""

SHARE_PX = 64
"""Pixels, longer side of the look at what a window holds."""


class Raster:
    """An open raster that lies north up. Use as a context manager; for one thread at a time.

    Rotated, mirrored and control-point rasters are seen through a warp to the UTM zone of their middle.

    Raises:
        SourceError: the file is missing, unreadable or of a format that is not taken.
        NotGeoreferenced: it has no coordinate reference system.
    """

    def __init__(self, path: Path, stretch: Stretch | None = None, crs: str | None = None) -> None:
        """Open a raster.

        Args:
            stretch: as it was found when the same raster was open before; spares a look at its samples.
            crs: of a raster that states none.
        """
        self.path = path
        self._file = open_file(path)
        try:
            self.crs = crs_of(self._file, path, crs)
            self._view = north_up(self._file, path, self.crs)
            shown_in = self.crs if self._view is self._file else self._view.crs.to_wkt()
            self._to_lonlat = Transformer.from_crs(shown_in, "OGC:CRS84", always_xy=True)
            self._bands = colour_bands(self._view)
            self._colours = palette(self._file)
            if any(self._view.dtypes[band - 1].startswith("complex") for band in self._bands):
                raise SourceError(f"{path.name} holds complex numbers, which are no picture.")
            self._known_stretch = stretch
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Raster":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._view is not self._file:  # a warped view
            self._view.close()
        self._file.close()

    @cached_property
    def stretch(self) -> Stretch | None:
        """The map of samples to 0..255; None for 8-bit ones. Looks at samples of all the raster unless it was given."""
        try:
            return self._known_stretch or stretch_of(self._view, self._bands)
        except RasterioError as error:
            raise self._damaged() from error

    @cached_property
    def _affine(self) -> Affine:
        affine: Affine = self._view.transform  # worked out anew by each look
        return affine

    @property
    def width_px(self) -> int:
        """Columns."""
        return int(self._view.width)

    @property
    def height_px(self) -> int:
        """Rows."""
        return int(self._view.height)

    @property
    def resampled_alike(self) -> bool:
        """Whether a pixel of a shrunk picture does not hang on how much is read with it, as in warps and mosaics."""
        return self._view is self._file and self._file.driver in RESAMPLED_ALIKE

    def lonlat(self, col_px: float, row_px: float) -> LonLat:
        """Where a pixel position lies (0, 0 = the upper left corner of the upper left pixel).

        Raises:
            NotGeoreferenced: the position lies outside what the raster's CRS describes.
        """
        x, y = self._affine @ (col_px, row_px)
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

    def windows(self, tile_size_m: float, overlap: float, north_up: bool = True) -> Iterator[Window]:
        """Windows of tile_size_m metres on the ground that cover the raster, row by row from the upper left.

        The size in pixels is worked out anew for each row of tiles, because a pixel of most projections covers less
        ground towards the poles. Where it also changes along a row (wide rasters of polar and country-wide
        projections), strips of columns are covered one after the other. The last tile of a row or column is moved back
        to end at the edge. Where tiles are turned north up (`tile`), they overlap by as much as leaves no gaps between
        them; corners of ground at the raster's edge may lie in none.

        Args: north_up: whether tiles are turned so; False: they are the windows themselves.

        Raises:
            SourceError: the pixels are too coarse for tiles of that size.
        """
        for left, right in self._strips(0, self.width_px):
            yield from self._strip_windows(left, right, tile_size_m, overlap, north_up)

    def _strip_windows(
        self, left: int, right: int, tile_size_m: float, overlap: float, north_up: bool
    ) -> Iterator[Window]:
        """Windows that cover some columns; tiles overlap those of the next strip as each other."""
        row, middle, asked = 0, (left + right) / 2, overlap
        while True:
            window_height_px = self._tile_px(middle, row, tile_size_m)[1]
            if north_up:
                overlap = max(asked, self._overlap_turned(middle, row + window_height_px / 2))
            last_row = row + window_height_px >= self.height_px
            top = max(0, self.height_px - window_height_px) if last_row else row
            height_px = min(window_height_px, self.height_px)
            width_px = min(self._tile_px(middle, top + height_px / 2, tile_size_m, middle=True)[0], self.width_px)
            end = min(self.width_px, max(right + math.ceil(overlap * width_px), left + width_px))
            start = min(left, end - width_px)
            for col in _starts((self.width_px if right == self.width_px else end) - start, width_px, overlap):
                yield Window(start + col, top, width_px, height_px)
            if last_row:
                return
            row += _step(window_height_px, overlap)

    def _overlap_turned(self, col: float, row: float) -> float:
        """Share by which tiles around a pixel position must overlap to leave no gaps, once they are turned."""
        try:
            _, turn_deg = self._ground_per_px(min(col, self.width_px - 1), min(row, self.height_px - 1), 1.0, 1.0)
        except NotGeoreferenced:  # an empty corner
            return 0.0
        turn = math.radians(turn_deg)
        return 1 - 1 / (abs(math.cos(turn)) + abs(math.sin(turn))) if abs(turn_deg) > NORTH_WITHIN_DEG else 0.0

    def _ground_per_px(self, col: float, row: float, across_px: float, down_px: float) -> tuple[np.ndarray, float]:
        """How the raster lies around a pixel position.

        Args: across_px, down_px: steps that are taken to each side.

        Returns: (2, 2), metres east and north of one pixel to the right, and of one down; and where the columns point,
        degrees clockwise from true north.
        """
        ways = [
            offsets_m(self.lonlat(col - right, row - down), self.lonlat(col + right, row + down))
            for right, down in ((across_px, 0.0), (0.0, down_px))
        ]
        per_px = np.array(ways).T / (2 * np.array([across_px, down_px]))
        return per_px, math.degrees(math.atan2(-per_px[0, 1], -per_px[1, 1]))

    def _strips(self, left: int, right: int) -> Iterator[tuple[int, int]]:
        """Columns in ranges along which a pixel covers the same ground, to EVEN_GROUND."""
        if right - left <= 2 * MIN_TILE_PX or self._is_even(left, right):
            yield left, right
        else:
            middle = (left + right) // 2
            yield from self._strips(left, middle)
            yield from self._strips(middle, right)

    def _is_even(self, left: int, right: int) -> bool:
        for row in (0.5, self.height_px / 2, self.height_px - 0.5):
            try:
                here = self.ground_px_m((left + right) / 2, row)
                ends = [self.ground_px_m(col, row) for col in (left + 0.5, right - 0.5)]
            except NotGeoreferenced:  # empty corners of a raster may lie outside its CRS
                continue
            if any(abs(there / at - 1) > EVEN_GROUND for end in ends for there, at in zip(end, here, strict=True)):
                return False
        return True

    def _tile_px(self, col: float, row: float, tile_size_m: float, middle: bool = False) -> tuple[int, int]:
        """Pixels (across, down) of a tile around col whose top (or middle) lies at row."""
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
        """A window grown about its middle to a multiple of its sides, as far as the raster reaches."""
        left, top, width_px, height_px = window
        across, down = (round((sides - 1) / 2 * size_px) for size_px in (width_px, height_px))
        right, bottom = min(left + width_px + across, self.width_px), min(top + height_px + down, self.height_px)
        left, top = max(left - across, 0), max(top - down, 0)
        return Window(left, top, right - left, bottom - top)

    def tile(self, tile_id: str, window: Window, source: str, north_up: bool = True) -> Tile:
        """The tile that a window cuts out.

        Args: north_up: where columns run far from true north, it is turned about the window's middle so that it lies
            north up; False: it is the window itself.
        """
        left, top = window.col_px, window.row_px
        right, bottom = left + window.width_px, top + window.height_px
        middle = (left + right) / 2, (top + bottom) / 2
        centre = self.lonlat(*middle)
        per_px, turn_deg = self._ground_per_px(*middle, window.width_px / 4, window.height_px / 4)
        cutout = None
        if north_up and abs(turn_deg) > NORTH_WITHIN_DEG:
            sides_m = np.linalg.norm(per_px, axis=0) * [window.width_px, window.height_px]
            cutout = _north_up_cutout(per_px, window, sides_m)
            corners = [moved(centre, *(sides_m / 2 * way)) for way in ((-1, 1), (1, 1), (1, -1), (-1, -1))]
        else:
            corners = [self.lonlat(*corner) for corner in ((left, top), (right, top), (right, bottom), (left, bottom))]
        ring = [(centre.lon + wrap_lon(corner.lon - centre.lon), corner.lat) for corner in corners]
        metres_per_px = math.sqrt(math.prod(self.ground_px_m(*middle)))
        return Tile(tile_id, centre, Polygon(ring), metres_per_px, source, window=window, cutout=cutout)

    def held(self, window: Window, max_px: int) -> np.ndarray:
        """(H, W) bool, where a window holds data (not transparent, not nodata), of the size of its `image`.

        Raises:
            SourceError: the pixels cannot be read (a cut file).
        """
        try:
            return holds_data(self._view, self._bands, _rasterio(window), fitted(window, max_px))
        except RasterioError as error:
            raise self._damaged() from error

    def data_share(self, window: Window, cutout: Cutout | None = None) -> float:
        """Share of the window, or of what a cutout shows of it, that holds data (not transparent, not nodata)."""
        part, within = self._part(window, cutout)
        try:
            there = holds_data(self._view, self._bands, _rasterio(part), fitted(part, SHARE_PX))
        except RasterioError as error:
            raise self._damaged() from error
        if within is not None:
            there = through(there, within, (SHARE_PX, SHARE_PX))
        return float(np.count_nonzero(there) / there.size)

    def _part(self, window: Window, cutout: Cutout | None) -> tuple[Window, Cutout | None]:
        """What of the raster a cutout of a window shows, as far as the raster reaches; and the cutout of that part."""
        if cutout is None:
            return window, None
        left, top, right, bottom = reached(cutout)
        left, right = (window.col_px + side * window.width_px for side in (left, right))
        top, bottom = (window.row_px + side * window.height_px for side in (top, bottom))
        col, row = max(0, math.floor(left)), max(0, math.floor(top))
        part = Window(
            min(col, self.width_px - 1),
            min(row, self.height_px - 1),
            max(1, min(self.width_px, math.ceil(right)) - col),
            max(1, min(self.height_px, math.ceil(bottom)) - row),
        )
        to_part = np.array(
            [
                [window.width_px / part.width_px, 0, (window.col_px - part.col_px) / part.width_px],
                [0, window.height_px / part.height_px, (window.row_px - part.row_px) / part.height_px],
                [0, 0, 1],
            ]
        )
        return part, cutout_of(to_part @ np.reshape(cutout, (3, 3)))

    def _damaged(self) -> SourceError:
        return SourceError(f"{self.path.name} is damaged: part of its pixels cannot be read. Copy it again.")

    def overview(self, max_px: int) -> Image.Image | None:
        """All of the raster as `image`; None where that would decode more than MOST_OVERVIEW_PX pixels."""
        reduced = max([1, *self._file.overviews(self._bands[0])])
        if self.width_px * self.height_px / reduced**2 > MOST_OVERVIEW_PX:
            return None
        return self.image(Window(0, 0, self.width_px, self.height_px), max_px)

    def image(self, window: Window, max_px: int, cutout: Cutout | None = None) -> Image.Image:
        """The window, or what a cutout shows of it, as an RGB picture whose longer side has at most max_px pixels.

        Raises:
            SourceError: the pixels cannot be read (a cut file).
        """
        if cutout is not None:
            part, within = self._part(window, cutout)
            assert within is not None
            shrunk = min(1.0, max_px / max(window.width_px, window.height_px))
            read_px = max(1, min(math.ceil(shrunk * max(part.width_px, part.height_px)), MOST_SIDES * max_px))
            return seen_through(self.image(part, read_px), within, max_px)
        height_px, width_px = fitted(window, max_px)
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


def _north_up_cutout(per_px: np.ndarray, window: Window, sides_m: np.ndarray) -> Cutout:
    """How a square north up is seen in a window. Args: per_px: of `_ground_per_px`; sides_m: of the square."""
    size = np.array([window.width_px, window.height_px])
    turn = np.linalg.inv(per_px) @ np.diag(sides_m * [1, -1]) / size[:, None]
    return cutout_of(np.vstack([np.column_stack([turn, 0.5 - turn @ [0.5, 0.5]]), [0, 0, 1]]))


def fitted(window: Window, max_px: int) -> tuple[int, int]:
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
