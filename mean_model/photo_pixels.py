"""Pixels of any kind as upright 8-bit RGB: arrays, deep values, transparency, print colours."""

import math

import numpy as np
from PIL import Image, JpegImagePlugin

from .errors import PhotoError
from .photo_file import MAX_PIXELS, too_many_pixels

_GREY = 128  # stands behind transparent parts: neither bright nor dark to the network
_LARGE_PX = 16_000_000
BAND_ROWS = 64  # after averaging
BANDED = ("1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "I", "F")


def from_array(array: np.ndarray) -> tuple[Image.Image, list[str]]:
    """An array as a PIL image; anything but 8 bits is stretched."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise PhotoError(f"An array of shape {array.shape} is no photo: give (height, width, 3).")
    if array.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(array)), []
    if array.dtype.kind not in "buif":
        raise PhotoError(f"An array of {array.dtype} is no photo: give 8-bit values.")
    if max(array.shape) > 0xFFFF or array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise PhotoError(too_many_pixels("The array", array.shape[0] * array.shape[1], MAX_PIXELS))
    return Image.fromarray(stretch_to_8_bit(array[:, :, :3] if array.ndim == 3 else array)), [_note_stretch(array)]


def _note_stretch(array: np.ndarray) -> str:
    return f"Its {array.dtype.itemsize * 8}-bit values were stretched to 8 bit: brightness is relative."


def stretch_to_8_bit(values: np.ndarray) -> np.ndarray:
    """Map the middle 99 % of the values to 0..255; what is not finite becomes 0.

    Args: values: any shape and number type. Returns: uint8, same shape.
    """
    step = max(1, math.isqrt(values.shape[0] * values.shape[1] // 1_000_000))
    sample = values[::step, ::step]
    sample = sample[np.isfinite(sample)].astype(np.float64)
    low, high = np.percentile(sample, [0.5, 99.5]) if sample.size else (0.0, 0.0)
    if high <= low:
        low, high = low - 1, high + 1  # one single value: mid grey
    out = np.empty(values.shape, np.uint8)
    rows = max(1, 4_000_000 // max(1, values[0].size))
    for top in range(0, len(values), rows):  # in strips, so that a large photo needs no second copy as float
        strip = (values[top : top + rows].astype(np.float64) - low) * (255 / (high - low))
        out[top : top + rows] = np.clip(np.nan_to_num(strip, nan=0.0, posinf=0.0, neginf=0.0), 0, 255).round()
    return out


def to_rgb(image: Image.Image, target_px: int | None) -> tuple[Image.Image, list[str]]:
    """RGB at about the size that is needed, with a note for each thing that is not plain."""
    notes: list[str] = []
    if target_px is not None:
        image = _reduced_by_whole_factor(image, target_px)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        notes.append(_note_stretch(values))
        image = Image.fromarray(stretch_to_8_bit(values))
    elif image.mode == "CMYK":
        notes.append("Its CMYK colours, meant for print, were converted to RGB.")
        image = image.convert("RGB")
    elif image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode not in ("RGB", "L"):
        image = image.convert("RGB")
    if target_px is not None:
        image = _reduced(image, target_px)
    if image.mode == "RGBA":
        if image.getchannel("A").point(lambda alpha: alpha < 255).getbbox():
            notes.append("Its transparent parts were filled with grey.")
        backdrop = Image.new("RGBA", image.size, (_GREY, _GREY, _GREY, 255))
        image = Image.alpha_composite(backdrop, image)
    return image.convert("RGB"), notes


def _reduced(image: Image.Image, target_px: int) -> Image.Image:
    """The picture with its shorter side at twice the target, if it is more than twice that."""
    scale = 2 * target_px / min(image.size)
    if scale >= 0.5 or isinstance(image, JpegImagePlugin.JpegImageFile):
        return image  # resampling twice costs sharpness, and a JPEG was decoded at a fraction already
    size = (round(image.width * scale), round(image.height * scale))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def _reduced_by_whole_factor(image: Image.Image, target_px: int) -> Image.Image:
    """A very large picture at a fraction of its size, with sides of six times the target or more.

    Band by band: what would be converted and averaged as a whole would take its memory several times more.
    """
    factor = reducing_factor(image.size, target_px)
    if factor < 2 or image.mode not in BANDED:
        return image
    height = -(-image.height // factor)
    bands = []
    for top in range(0, height, BAND_ROWS):
        rows = (factor * top, min(factor * (top + BAND_ROWS), image.height))
        band = image.crop((0, rows[0], image.width, rows[1]))
        bands.append(averageable(band).reduce(factor))
    reduced = Image.new(bands[0].mode, (bands[0].width, height))
    for number, band in enumerate(bands):
        reduced.paste(band, (0, number * BAND_ROWS))
    return reduced


def reducing_factor(size: tuple[int, int], target_px: int) -> int:
    """By which whole number the sides of a very large picture are divided before anything else; 1 for others."""
    return max(1, min(size) // (6 * target_px)) if size[0] * size[1] >= _LARGE_PX else 1


def averageable(band: Image.Image) -> Image.Image:
    """A band in a mode whose numbers may be averaged."""
    if band.has_transparency_data:
        return band.convert("RGBA")
    if band.mode.startswith("I;"):
        return band.convert("I")
    return band.convert({"1": "L", "P": "RGB"}.get(band.mode, band.mode))
