"""Rasters that stay open for the thread that reads them: to open one costs more than to read a tile of it."""

import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path

from PIL import Image

from gallery.imagery.bands import Stretch
from gallery.imagery.overlapping import Parts
from gallery.imagery.raster import Raster
from gallery.imagery.warp import Cutout
from gallery.tiles import Window

MOST_OPEN = 8
"""Rasters that each thread keeps open; the one that was used longest ago is closed for the next."""

Key = tuple[Path, int, int, str | None]  # path, bytes, time of the last change, the CRS that is assumed


class _Kept(threading.local):
    def __init__(self) -> None:
        self.rasters: OrderedDict[Key, Raster] = OrderedDict()


_kept = _Kept()


def open_raster(path: Path, crs: str | None = None) -> Raster:
    """An open raster, to be used at once and not closed: the next calls of this thread may close it.

    Args: crs: of a raster that states none.

    Raises:
        SourceError, NotGeoreferenced: as `Raster`.
    """
    if not path.is_file():
        return Raster(path, crs=crs)  # raises
    key = _key(path, crs)
    raster = _kept.rasters.pop(key, None) or Raster(path, _stretch(*key), crs)
    _kept.rasters[key] = raster
    while len(_kept.rasters) > MOST_OPEN:
        _kept.rasters.popitem(last=False)[1].close()
    return raster


_parts = Parts()


def next_tile(
    path: Path, window: Window, max_px: int, cutout: Cutout | None = None, crs: str | None = None
) -> Image.Image:
    """`Raster.image` of a window after the other, in the order of `Raster.windows`: what they share is read once.

    Raises:
        SourceError, NotGeoreferenced: as `Raster`.
    """
    raster = open_raster(path, crs)
    return raster.image(window, max_px, cutout) if cutout else _parts.image(raster, _key(path, crs), window, max_px)


def forget_parts() -> None:
    """Give back the memory that `next_tile` keeps."""
    _parts.clear()


def _key(path: Path, crs: str | None) -> Key:
    facts = path.stat()
    return path.absolute(), facts.st_size, facts.st_mtime_ns, crs


@lru_cache(maxsize=4096)
def _stretch(path: Path, size: int, changed: int, crs: str | None) -> Stretch | None:
    """The stretch of a raster, found once for all threads: it takes a look at all of the raster."""
    with Raster(path, crs=crs) as raster:
        return raster.stretch
