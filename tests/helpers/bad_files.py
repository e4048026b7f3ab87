"""Makers of the 13 kinds of bad file that page, command line and web API have to survive.

`make_bad_files(folder)` writes them; each comes with what must happen: "refused" with one sentence, or "accepted" with
a correct picture and a note. The words must all stand in the sentence (or in the notes joined by spaces), whatever
their case.
"""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, TiffImagePlugin


class BadFile(NamedTuple):
    """One bad file and what has to come of it."""

    path: Path
    expected: Literal["refused", "accepted"]
    words: tuple[str, ...]


def picture(width_px: int = 320, height_px: int = 240, seed: int = 0) -> Image.Image:
    """A colourful RGB picture: red grows to the right, green downwards, blue is a seeded pattern."""
    rng = np.random.default_rng(seed)
    red = np.broadcast_to(np.linspace(0, 255, width_px), (height_px, width_px))
    green = np.broadcast_to(np.linspace(0, 255, height_px)[:, None], (height_px, width_px))
    blocks = rng.integers(0, 256, (-(-height_px // 16), -(-width_px // 16)))
    blue = np.kron(blocks, np.ones((16, 16)))[:height_px, :width_px]
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


def jpeg_bytes(image: Image.Image, **options) -> bytes:
    """The picture as the bytes of a JPEG file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **{"quality": 90, **options})
    return buffer.getvalue()


def bomb_png(width_px: int = 20_000, height_px: int = 20_000) -> bytes:
    """A PNG of some hundred kilobytes that unpacks to `width_px * height_px` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(1)
    row = b"\0" * (1 + (width_px + 7) // 8)
    rows = b"".join(packer.compress(row) for _ in range(height_px)) + packer.flush()
    header = struct.pack(">IIBBBBB", width_px, height_px, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def gps_exif(lon_deg: float, lat_deg: float, **tags) -> Image.Exif:
    """EXIF with a position in degrees, minutes and seconds; `tags` replace or add GPS tags as `gps_<number>=value`."""

    def parts(value: float) -> tuple[TiffImagePlugin.IFDRational, ...]:
        degrees, rest = divmod(abs(value), 1)
        minutes, rest = divmod(rest * 60, 1)
        seconds = TiffImagePlugin.IFDRational(round(rest * 60 * 100_000), 100_000)
        return TiffImagePlugin.IFDRational(int(degrees), 1), TiffImagePlugin.IFDRational(int(minutes), 1), seconds

    exif = Image.Exif()
    gps = {1: "N" if lat_deg >= 0 else "S", 2: parts(lat_deg), 3: "E" if lon_deg >= 0 else "W", 4: parts(lon_deg)}
    gps.update({int(key.removeprefix("gps_")): value for key, value in tags.items()})
    exif[0x8825] = {key: value for key, value in gps.items() if value is not None}
    return exif


def _truncated_jpeg() -> bytes:
    whole = jpeg_bytes(picture())
    return whole[: len(whole) // 2]


def _one_pixel_png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(buffer, "PNG")
    return buffer.getvalue()


def _cmyk_jpeg() -> bytes:
    return jpeg_bytes(picture().convert("CMYK"))


def _sixteen_bit_tiff() -> bytes:
    """Grey values 1000 to 5000: a reader that clips makes all of it white, one that shifts makes it nearly black."""
    ramp = np.linspace(1000, 5000, 320 * 240).reshape(240, 320).astype(np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(ramp).save(buffer, "TIFF")
    return buffer.getvalue()


def _animated_gif() -> bytes:
    buffer = io.BytesIO()
    frames = [picture(seed=seed).quantize(64, Image.Quantize.FASTOCTREE) for seed in range(3)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return buffer.getvalue()


def _palette_alpha_png() -> bytes:
    """A palette picture whose colour 0 is transparent: the left quarter."""
    image = picture().quantize(16, Image.Quantize.FASTOCTREE)
    indices = np.asarray(image).copy()
    indices[:, :80] = 0
    indices[:, 80:][indices[:, 80:] == 0] = 1
    marked = Image.frombytes("P", image.size, indices.tobytes())
    marked.putpalette(image.getpalette() or [])
    buffer = io.BytesIO()
    marked.save(buffer, "PNG", transparency=0)
    return buffer.getvalue()


def _bogus_exif_jpeg() -> bytes:
    """A latitude of 95 degrees and a longitude divided by zero."""
    zero = TiffImagePlugin.IFDRational(0, 0)
    return jpeg_bytes(picture(), exif=gps_exif(8.0, 95.0, gps_4=(zero, zero, zero)))


def _heic() -> bytes:
    """The start of a HEIC file: enough to know what it is, and nothing to decode."""
    return struct.pack(">I", 24) + b"ftypheic" + b"\0\0\0\0" + b"mif1heic" + b"\0" * 2000


def _pdf() -> bytes:
    return b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"


def make_bad_files(folder: Path) -> dict[str, BadFile]:
    """Write the 13 bad files into `folder` (made if missing) and return them by kind."""
    kinds: list[tuple[str, str, Callable[[], bytes], Literal["refused", "accepted"], tuple[str, ...]]] = [
        ("empty", "empty.jpg", bytes, "refused", ("empty",)),
        ("text", "text.jpg", lambda: b"Dear drone, where are you?\n" * 20, "refused", ("text",)),
        ("truncated", "truncated.jpg", _truncated_jpeg, "refused", ("damaged",)),
        ("bomb", "bomb.png", bomb_png, "refused", ("megapixels",)),
        ("one_pixel", "one_pixel.png", _one_pixel_png, "refused", ("32",)),
        ("panorama", "panorama.jpg", lambda: jpeg_bytes(picture(1600, 100)), "refused", ("narrow",)),
        ("cmyk", "cmyk.jpg", _cmyk_jpeg, "accepted", ("CMYK",)),
        ("sixteen_bit", "sixteen_bit.tif", _sixteen_bit_tiff, "accepted", ("8 bit",)),
        ("animated", "animated.gif", _animated_gif, "accepted", ("first",)),
        ("palette_alpha", "palette_alpha.png", _palette_alpha_png, "accepted", ("transparent",)),
        ("bogus_exif", "bogus_exif.jpg", _bogus_exif_jpeg, "accepted", ("position", "ignored")),
        ("heic", "photo.heic", _heic, "refused", ("damaged",)),
        ("pdf", "document.pdf", _pdf, "refused", ("PDF",)),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for kind, name, make, expected, words in kinds:
        path = folder / name
        path.write_bytes(make())
        files[kind] = BadFile(path, expected, words)
    return files
