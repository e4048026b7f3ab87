"""The segments and scans of a JPEG, counted (ITU-T T.81, annex B)."""

import re
import struct

from .photo_tiff_structure import exif_excess

MOST_SEGMENTS = 1_000  # thermal pictures, panoramas and depth maps fill some hundred of the longest
MOST_EXIF_SEGMENTS = 32  # one is usual; some makers' notes go on in a few more
MOST_JUNK_BYTES = 65_536  # before the first scan, where Pillow steps from byte to byte
MOST_SCANS = 100  # encoders write up to about 20
MOST_SCANNED_PX = 2_000_000_000  # of all scans together, each of which visits every block

HERE_PX = 64_000_000
"""Pixels of a baseline JPEG, as cameras write them, that are decoded in the process that asks."""
HERE_SCANNED_PX = 100_000_000
"""Pixels of all scans together of a progressive one, which holds its whole picture in memory."""
HERE_BUFFERED_PX = 16_000_000

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_ALONE = {0x01, 0xD8, 0xD9}  # markers without a length
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3}
# Arithmetic codes, hierarchical frames, extensions: no camera writes them, and readers disagree about their lengths.
_RARE = {*range(0x02, 0xC0), *range(0xC5, 0xD0), 0xDC, 0xDE, 0xDF, *range(0xF0, 0xFE)} - {0xC4}
_PROGRESSIVE, _SCAN, _EXIF, _END = 0xC2, 0xDA, 0xE1, 0xD9


def jpeg_excess(data: bytes) -> tuple[str | None, int, bool]:
    """What a JPEG has too much of.

    Returns: that, or None; pixels up to which it is decoded in the process that asks (0: none); and whether the
    picture is held whole in memory while it is decoded.
    """
    at, segments, scans, junk = 2, 0, 0, 0
    pixels, components, buffered = 0, 0, False
    exif: list[bytes] = []
    while match := _MARKER.search(data, at):
        marker, begin = data[match.end() - 1], match.end()
        segments += 1
        junk += 0 if scans else match.start() - at
        if marker == _END and scans:
            break
        if marker in _RARE:
            return "codes of a rare kind", 0, True
        if segments > MOST_SEGMENTS or junk > MOST_JUNK_BYTES:
            return "far too many segments", 0, True
        at = begin if marker in _ALONE else begin + max(2, int.from_bytes(data[begin : begin + 2], "big"))
        if marker in _FRAMES and at - begin >= 8 and at <= len(data):
            height, width, components = struct.unpack_from(">HHB", data, begin + 3)
            pixels = max(pixels, width * height)
            buffered |= marker == _PROGRESSIVE
        elif marker == _EXIF and data[begin + 2 : begin + 8] == b"Exif\0\0":
            exif.append(data[begin + (8 if exif else 2) : at])
        elif marker == _SCAN:
            scans += 1
            buffered |= data[begin + 2 : begin + 3] < bytes([components])
        if len(exif) > MOST_EXIF_SEGMENTS:
            return "far too many segments of Exif", 0, True
        if scans > MOST_SCANS or (buffered and scans * pixels > MOST_SCANNED_PX):
            return "far too many scans", 0, True
    here_px = min(HERE_BUFFERED_PX, HERE_SCANNED_PX // max(1, scans)) if buffered else HERE_PX
    return exif_excess(b"".join(exif)), here_px, buffered
