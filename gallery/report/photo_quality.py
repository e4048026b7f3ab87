"""What can be measured of a query's picture when it is read: sharpness, brightness, and a small copy."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import laplace

MEASURED_PX = 256
"""Longer side that pictures are brought to first, pixels, so that the measures of different sizes compare."""

QUALITY = 72
"""Quality of a thumbnail's JPEG."""


@dataclass(frozen=True)
class PictureFacts:
    """Measures of a picture."""

    sharpness: float  # variance of the Laplacian in grey levels; near 0 for a blurred picture
    brightness: float  # mean grey level, 0 (black) to 255
    thumbnail: bytes | None = None  # JPEG without metadata


def picture_facts(image: Image.Image, thumbnail_px: int | None = None) -> PictureFacts:
    """Measure a picture.

    Args:
        image: any mode and size.
        thumbnail_px: longer side of a small copy; None makes none.
    """
    grey = np.asarray(_at_most(image, MEASURED_PX).convert("L"), np.float32)
    small = None if thumbnail_px is None else _jpeg(_at_most(image, thumbnail_px))
    return PictureFacts(float(laplace(grey).var()), float(grey.mean()), small)


def _at_most(image: Image.Image, side_px: int) -> Image.Image:
    scale = side_px / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _jpeg(image: Image.Image) -> bytes:
    plain = Image.new("RGB", image.size)  # a fresh picture has no metadata that could travel along
    plain.paste(image.convert("RGB"))
    stream = io.BytesIO()
    plain.save(stream, "JPEG", quality=QUALITY, optimize=True)
    return stream.getvalue()
