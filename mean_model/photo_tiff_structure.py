"""The directories of a TIFF, and of the TIFF that Exif is, counted (TIFF 6.0; BigTIFF for the longer offsets)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MOST_TAGS = 1_000  # of one directory; 200 are many
MOST_DIRECTORIES = 1_000
MOST_VALUE_BYTES = 16_000_000  # of all tags of a directory: readers copy each
MOST_NUMBERS = 1_000_000  # among them, each of which becomes an object
MOST_EXIF_NUMBERS = 50_000
MOST_PART_BYTES = 256_000_000  # a tile or strip unpacked, for which room is made at once

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_BYTES = (1, 2, 6, 7)  # types whose values stay what they are
_BITS, _COMPRESSION, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT = 258, 259, 277, 322, 323
_PLAIN = (1, 5, 8, 32773, 32946)  # none, LZW, Deflate twice, PackBits: unpacked in a time that their pixels bound
_EXIF_DIRECTORIES = (0x8769, 0x8825)
_EXIF_HEAD = b"Exif\0\0"


@dataclass(frozen=True)
class _Tag:
    number: int
    count: int
    size: int  # of its value, bytes
    value: int  # the first number of a short value that stands in the entry; else where the value lies
    numbers: int


@dataclass(frozen=True)
class _Layout:
    """How offsets are written."""

    order: str
    big: bool

    def directory(self, data: bytes, at: int) -> tuple[list[_Tag], int]:
        """The tags of the directory at an offset, and where the next one lies (0: nowhere)."""
        head, entry, link = ("Q", 20, "Q") if self.big else ("H", 12, "I")
        count = self._number(data, at, head)
        at += struct.calcsize(f"={head}")
        tags = list(self._tags(data, at, min(count, MOST_TAGS + 1), entry))
        return tags, self._number(data, at + count * entry, link)

    def _tags(self, data: bytes, at: int, count: int, entry: int) -> Iterator[_Tag]:
        room, wide = (8, "Q") if self.big else (4, "I")
        for begin in range(at, min(at + count * entry, len(data) - entry + 1), entry):
            number, kind = struct.unpack_from(f"{self.order}HH", data, begin)
            many = self._number(data, begin + 4, wide)
            size = many * _SIZES.get(kind, 0)
            short = {1: "B", 3: "H"}.get(kind, wide) if size <= room else wide
            value = self._number(data, begin + entry - room, short)
            yield _Tag(number, many, size, value, 0 if kind in _BYTES or not size else many)

    def _number(self, data: bytes, at: int, kind: str) -> int:
        try:
            number: int = struct.unpack_from(self.order + kind, data, at)[0]
        except struct.error:  # beyond the end
            return 0
        return number

    def first(self, data: bytes) -> int:
        """Where the first directory lies."""
        return self._number(data, 8, "Q") if self.big else self._number(data, 4, "I")


def _layout_of(data: bytes) -> _Layout | None:
    kinds = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}
    kind = kinds.get(data[:4])
    return None if kind is None else _Layout(*kind)


def tiff_excess(data: bytes) -> tuple[str | None, bool]:
    """What a TIFF has too much of, or None; and whether its pixels are packed in a plain way, or not at all."""
    layout = _layout_of(data)
    if layout is None:
        return None, False
    at, seen, plain = layout.first(data), set[int](), True
    while at and at < len(data):
        if at in seen or len(seen) > MOST_DIRECTORIES:
            return "directories without end", False
        seen.add(at)
        tags, at = layout.directory(data, at)
        if excess := _tags_excess(data, tags, MOST_NUMBERS) or _part_excess(tags):
            return excess, False
        plain &= all(tag.value in _PLAIN for tag in tags if tag.number == _COMPRESSION)
    return None, plain


def exif_excess(exif: bytes) -> str | None:
    """What an Exif block, with its head or without, has too much of; None where it is as cameras write it."""
    exif = exif.removeprefix(_EXIF_HEAD)
    if exif.startswith(_EXIF_HEAD):  # Pillow takes them off one by one
        return "Exif within Exif"
    layout = _layout_of(exif)
    if layout is None:
        return None
    tags, _ = layout.directory(exif, layout.first(exif))
    below = [tag.value for tag in tags if tag.number in _EXIF_DIRECTORIES]
    if len(below) > len(_EXIF_DIRECTORIES):
        return "far too many tags"
    for listed in (tags, *(layout.directory(exif, at)[0] for at in below)):
        if excess := _tags_excess(exif, listed, MOST_EXIF_NUMBERS):
            return excess
    return None


def _tags_excess(data: bytes, tags: list[_Tag], most_numbers: int) -> str | None:
    held = [tag for tag in tags if tag.size <= len(data)]  # a longer value is no value
    if len(tags) > MOST_TAGS or sum(tag.size for tag in held) > MOST_VALUE_BYTES:
        return "far too many tags"
    return "far too many numbers in its tags" if sum(tag.numbers for tag in held) > most_numbers else None


def _part_excess(tags: list[_Tag]) -> str | None:
    value = {tag.number: tag.value for tag in tags}
    bits = value.get(_BITS, 8) if value.get(_BITS, 8) <= 64 else 64  # a list of several lies elsewhere
    part = value.get(_TILE_WIDTH, 0) * value.get(_TILE_HEIGHT, 0) * value.get(_SAMPLES, 1) * bits // 8
    return "tiles of far too many pixels" if part > MOST_PART_BYTES else None
