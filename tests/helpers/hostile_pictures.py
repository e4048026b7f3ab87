"""Small pictures that are made to cost a reader much time or memory; each is made by script, none is stored."""

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image

from tests.helpers.bad_files import bomb_png, jpeg_bytes, picture


def plain_jpeg(width_px: int, height_px: int, **options) -> bytes:
    """A JPEG of one grey."""
    return jpeg_bytes(Image.new("L", (width_px, height_px), 128), **options)


def many_scans(width_px: int = 8_000, height_px: int = 8_000, scans: int = 4_000) -> bytes:
    """A progressive JPEG whose last scan, which changes nothing, comes again and again: each visits every block."""
    data = plain_jpeg(width_px, height_px, progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + b"\xff\xd9"


def many_segments(segments: int, kind: int = 0xE1, content: bytes = b"Exif\0\0") -> bytes:
    """A JPEG with the same segment again and again; readers that join those of Exif copy all of them each time."""
    data = jpeg_bytes(picture())
    segment = struct.pack(">BBH", 0xFF, kind, 2 + len(content)) + content
    return data[:2] + segment * segments + data[2:]


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_with(chunks: bytes) -> bytes:
    """A PNG with further chunks before its pixels."""
    buffer = io.BytesIO()
    picture().save(buffer, "PNG")
    data = buffer.getvalue()
    return data[:33] + chunks + data[33:]


def packed_chunk(kind: bytes, size: int) -> bytes:
    """An iCCP or zTXt chunk that unpacks to `size` bytes."""
    return png_chunk(kind, b"name\0\0" + zlib.compress(bytes(size), 9))


def tiff(entries: list[tuple[int, int, int, int]], tail: bytes = b"", next_ifd: int = 0) -> bytes:
    """A TIFF of one directory at offset 8, followed by `tail`. Args: entries: (tag, type, count, value or offset)."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + struct.pack("<I", next_ifd) + tail


def tiff_of_grey(width_px: int, height_px: int, extra: list[tuple[int, int, int, int]], tail: bytes, **more) -> bytes:
    """A TIFF of one strip that lies at its very end, beside whatever else its directory holds."""
    pixels = bytes(width_px * height_px)
    size = 8 + 2 + 12 * (8 + len(extra)) + 4 + len(tail)
    entries = [
        (256, 4, 1, width_px),
        (257, 4, 1, height_px),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, size),
        (278, 4, 1, height_px),
        (279, 4, 1, len(pixels)),
        *extra,
    ]
    return tiff(sorted(entries), tail + pixels, **more)


def overlapping_tags(entries: int, each: int) -> bytes:
    """A TIFF whose tags all have the same long value: read one by one, they are many times the file."""
    tail = bytes(each)
    begin = 8 + 2 + 12 * (8 + entries) + 4
    return tiff_of_grey(64, 64, [(40_000 + i, 1, each, begin) for i in range(entries)], tail)


def endless_directories() -> bytes:
    """A TIFF whose first directory names itself as the next."""
    return tiff_of_grey(64, 64, [], b"", next_ifd=8)


def many_directories(pages: int) -> bytes:
    """A TIFF of many pages, all of them small."""
    page = struct.pack("<H", 1) + struct.pack("<HHII", 256, 4, 1, 64)
    begin = 8 + 2 + 12 * 8 + 4
    chain = b"".join(page + struct.pack("<I", begin + 18 * (i + 1)) for i in range(pages - 1))
    return tiff_of_grey(64, 64, [], chain + page + struct.pack("<I", 0), next_ifd=begin)


def exif_jpeg(body: bytes) -> bytes:
    """A JPEG whose Exif segment holds a TIFF of its own."""
    return many_segments(1, content=b"Exif\0\0" + body)


def many_frames(kind: str, frames: int, side_px: int = 64) -> bytes:
    """An animation whose second picture comes again and again."""
    buffer = io.BytesIO()
    first, second = (Image.new("RGB", (side_px, side_px), colour) for colour in ("red", "blue"))
    first.save(buffer, kind, save_all=True, append_images=[second], duration=20)
    data = buffer.getvalue()
    begin = data.rindex({"GIF": b"\x21\xf9", "WEBP": b"ANMF"}[kind])
    end = len(data) - (kind == "GIF")
    data = data[:begin] + data[begin:end] * (frames - 1) + data[end:]
    return data if kind == "GIF" else data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def clear_png(width_px: int, height_px: int) -> bytes:
    """A PNG of four channels and one colour."""
    buffer = io.BytesIO()
    Image.new("RGBA", (width_px, height_px), (90, 120, 60, 200)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def large_tiff(width_px: int, height_px: int, **options) -> bytes:
    """A TIFF of one colour, packed, so that the file is small."""
    buffer = io.BytesIO()
    Image.new("RGB", (width_px, height_px), (90, 120, 60)).save(buffer, "TIFF", **options)
    return buffer.getvalue()


ATTACKS: dict[str, Callable[[], bytes]] = {
    "JPEG of 4,000 scans": many_scans,
    "JPEG of 500,000 Exif segments": lambda: many_segments(500_000, content=b"Exif\0\0" + b"II*\0" + bytes(6)),
    "JPEG of 2,000,000 comments": lambda: many_segments(2_000_000, 0xFE, b"x"),
    "PNG of 1,000,000 chunks": lambda: png_with(png_chunk(b"teSt", b"") * 1_000_000),
    "PNG with a profile of 400 MB": lambda: png_with(packed_chunk(b"iCCP", 400_000_000)),
    "PNG with 60 texts of 1 MB": lambda: png_with(packed_chunk(b"zTXt", 1_000_000) * 60),
    "PNG of 119 megapixels": lambda: bomb_png(11_900, 10_000),
    "TIFF of 20,000 tags over the same 2 MB": lambda: overlapping_tags(20_000, 2_000_000),
    "TIFF whose directory follows itself": endless_directories,
    "TIFF of 200,000 pages": lambda: many_directories(200_000),
    "Exif of 5,000 tags over the same 5 kB": lambda: exif_jpeg(overlapping_tags(4_500, 5_000)[:65_000]),
    "GIF of 50,000 frames": lambda: many_frames("GIF", 50_000),
    "WebP of 50,000 frames": lambda: many_frames("WEBP", 50_000),
    "JPEG of 119 megapixels, progressive": lambda: jpeg_bytes(
        Image.new("RGB", (11_900, 10_000), (90, 120, 60)), progressive=True
    ),
    "JPEG of 119 megapixels": lambda: jpeg_bytes(Image.new("RGB", (11_900, 10_000), (90, 120, 60))),
    "PNG of 119 megapixels with transparency": lambda: clear_png(11_900, 10_000),
    "TIFF of 119 megapixels": lambda: large_tiff(11_900, 10_000, compression="tiff_lzw"),
    "TIFF of 119 megapixels in tiles": lambda: large_tiff(
        11_888, 10_000, compression="tiff_adobe_deflate", tiffinfo={322: 256, 323: 256}
    ),
}
"""What strangers could send, by what it is."""
