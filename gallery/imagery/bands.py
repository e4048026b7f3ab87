"""Which bands of a raster make a picture, and how their samples become 8 bits."""

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

STRETCH_PERCENTILES = (2.0, 98.0)
"""Percentiles that become black and white when samples have more than 8 bits."""

SAMPLED_ALONG_SIDE = 16
SAMPLE_PX = 64
"""Places along each side, and pixels along the side of each, that the stretch looks at: the same time for any size."""


@dataclass(frozen=True)
class Stretch:
    """The linear map of one raster's samples to 0..255, the same for all of its tiles."""

    low: np.ndarray  # (bands,)
    high: np.ndarray  # (bands,)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """(bands, H, W) of any type -> uint8."""
        low, high = self.low[:, None, None], self.high[:, None, None]
        scaled = (samples.astype(np.float32) - low) / np.maximum(high - low, 1e-12)
        return np.asarray(np.clip(np.nan_to_num(scaled), 0, 1) * 255 + 0.5, np.uint8)


def colour_bands(file: rasterio.DatasetReader | WarpedVRT) -> list[int]:
    """Band numbers of red, green, blue, or of the one grey band."""
    meaning = {colour: band for band, colour in enumerate(file.colorinterp, start=1)}
    named = [meaning.get(colour) for colour in (ColorInterp.red, ColorInterp.green, ColorInterp.blue)]
    if all(named):
        return [band for band in named if band]
    plain = [band for band, colour in enumerate(file.colorinterp, start=1) if colour != ColorInterp.alpha]
    return plain[:3] if len(plain) >= 3 else plain[:1]


def palette(file: rasterio.DatasetReader) -> np.ndarray | None:
    """(256, 3) colours of a palette raster, else None."""
    if file.colorinterp[0] != ColorInterp.palette or file.dtypes[0] != "uint8":
        return None
    table = np.zeros((256, 3), np.uint8)
    for value, colour in file.colormap(1).items():
        table[value] = colour[:3]
    return table


def holds_data(
    file: rasterio.DatasetReader | WarpedVRT, bands: list[int], window: Window, shape: tuple[int, ...]
) -> np.ndarray:
    """Where a window shows something: not transparent, not nodata, a number. Returns: bool, of that shape (H, W)."""
    if all(MaskFlags.all_valid in flags for flags in file.mask_flag_enums):
        there = np.ones(shape, bool)
    else:
        there = file.dataset_mask(out_shape=shape, window=window) > 0
    if np.issubdtype(file.dtypes[bands[0] - 1], np.floating):
        there &= np.isfinite(file.read(bands, window=window, out_shape=(len(bands), *shape))).all(axis=0)
    return there


def stretch_of(file: rasterio.DatasetReader | WarpedVRT, bands: list[int]) -> Stretch | None:
    """The stretch from percentiles of the whole raster, so that neighbouring tiles keep their contrast.

    Made of samples on a fixed grid: opening the same raster again gives the same. None for 8 bits, which need none.
    """
    if all(file.dtypes[band - 1] == "uint8" for band in bands):
        return None
    samples = np.concatenate([_valid(file, bands, window) for window in _places(file.width, file.height)], axis=1)
    if not samples.size:
        return Stretch(np.zeros(len(bands), np.float32), np.ones(len(bands), np.float32))
    low, high = np.percentile(samples, STRETCH_PERCENTILES, axis=1)
    return Stretch(low.astype(np.float32), np.where(high > low, high, low + 1).astype(np.float32))


def _places(width_px: int, height_px: int) -> list[Window]:
    """Windows on an even grid; they cover the whole of a raster of up to 1,024 pixels a side."""
    steps = range(SAMPLED_ALONG_SIDE + 1)
    rows, columns = (pairwise(side * step // SAMPLED_ALONG_SIDE for step in steps) for side in (height_px, width_px))
    return [
        Window(left, top, min(right - left, SAMPLE_PX), min(bottom - top, SAMPLE_PX))
        for (top, bottom), (left, right) in product(rows, columns)
        if right > left and bottom > top
    ]


def _valid(file: rasterio.DatasetReader | WarpedVRT, bands: list[int], window: Window) -> np.ndarray:
    """(bands, N) samples of a window that hold data."""
    samples = file.read(bands, window=window)
    return np.asarray(samples[:, holds_data(file, bands, window, samples.shape[1:])], np.float64)
