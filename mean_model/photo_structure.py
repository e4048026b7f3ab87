"""How a photo's file is built, looked at before anything decodes it: no more parts than cameras write.

A small file can keep a decoder busy for minutes: with thousands of scans, of segments that are joined one by one, of
directories that repeat one long value. What its parts cost is counted here from the container alone, without unpacking.
Damage is none of this module's business: where the structure ends, the counting ends, and the decoder says so.
"""

import re
import struct
from dataclasses import dataclass

from .errors import PhotoError
from .photo_jpeg_structure import jpeg_excess
from .photo_tiff_structure import exif_excess, tiff_excess

MOST_CHUNKS = 20_000  # of a PNG or WebP: 50 MB in pieces of 8 kB are 6,100
MOST_OTHER_CHUNKS = 1_000  # that hold no pixels
MOST_BLOCKS = 250_000  # of a GIF: 50 MB in pieces of 255 bytes are 200,000
MOST_FRAMES = 1_000
MOST_COMMENT_BLOCKS = 4_000  # of a GIF: a megabyte
MOST_BOXES = 1_000  # of a HEIC or AVIF, at its top level
MOST_CANVAS_PX = 70_000_000  # of a WebP, whose decoder reserves it twice, at once

_EXTENT = re.compile(rb"ispe\0{4}(.{4})(.{4})", re.DOTALL)
"""The box of a HEIC or AVIF that states width and height (ISO/IEC 23008-12, 6.5.3)."""

HERE_PX = 8_000_000
"""Pixels of a picture in a plain format that are decoded in the process that asks."""


@dataclass(frozen=True)
class Structure:
    """What a file's structure says of the work to decode it.

    Attributes:
        here_px: up to so many pixels it is decoded in the process that asks: in a tenth of the time of an answer, and
            bounded by the numbers of pixels and parts. 0: not even opened there.
        buffered: a JPEG whose picture is held whole in memory, at whatever scale it is decoded.
        stated_px: pixels of a picture that is not opened there, as far as its container tells; 0: it does not.
    """

    here_px: int = HERE_PX
    buffered: bool = False
    stated_px: int = 0


def structure_of(data: bytes, name: str) -> Structure:
    """Look at the bytes of a file.

    Args: name: to be shown.

    Raises:
        PhotoError: it has more parts than any camera writes.
    """
    excess, structure = None, Structure()
    if data.startswith(b"\xff\xd8\xff"):
        excess, here_px, buffered = jpeg_excess(data)
        structure = Structure(here_px, buffered)
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        excess = _png_excess(data)
    elif data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        excess, plain = tiff_excess(data)
        structure = Structure(HERE_PX if plain else 0)
    elif data.startswith(b"GIF8"):
        excess = _gif_excess(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        excess = _webp_excess(data)
    elif data[4:8] == b"ftyp":
        excess = _boxes_excess(data)
        sides = (struct.unpack(">II", b"".join(found)) for found in _EXTENT.findall(data))
        structure = Structure(0, stated_px=max((width * height for width, height in sides), default=0))
    elif data.startswith(b"BM"):  # Pillow unpacks the packed kinds in Python, byte by byte
        structure = Structure(HERE_PX if data[30:34] in (b"\0\0\0\0", b"\3\0\0\0") else 0)
    if excess is not None:
        raise PhotoError(f"{name} holds {excess}, which no camera writes: save it again, for example as JPEG.")
    return structure


def _png_excess(data: bytes) -> str | None:
    at, chunks, others = 8, 0, 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunks += 1
        others += kind not in (b"IDAT", b"fdAT")
        if chunks > MOST_CHUNKS or others > MOST_OTHER_CHUNKS:
            return "far too many chunks"
        if kind == b"eXIf" and (excess := exif_excess(data[at + 8 : at + 8 + length])):
            return excess
        at += 12 + length
    return None


def _webp_excess(data: bytes) -> str | None:
    at, chunks, frames = 12, 0, 0
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        pixels = _webp_pixels(kind, data[at + 8 : at + 18])
        if pixels > MOST_CANVAS_PX:
            return f"{pixels / 1e6:.0f} megapixels in a WebP"
        chunks, frames = chunks + 1, frames + (kind == b"ANMF")
        if frames > MOST_FRAMES:
            return f"more than {MOST_FRAMES:,} pictures"
        if chunks > MOST_OTHER_CHUNKS + MOST_FRAMES:
            return "far too many chunks"
        at += 8 + length + length % 2
    return None


def _webp_pixels(kind: bytes, begin: bytes) -> int:
    """Pixels that a chunk of a WebP states (RFC 9649); 0 where it states none. Args: begin: its first 10 bytes."""
    if len(begin) < 10:
        return 0
    if kind == b"VP8X":
        return (1 + int.from_bytes(begin[4:7], "little")) * (1 + int.from_bytes(begin[7:10], "little"))
    if kind == b"VP8 ":
        return (int.from_bytes(begin[6:8], "little") & 0x3FFF) * (int.from_bytes(begin[8:10], "little") & 0x3FFF)
    if kind == b"VP8L":
        sides = int.from_bytes(begin[1:5], "little")
        return (1 + (sides & 0x3FFF)) * (1 + (sides >> 14 & 0x3FFF))
    return 0


def _boxes_excess(data: bytes) -> str | None:
    at, boxes = 0, 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        boxes += 1
        if boxes > MOST_BOXES:
            return "far too many boxes"
        if length < 8:  # to the end of the file, or damage
            break
        at += length
    return None


def _gif_excess(data: bytes) -> str | None:
    def colours(flags: int) -> int:
        return 3 << ((flags & 7) + 1) if flags & 0x80 else 0

    if len(data) < 13:
        return None
    at, blocks, comments, frames = 13 + colours(data[10]), 0, 0, 0
    while at + 10 < len(data):
        kind = data[at]
        if kind == 0x2C:
            frames += 1
            at += 11 + colours(data[at + 9])
        elif kind == 0x21:
            at += 2
        else:  # Pillow looks for the next part byte by byte
            at, blocks = at + 1, blocks + 1
        while kind in (0x2C, 0x21) and at < len(data):
            length = data[at]
            at, blocks, comments = at + 1 + length, blocks + 1, comments + (kind == 0x21)
            if not length or blocks > MOST_BLOCKS:
                break
        if blocks > MOST_BLOCKS or comments > MOST_COMMENT_BLOCKS:
            return "far too many blocks"
        if frames > MOST_FRAMES:
            return f"more than {MOST_FRAMES:,} pictures"
        if kind == 0x3B:
            break
    return None
