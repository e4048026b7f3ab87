"""Overlapping tiles cut out of larger parts of a raster, so that what several of them show is read and shrunk once."""

import math
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from PIL import Image

from gallery.imagery.raster import Raster, fitted
from gallery.tiles import Window

PART_PX = 512
"""Pixels, side of a part once it is shrunk, about."""

MOST_BYTES = 96 * 2**20
"""Most bytes of the parts that are kept. Two rows of parts have to fit: tiles of wider rasters are read one by one."""


@dataclass(frozen=True)
class Lattice:
    """The parts of a raster at one scale: of `from_px` pixels each way, shrunk to `to_px`.

    Tiles that begin on a whole pixel of a shrunk part have the very pixels of a tile that is read by itself, for each
    pixel is made of the same ones.
    """

    from_px: int
    to_px: int

    @classmethod
    def of(cls, raster: Raster, window: Window, max_px: int) -> "Lattice | None":
        """The lattice that a window lies on; None where it has to be read by itself."""
        height_px, width_px = fitted(window, max_px)
        common = math.gcd(width_px, window.width_px)
        to_px, from_px = width_px // common, window.width_px // common
        whole = [length // from_px * from_px for length in (raster.width_px, raster.height_px)]
        if (
            not raster.resampled_alike
            or window.height_px * to_px != height_px * from_px
            or window.col_px * to_px % from_px
            or window.row_px * to_px % from_px
            or window.col_px + window.width_px > whole[0]
            or window.row_px + window.height_px > whole[1]
        ):
            return None
        times = max(1, PART_PX // to_px)
        lattice = cls(times * from_px, times * to_px)
        in_a_row = math.ceil(raster.width_px / lattice.from_px)
        return lattice if 2 * in_a_row * 3 * lattice.to_px**2 <= MOST_BYTES else None

    def shrunk(self, px: int) -> int:
        """Pixels once they are shrunk."""
        return px * self.to_px // self.from_px

    def part(self, raster: Raster, column: int, row: int) -> Image.Image:
        """A part of a raster, read and shrunk."""
        left, top = column * self.from_px, row * self.from_px
        common = math.gcd(self.from_px, self.to_px)
        unit_px = self.from_px // common
        width_px, height_px = (
            min(self.from_px, (length - start) // unit_px * unit_px)
            for length, start in ((raster.width_px, left), (raster.height_px, top))
        )
        window = Window(left, top, width_px, height_px)
        return raster.image(window, self.shrunk(max(width_px, height_px)))


class Parts:
    """Parts of rasters that were read last; threads share them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Image.Image] = OrderedDict()
        self._bytes = 0

    def image(self, raster: Raster, name: Hashable, window: Window, max_px: int) -> Image.Image:
        """`Raster.image` of a window, whose neighbours are asked for next.

        Args: name: of the raster, the same for all threads.

        Raises:
            SourceError: as `Raster.image`.
        """
        lattice = Lattice.of(raster, window, max_px)
        if lattice is None:
            return raster.image(window, max_px)
        left, top = lattice.shrunk(window.col_px), lattice.shrunk(window.row_px)
        width_px, height_px = lattice.shrunk(window.width_px), lattice.shrunk(window.height_px)
        side = lattice.to_px
        tile = Image.new("RGB", (width_px, height_px))
        for row in range(top // side, (top + height_px - 1) // side + 1):
            for column in range(left // side, (left + width_px - 1) // side + 1):
                part = self._part(raster, name, lattice, column, row)
                tile.paste(part, (column * side - left, row * side - top))
        return tile

    def _part(self, raster: Raster, name: Hashable, lattice: Lattice, column: int, row: int) -> Image.Image:
        key = (name, lattice, column, row)
        with self._lock:
            part = self._kept.get(key)
            if part is not None:
                self._kept.move_to_end(key)
                return part
        part = lattice.part(raster, column, row)  # two threads may read it: better than that one waits
        with self._lock:
            if key not in self._kept:
                self._kept[key] = part
                self._bytes += _bytes_of(part)
            while self._bytes > MOST_BYTES:
                self._bytes -= _bytes_of(self._kept.popitem(last=False)[1])
        return part

    def clear(self) -> None:
        """Keep none."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0


def _bytes_of(part: Image.Image) -> int:
    return 3 * part.width * part.height
