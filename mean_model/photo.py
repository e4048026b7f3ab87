"""Reading a photo from any source: upright RGB without metadata, its position, and one sentence when it is refused."""

import importlib.util
import io
import math
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, JpegImagePlugin

from .errors import PhotoError
from .photo_metadata import DECODE_FAULTS, Metadata, PhotoPosition, StatedPose, metadata_of

MAX_FILE_BYTES = 50_000_000
MAX_PIXELS = 120_000_000
MAX_JPEG_PIXELS = 220_000_000  # a baseline JPEG decodes straight to 1/2..1/8 of its size, so it may be larger
MIN_SIDE_PX = 32
MAX_ASPECT = 8
READABLE = "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or HEIC"

# Everything else Pillow knows stays shut; it would hand EPS to Ghostscript, for example.
_FORMATS = ("PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF")
_GREY = 128  # stands behind transparent parts: neither bright nor dark to the network
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


PhotoSource = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | np.ndarray | Photo


def load_photo(source: PhotoSource, target_px: int | None = None) -> Photo:
    """Read a photo of any kind the project takes.

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
        name = _shown_name(getattr(source, "filename", ""))
        return _finish(source.copy, source, name, target_px)
    if isinstance(source, np.ndarray):
        image, notes = _from_array(source)
        return _finish(lambda: image, image, "photo", target_px, notes)
    data, name = _read_bytes(source)
    image = _open(data, name)
    return _finish(lambda: _decode(image, target_px), image, name, target_px)


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
    image = _open(*_read_bytes(source))
    return metadata_of(image, image.size)


def _read_bytes(source: str | os.PathLike[str] | bytes | BinaryIO) -> tuple[bytes, str]:
    """The bytes of the file, never more than the limit, and the name to show."""
    if isinstance(source, bytes | bytearray | memoryview):
        data, name = bytes(source), "photo"
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        name = _shown_name(path)
        try:
            # A pipe or a device could be endless or never answer, so only plain files are opened.
            kind = path.stat().st_mode
            if stat.S_ISDIR(kind):
                raise PhotoError(f"{name} is a folder: choose a photo in it.")
            if not stat.S_ISREG(kind):
                raise PhotoError(f"{name} is not a plain file: choose a photo.")
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError as error:
            raise PhotoError(f"There is no file {name}: check the path.") from error
        except (OSError, ValueError) as error:  # ValueError: a null byte in the name
            raise PhotoError(f"{name} cannot be opened: check its name and permissions.") from error
    else:
        name = _shown_name(getattr(source, "name", ""))
        try:
            data = source.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError, AttributeError) as error:
            raise PhotoError(f"{name} cannot be read: open it as a binary file.") from error
        if not isinstance(data, bytes):
            raise PhotoError(f"{name} was opened as text: open it as a binary file.")
    if not data:
        raise PhotoError(f"{name} is empty: choose another file.")
    if len(data) > MAX_FILE_BYTES:
        raise PhotoError(f"{name} is larger than {MAX_FILE_BYTES // 1_000_000} MB: save it smaller.")
    return data, name


def _shown_name(path: object) -> str:
    """The last part of a path as one short printable line."""
    name = Path(path).name if isinstance(path, str | os.PathLike) else ""
    name = "".join(letter if letter.isprintable() else "?" for letter in name)
    return name if len(name) <= 80 else f"{name[:60]}…{name[-16:]}"


def _open(data: bytes, name: str) -> Image.Image:
    """Open by content, reading headers only."""
    head = data[:4096]
    if head.startswith(b"\xff\xd8\xff"):
        # Straight to the class: Image.open refuses more than 179 megapixels, and MPO files only add further pictures.
        try:
            return JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        except DECODE_FAULTS as error:
            raise PhotoError(f"{name} is damaged or cut short: copy it again.") from error
    brands = _brands(head)
    if brands & {"heic", "heix", "hevc", "heim", "heis", "mif1", "msf1"} and not brands & {"avif", "avis"}:
        _register_heif(name)
    try:
        image = _first_decoder(data)
    except Image.DecompressionBombError as error:  # of the first frame of an animation
        raise PhotoError(_too_many_pixels(name, None, MAX_PIXELS)) from error
    if image is None:
        raise PhotoError(_unreadable(name, head))
    if _is_raw(image):
        raise PhotoError(f"{name} is a camera's raw file: export it as JPEG.")
    return image


def _first_decoder(data: bytes) -> Image.Image | None:
    """What Image.open does, but without its own limit on pixels, which warns of photos that are welcome here."""
    Image.init()
    for kind in _FORMATS:
        if kind not in Image.OPEN:
            continue
        factory, accepts = Image.OPEN[kind]
        accepted = accepts(data[:16]) if accepts is not None else True
        if not accepted or isinstance(accepted, str):  # a text says which library is missing
            continue
        try:
            return factory(io.BytesIO(data), "")
        except Image.DecompressionBombError:
            raise
        except DECODE_FAULTS:
            continue
    return None


def _register_heif(name: str) -> None:
    """Teach Pillow HEIC by the optional library, or say which one is missing."""
    if importlib.util.find_spec("pillow_heif") is None:
        raise PhotoError(f"{name} is a HEIC photo: install the package pillow-heif to read it, or save it as JPEG.")
    import pillow_heif

    pillow_heif.register_heif_opener()


def _brands(head: bytes) -> set[str]:
    """The brands of an ISO media file (HEIC, AVIF, MP4, …); empty for other files."""
    if head[4:8] != b"ftyp":
        return set()
    box = head[8 : max(16, min(int.from_bytes(head[:4], "big"), 256))]
    return {box[i : i + 4].decode("latin-1") for i in range(0, len(box) - 3, 4) if i != 4}


def _is_raw(image: Image.Image) -> bool:
    """Whether a TIFF is really a raw file (DNG, NEF, CR2, …), whose first picture is only a thumbnail."""
    tags = getattr(image, "tag_v2", {})
    return 50706 in tags or tags.get(254) == 1


def _unreadable(name: str, head: bytes) -> str:
    """The sentence for a file that no decoder took, by what it looks like."""
    kinds: list[tuple[bool, str]] = [
        (b"%PDF-" in head[:1024], "is a PDF: export the photo from it as JPEG"),
        (b"<svg" in head[:1024].lower(), "is an SVG drawing: choose a photo"),
        (head.startswith(b"PK\x03\x04"), "is a ZIP archive or an office document: unpack it and choose a photo"),
        (bool(_brands(head) & {"heic", "heix", "mif1", "avif", "avis"}), "is damaged or cut short: copy it again"),
        (bool(_brands(head)), "is a video: save one picture of it as JPEG"),
        (
            head.startswith((b"\x89PNG", b"II*\0", b"MM\0*", b"GIF8", b"BM")) or head[8:12] == b"WEBP",
            "is damaged or of a rare kind: save it again as 8-bit RGB, for example as JPEG",
        ),
        (_is_text(head), f"is text and not a picture: choose a {READABLE} file"),
    ]
    for holds, sentence in kinds:
        if holds:
            return f"{name} {sentence}."
    return f"{name} is not a picture that can be read here: choose a {READABLE} file."


def _is_text(head: bytes) -> bool:
    try:
        text = head[:1000].decode()
    except UnicodeDecodeError as error:
        if error.start < 990:  # the cut itself may split a letter
            return False
        text = head[:990].decode(errors="ignore")
    return all(letter.isprintable() or letter in "\r\n\t\f" for letter in text)


def _check_size(image: Image.Image, name: str) -> None:
    """Refuse by what the header says, before anything is decoded."""
    width, height = image.size
    # A progressive JPEG is held whole in memory, at whatever scale it is decoded.
    baseline = isinstance(image, JpegImagePlugin.JpegImageFile) and not image.info.get("progressive")
    limit = MAX_JPEG_PIXELS if baseline else MAX_PIXELS
    if width * height > limit:
        raise PhotoError(_too_many_pixels(name, width * height, limit))
    if min(width, height) < MIN_SIDE_PX:
        raise PhotoError(f"{name} is {width} x {height} pixels: at least {MIN_SIDE_PX} on each side are needed.")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise PhotoError(
            f"{name} is too long and narrow ({width} x {height} pixels): crop it to at most {MAX_ASPECT}:1."
        )


def _too_many_pixels(name: str, pixels: int | None, limit: int) -> str:
    has = f"{pixels / 1e6:.0f}" if pixels else "far too many"
    return f"{name} has {has} megapixels and at most {limit // 1_000_000} are read: save it smaller."


def _decode(image: Image.Image, target_px: int | None) -> Image.Image:
    """Decode an opened file, a JPEG at the smallest of its scales that leaves twice the target."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        if target_px is not None:
            image.draft(None, (2 * target_px, 2 * target_px))
        elif image.width * image.height > MAX_PIXELS:
            image.draft(None, (image.width // 2, image.height // 2))
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
    _check_size(opened, name)
    size = opened.size
    try:
        decoded = decode()
        rgb, colour_notes = _to_rgb(decoded, target_px)
    except Image.DecompressionBombError as error:
        raise PhotoError(_too_many_pixels(name, None, MAX_PIXELS)) from error
    except DECODE_FAULTS as error:
        raise PhotoError(f"{name} is damaged or cut short: copy it again, or save it again as JPEG.") from error
    said = metadata_of(opened, size)
    if said.orientation in _UPRIGHT:
        rgb = rgb.transpose(_UPRIGHT[said.orientation])
        size = size[::-1] if said.orientation >= 5 else size
    fresh = Image.new("RGB", rgb.size)  # copies and conversions would carry EXIF on, and with it the position
    fresh.paste(rgb)
    notes = (*notes, *_several(opened), *colour_notes, *said.notes)
    return Photo(fresh, name, *size, said.position, notes, said.pose, said.taken_at)


def _several(image: Image.Image) -> list[str]:
    """A note if the file is animated or has several pages."""
    try:
        animated = getattr(image, "is_animated", False)
    except DECODE_FAULTS:  # a broken second picture is no reason to lose the first
        animated = True
    return ["The file holds several pictures; the first was read."] if animated else []


def _from_array(array: np.ndarray) -> tuple[Image.Image, list[str]]:
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
        raise PhotoError(_too_many_pixels("The array", array.shape[0] * array.shape[1], MAX_PIXELS))
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


def _to_rgb(image: Image.Image, target_px: int | None) -> tuple[Image.Image, list[str]]:
    """RGB at about the size that is needed, with a note for each thing that is not plain."""
    notes: list[str] = []
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


# --- position --------------------------------------------------------------------------------------------------------
