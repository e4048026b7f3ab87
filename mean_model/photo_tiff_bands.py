"""Large TIFFs read band by band at a fraction of their size: only some strips, or a row of tiles, are unpacked at once.

Pillow unpacks a TIFF whole, at four bytes a pixel. Here some strips at a time become a small TIFF of their own.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from typing import IO

from PIL import Image, TiffImagePlugin

from .photo_pixels import BAND_ROWS, BANDED, averageable, reducing_factor

MOST_BAND_PX = 16_000_000
"""Pixels that are unpacked at once; a TIFF of larger strips or tiles is read whole."""

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION, _PLANAR = 256, 257, 258, 259, 262, 274, 284
_STRIPS, _STRIP_ROWS, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_KEPT = (_BITS, _COMPRESSION, _PHOTOMETRIC, 266, 277, _PLANAR, 317, 320, 338, 339, _TILE_WIDTH, _TILE_HEIGHT)
"""What says how pixels are packed."""
_PACKED = (1, 5, 8, 32773, 32946)  # what needs nothing beside that
_MODES = (*BANDED, "I;16", "I;16B", "I;16L")
_SHORT, _LONG = 3, 4
_ROWS = 16


def reduced_tiff(image: TiffImagePlugin.TiffImageFile, target_px: int) -> Image.Image | None:
    """A large TIFF, opened and not loaded, averaged by a whole factor as `mean_model.photo_pixels.to_rgb` does it.

    Returns: None for one that is not large, or not built so that it can be read in parts.

    Raises:
        OSError, ValueError: as Pillow raises for damage.
    """
    factor, tags = reducing_factor(image.size, target_px), image.tag_v2
    if (
        factor < 2
        or image.mode not in _MODES
        or tags.get(_COMPRESSION, 1) not in _PACKED
        or tags.get(_PLANAR, 1) != 1
        or tags.get(_ORIENTATION, 1) != 1
    ):
        return None
    parts, file = _parts(tags), image.fp
    if parts is None or file is None or sum(parts[3]) > 2 * file.seek(0, io.SEEK_END):  # the same bytes again and again
        return None
    deep = image.mode if image.mode.startswith("I;") else ""
    reduced: Image.Image | None = None
    waiting: Image.Image | None = None
    top = 0
    for band in _bands(file, tags, *parts, least_rows=factor * BAND_ROWS):
        band = averageable(band)
        if waiting is not None:
            band = _below(waiting, band)
        last = top + band.height >= image.height
        rows = band.height if last else band.height // factor * factor
        small = band.crop((0, 0, band.width, rows)).reduce(factor)
        if reduced is None:
            reduced = Image.new(small.mode, (small.width, -(-image.height // factor)))
        reduced.paste(small, (0, top // factor))
        waiting, top = band.crop((0, rows, band.width, band.height)), top + rows
    return reduced.convert("I;16") if reduced is not None and deep else reduced


def _parts(tags: TiffImagePlugin.ImageFileDirectory_v2) -> tuple[int, int, Sequence[int], Sequence[int]] | None:
    """Rows of each part, parts side by side, and where each lies with how many bytes; None where they do not fit."""
    width, height = tags[_WIDTH], tags[_HEIGHT]
    if _TILES in tags:
        rows, across, offsets, sizes = tags[_TILE_HEIGHT], -(-width // tags[_TILE_WIDTH]), tags[_TILES], _TILE_BYTES
    else:
        rows, across, offsets, sizes = tags.get(_STRIP_ROWS, height), 1, tags.get(_STRIPS, ()), _STRIP_BYTES
    counts = tags.get(sizes, ())
    if tags.get(_COMPRESSION, 1) == 1 and across == 1 == len(offsets) == len(counts) and _TILES not in tags:
        return _rows_of_strip(tags, offsets[0])
    if rows < 1 or rows * width > MOST_BAND_PX or not len(offsets) == len(counts) == across * -(-height // rows):
        return None
    return rows, across, offsets, counts


def _rows_of_strip(tags: TiffImagePlugin.ImageFileDirectory_v2, at: int) -> tuple[int, int, list[int], list[int]]:
    """A strip that holds the whole picture, and is not packed, as strips of a few rows. Args: at: where it lies."""
    bits, height = tags.get(_BITS, (1,)), tags[_HEIGHT]
    row_bytes = (tags[_WIDTH] * sum(bits if isinstance(bits, tuple) else (bits,)) + 7) // 8
    rows = range(0, height, _ROWS)
    return _ROWS, 1, [at + row * row_bytes for row in rows], [min(_ROWS, height - row) * row_bytes for row in rows]


def _bands(
    file: IO[bytes],
    tags: TiffImagePlugin.ImageFileDirectory_v2,
    rows: int,
    across: int,
    offsets: Sequence[int],
    sizes: Sequence[int],
    least_rows: int,
) -> Iterator[Image.Image]:
    """The picture from top to bottom, in bands of at least so many rows as far as `MOST_BAND_PX` allows."""
    width, height = tags[_WIDTH], tags[_HEIGHT]
    together = max(1, min(-(-least_rows // rows), MOST_BAND_PX // (rows * width)))
    for first in range(0, -(-height // rows), together):
        begin, end = first * across, min((first + together) * across, len(offsets))
        packed = []
        for offset, size in zip(offsets[begin:end], sizes[begin:end], strict=True):
            file.seek(offset)
            packed.append(file.read(size))
        part = _small_tiff(tags, min(together * rows, height - first * rows), rows, packed)
        with TiffImagePlugin.TiffImageFile(io.BytesIO(part)) as band:
            band.load()
            yield band


def _small_tiff(tags: TiffImagePlugin.ImageFileDirectory_v2, height: int, rows: int, packed: Sequence[bytes]) -> bytes:
    """A TIFF of some strips or tiles of another. Args: rows: of each strip; packed: their bytes."""
    order = "<" if tags.prefix == b"II" else ">"
    tiled = _TILES in tags
    entries: dict[int, tuple[int, Sequence[int]]] = {_WIDTH: (_LONG, [tags[_WIDTH]]), _HEIGHT: (_LONG, [height])}
    for tag in _KEPT:
        if tag in tags:
            value = tags[tag]
            kind = _LONG if tag in (_TILE_WIDTH, _TILE_HEIGHT) else _SHORT
            entries[tag] = (kind, value if isinstance(value, tuple) else (value,))
    if not tiled:
        entries[_STRIP_ROWS] = (_LONG, [rows])
    entries[_TILE_BYTES if tiled else _STRIP_BYTES] = (_LONG, [len(part) for part in packed])
    entries[_TILES if tiled else _STRIPS] = (_LONG, [0] * len(packed))
    directory_bytes = 2 + 12 * len(entries) + 4
    at, places = 8 + directory_bytes, {}
    for tag, (kind, values) in entries.items():
        size = len(values) * (2 if kind == _SHORT else 4)
        if size > 4:
            places[tag], at = at, at + size
    starts = []
    for part in packed:
        starts.append(at)
        at += len(part)
    entries[_TILES if tiled else _STRIPS] = (_LONG, starts)
    directory, behind = struct.pack(f"{order}H", len(entries)), b""
    for tag, (kind, values) in sorted(entries.items()):
        data = struct.pack(f"{order}{len(values)}{'H' if kind == _SHORT else 'I'}", *values)
        inside = struct.pack(f"{order}I", places[tag]) if tag in places else data.ljust(4, b"\0")
        directory += struct.pack(f"{order}HHI", tag, kind, len(values)) + inside
    for tag in places:
        kind, values = entries[tag]
        behind += struct.pack(f"{order}{len(values)}{'H' if kind == _SHORT else 'I'}", *values)
    head = tags.prefix + struct.pack(f"{order}HI", 42, 8)
    return b"".join([head, directory, struct.pack(f"{order}I", 0), behind, *packed])


def _below(upper: Image.Image, lower: Image.Image) -> Image.Image:
    """Two pictures, one under the other."""
    both = Image.new(lower.mode, (lower.width, upper.height + lower.height))
    both.paste(upper)
    both.paste(lower, (0, upper.height))
    return both
