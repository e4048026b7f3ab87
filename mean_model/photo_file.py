"""A photo's file before it is decoded: its bytes, its kind by content, and one sentence when it is refused."""

import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

from PIL import Image, JpegImagePlugin

from .errors import PhotoError
from .photo_metadata import DECODE_FAULTS

MAX_FILE_BYTES = 50_000_000
MAX_PIXELS = 120_000_000
MAX_JPEG_PIXELS = 220_000_000  # a baseline JPEG decodes straight to 1/2..1/8 of its size, so it may be larger
MAX_WHOLE_PIXELS = 70_000_000  # of kinds that are held in memory two or three times while they are decoded
MIN_SIDE_PX = 32
MAX_ASPECT = 8
READABLE = "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or HEIC"

# Everything else Pillow knows stays shut; it would hand EPS to Ghostscript, for example.
_FORMATS = ("PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF")
_WHOLE = ("WEBP", "AVIF", "HEIF")


def read_bytes(source: str | os.PathLike[str] | bytes | BinaryIO) -> tuple[bytes, str]:
    """The bytes of the file, never more than the limit, and the name to show."""
    if isinstance(source, bytes | bytearray | memoryview):
        data, name = bytes(source), "photo"
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        name = shown_name(path)
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
        name = shown_name(getattr(source, "name", ""))
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


def shown_name(path: object) -> str:
    """The last part of a path as one short printable line."""
    name = Path(path).name if isinstance(path, str | os.PathLike) else ""
    name = "".join(letter if letter.isprintable() else "?" for letter in name)
    return name if len(name) <= 80 else f"{name[:60]}…{name[-16:]}"


def open_image(data: bytes, name: str) -> Image.Image:
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
        import pillow_heif  # only for its files: its library takes a while to load

        pillow_heif.register_heif_opener()
    try:
        image = _first_decoder(data)
    except Image.DecompressionBombError as error:  # of the first frame of an animation
        raise PhotoError(too_many_pixels(name, None, MAX_PIXELS)) from error
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


def check_size(image: Image.Image, name: str, buffered: bool = False) -> None:
    """Refuse by what the header says, before anything is decoded.

    Args: buffered: whether a JPEG is held whole in memory, at whatever scale it is decoded, as progressive ones are.
    """
    width, height = image.size
    buffered |= bool(image.info.get("progressive"))
    baseline = isinstance(image, JpegImagePlugin.JpegImageFile) and not buffered
    whole = image.format in _WHOLE
    limit = MAX_JPEG_PIXELS if baseline else MAX_WHOLE_PIXELS if whole else MAX_PIXELS
    if width * height > limit:
        raise PhotoError(too_many_pixels(name, width * height, limit))
    if min(width, height) < MIN_SIDE_PX:
        raise PhotoError(f"{name} is {width} x {height} pixels: at least {MIN_SIDE_PX} on each side are needed.")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise PhotoError(
            f"{name} is too long and narrow ({width} x {height} pixels): crop it to at most {MAX_ASPECT}:1."
        )


def too_many_pixels(name: str, pixels: int | None, limit: int) -> str:
    """The sentence for a photo that is too large. Args: pixels: None where their number is not known."""
    has = f"{pixels / 1e6:.0f}" if pixels else "far too many"
    return f"{name} has {has} megapixels and at most {limit // 1_000_000} are read: save it smaller."
