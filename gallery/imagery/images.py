"""Images as files: which there are below a folder, how one is read, and what its pixels say."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from gallery.errors import GalleryError


def content_of(image: Image.Image) -> str:
    """A hash of the pixels and the size."""
    return hashlib.blake2b(image.tobytes(), digest_size=16, person=b"%dx%d" % image.size).hexdigest()


def detail_of(image: Image.Image) -> float:
    """Standard deviation of the luminance, 0 to 127.5."""
    return float(np.asarray(image.convert("L")).std())


IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif", ".heic")
"""Endings of the files that are taken for images of a folder."""


MAX_IMAGE_PX = 250_000_000
"""Most pixels of a picture that is decoded to be shown."""


def images_below(folder: Path) -> Iterator[Path]:
    """Images of a folder and its subfolders, in a fixed order; hidden names are left out."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield Path(root, name)


def read_picture(source: Path | BinaryIO, max_px: int) -> Image.Image:
    """An image file, or what was read of one, as an upright RGB picture whose longer side has at most max_px pixels.

    Raises:
        GalleryError: the file is missing, unreadable, or larger than `MAX_IMAGE_PX`.
    """
    name = getattr(source, "name", "A picture")
    try:
        with Image.open(source) as picture:
            if picture.width * picture.height > MAX_IMAGE_PX:
                raise GalleryError(f"{name} has too many pixels to be shown.")
            picture.draft("RGB", (2 * max_px, 2 * max_px))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise GalleryError(f"{name} cannot be shown: the file is missing or damaged.") from error
    upright.thumbnail((max_px, max_px), Image.Resampling.BICUBIC)
    return upright
