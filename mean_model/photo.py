"""Reading a photo from any source: upright RGB without metadata, its position, and one sentence when it is refused."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

import numpy as np
from PIL import Image, JpegImagePlugin, TiffImagePlugin

from .errors import PhotoError
from .photo_file import MAX_PIXELS, check_size, open_image, read_bytes, shown_name, too_many_pixels
from .photo_metadata import DECODE_FAULTS, Metadata, PhotoPosition, StatedPose, metadata_of
from .photo_pixels import from_array, to_rgb
from .photo_statement import Statement
from .photo_structure import Structure, structure_of
from .photo_tiff_bands import reduced_tiff
from .photo_worker import NoWorker, read_apart

log = logging.getLogger(__name__)

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Photo:
    """A photo ready to be shown or embedded."""

    image: Image.Image  # RGB, upright, a fresh object without metadata; maybe smaller than the original
    name: str  # file name without its folder
    width_px: int  # of the original, upright
    height_px: int
    position: PhotoPosition | None = None
    notes: tuple[str, ...] = ()  # what was changed on the way, one sentence each
    pose: StatedPose | None = None
    taken_at: datetime | None = None  # by the camera's clock; with a time zone only if the photo states one
    statements: tuple[Statement, ...] = ()  # what each tag says, and whether it was taken


PhotoSource = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | np.ndarray | Photo


def load_photo(source: PhotoSource, target_px: int | None = None) -> Photo:
    """Read a photo of any kind the project takes, of anybody's.

    How a file is built is looked at first. Pictures that are costly to decode are read in a process of their own, which
    ends at a limit of time and memory (`mean_model.photo_worker`); common ones are read here, which is quicker.

    Args:
        source: a path, the bytes of a file, an open binary file, a PIL image, an array (H, W), (H, W, 3) or
            (H, W, 4), or a Photo, which comes back as it is.
        target_px: side in pixels that is needed in the end. Larger photos come back smaller, with both sides at
            least twice that; a JPEG is then decoded at a fraction of its size, which is several times faster. It
            changes what is seen at the target by 0.2 grey levels. None reads at full size (JPEGs of more than 120
            megapixels at half size).

    Raises:
        PhotoError: one sentence that says why the photo cannot be read and what to do.
    """
    if isinstance(source, Photo):
        return source
    if isinstance(source, Image.Image):
        name = shown_name(getattr(source, "filename", ""))
        return _finish(source.copy, source, name, target_px)
    if isinstance(source, np.ndarray):
        image, notes = from_array(source)
        return _finish(lambda: image, image, "photo", target_px, notes)
    data, name = read_bytes(source)
    structure = structure_of(data, name)
    pixels = structure.stated_px or MAX_PIXELS
    if structure.here_px:
        image = _opened(data, name, structure)
        pixels = image.width * image.height
        if pixels <= structure.here_px:
            return _finish(lambda: _decode(image, target_px), image, name, target_px)
    try:
        photo: Photo = read_apart(data, name, target_px, pixels)
        return photo
    except NoWorker:
        log.warning("Costly photos are read without limits: no further program can be started here.")
    return read_here(data, name, target_px)


def read_here(data: bytes, name: str, target_px: int | None) -> Photo:
    """Read the bytes of a photo in this process, whatever that costs; else as `load_photo`."""
    image = _opened(data, name, structure_of(data, name))
    return _finish(lambda: _decode(image, target_px), image, name, target_px)


def _opened(data: bytes, name: str, structure: Structure) -> Image.Image:
    image = open_image(data, name)
    check_size(image, name, structure.buffered)
    return image


def read_position(source: str | os.PathLike[str] | bytes | BinaryIO) -> PhotoPosition | None:
    """Where a photo says that it was taken: its metadata are read, its pixels are not.

    Raises:
        PhotoError: as `load_photo`, but for damage that only decoding finds.
    """
    return read_metadata(source).position


def read_metadata(source: str | os.PathLike[str] | bytes | BinaryIO) -> Metadata:
    """What a photo says beside its pixels, and which tag says it.

    Raises:
        PhotoError: as `read_position`.
    """
    data, name = read_bytes(source)
    structure_of(data, name)
    image = open_image(data, name)
    return metadata_of(image, image.size)


def _decode(image: Image.Image, target_px: int | None) -> Image.Image:
    """Decode an opened file: a JPEG at the smallest scale that leaves twice the target, a large TIFF in parts."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        if target_px is not None:
            image.draft(None, (2 * target_px, 2 * target_px))
        elif image.width * image.height > MAX_PIXELS:
            image.draft(None, (image.width // 2, image.height // 2))
    elif isinstance(image, TiffImagePlugin.TiffImageFile) and target_px is not None:
        reduced = reduced_tiff(image, target_px)
        if reduced is not None:
            return reduced
    image.load()
    return image


def _finish(
    decode: Callable[[], Image.Image],
    opened: Image.Image,
    name: str,
    target_px: int | None,
    notes: Sequence[str] = (),
) -> Photo:
    """Check the size, decode, and bring to upright RGB at about the target; the position is read on the way."""
    name = name or "photo"
    check_size(opened, name)
    size = opened.size
    try:
        decoded = decode()
        rgb, colour_notes = to_rgb(decoded, target_px)
    except Image.DecompressionBombError as error:
        raise PhotoError(too_many_pixels(name, None, MAX_PIXELS)) from error
    except MemoryError as error:
        raise PhotoError(f"{name} needs too much memory to decode: save it smaller.") from error
    except DECODE_FAULTS as error:
        raise PhotoError(f"{name} is damaged or cut short: copy it again, or save it again as JPEG.") from error
    said = metadata_of(opened, size)
    if said.orientation in _UPRIGHT:
        rgb = rgb.transpose(_UPRIGHT[said.orientation])
        size = size[::-1] if said.orientation >= 5 else size
    fresh = Image.new("RGB", rgb.size)  # copies and conversions would carry EXIF on, and with it the position
    fresh.paste(rgb)
    notes = (*notes, *_several(opened), *colour_notes, *said.notes)
    return Photo(fresh, name, *size, said.position, notes, said.pose, said.taken_at, said.statements)


def _several(image: Image.Image) -> list[str]:
    """A note if the file is animated or has several pages."""
    try:
        animated = getattr(image, "is_animated", False)
    except DECODE_FAULTS:  # a broken second picture is no reason to lose the first
        animated = True
    return ["The file holds several pictures; the first was read."] if animated else []


class PhotoFiles:
    """Reads photos as an embedder does, without one: what `gallery` asks for pictures of other people's galleries."""

    photo_errors = (PhotoError,)

    def read(self, source: PhotoSource, least_px: int = 0) -> Photo:
        """A photo; a larger one may come back smaller, but its shorter side not below `least_px`.

        Raises:
            PhotoError: as `load_photo`.
        """
        return load_photo(source, -(-least_px // 2) or None)
