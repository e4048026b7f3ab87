"""Files that are built to cost much are refused by how they are built; what cameras write is not."""

import io
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mean_model.errors import PhotoError
from mean_model.photo import load_photo, read_metadata
from mean_model.photo_structure import HERE_PX, structure_of
from tests.helpers import ROOT
from tests.helpers.bad_files import gps_exif, jpeg_bytes, picture
from tests.helpers.hostile_pictures import (
    endless_directories,
    exif_jpeg,
    many_directories,
    many_frames,
    many_scans,
    many_segments,
    overlapping_tags,
    plain_jpeg,
    png_chunk,
    png_with,
    tiff_of_grey,
)

ORIGINALS = ROOT.parent / "shared" / "data" / "originals"
REFUSED = {
    "scans": lambda: many_scans(640, 480, 200),
    "scans of a large picture": lambda: many_scans(8_000, 8_000, 40),
    "segments of Exif": lambda: many_segments(50_000),
    "segments": lambda: many_segments(100_000, 0xFE, b"x"),
    "junk before the picture": lambda: b"\xff\xd8\xff\xe0\0\2" + b"\xff" * 200_000 + plain_jpeg(64, 64)[2:],
    "starts of pictures": lambda: b"\xff\xd8" * 100_000 + plain_jpeg(64, 64)[2:],
    "arithmetic codes": lambda: many_segments(1, 0xCC, b"\0\x10"),
    "chunks": lambda: png_with(png_chunk(b"teSt", b"") * 5_000),
    "pieces of pixels": lambda: png_with(png_chunk(b"IDAT", b"") * 30_000),
    "tags over one value": lambda: overlapping_tags(900, 100_000),
    "tags": lambda: overlapping_tags(5_000, 8),
    "a directory that follows itself": endless_directories,
    "pages of a TIFF": lambda: many_directories(5_000),
    "a tile of 10 gigapixels": lambda: tiff_of_grey(64, 64, [(322, 4, 1, 100_000), (323, 4, 1, 100_000)], b""),
    "tags of Exif over one value": lambda: exif_jpeg(overlapping_tags(900, 50_000)[:65_000]),
    "Exif within Exif": lambda: exif_jpeg(b"Exif\0\0" * 5_000),
    "frames of a GIF": lambda: many_frames("GIF", 1_100, 32),
    "frames of a WebP": lambda: many_frames("WEBP", 1_100, 32),
    "comments of a GIF": lambda: many_frames("GIF", 1, 32)[:-1] + b"\x21\xfe" + b"\1x" * 10_000 + b"\0;",
    "empty parts of a GIF": lambda: many_frames("GIF", 1, 32)[:-1] + bytes(300_000) + b";",
    "a canvas of a WebP": lambda: b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xff\x3f\0" * 2 + bytes(100),
    "a VP8 picture of a WebP": lambda: (
        b"RIFF\0\0\0\0WEBPVP8 \x0a\0\0\0\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(100)
    ),
    "a VP8L picture of a WebP": lambda: b"RIFF\0\0\0\0WEBPVP8L\x0a\0\0\0\x2f\xff\xff\xff\x0f" + bytes(100),
    "boxes": lambda: b"\0\0\0\x0cftypheic" + b"\0\0\0\x08free" * 5_000,
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_in_one_sentence_before_anything_is_decoded(what):
    data = REFUSED[what]()
    for read in (load_photo, read_metadata):
        begun = time.thread_time()
        with pytest.raises(PhotoError, match=r"photo holds .*, which no camera writes: save it again.*\.$"):
            read(data)
        assert time.thread_time() - begun < 0.5


def test_what_cameras_and_editors_write_is_taken():
    exif = gps_exif(7.5, 47.5)
    long_note = b"Exif\0\0" + exif.tobytes()[6:] + bytes(50_000)
    taken = {
        "the encoder's own scans": jpeg_bytes(picture(1600, 1200), progressive=True),
        "panorama: 300 long segments": many_segments(
            300, 0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(65_000)
        ),
        "thermal: raw values in APP3": many_segments(40, 0xE3, bytes(65_000)),
        "Exif in several segments": many_segments(8, 0xE1, long_note),
        "MPF and a second picture": jpeg_bytes(picture(), exif=exif) + jpeg_bytes(picture(seed=2)) * 2,
        "profile in 20 pieces": many_segments(20, 0xE2, b"ICC_PROFILE\0\1\x14" + bytes(60_000)),
        "fill bytes": b"\xff\xd8" + b"\xff" * 500 + jpeg_bytes(picture())[2:],
        "restart markers": jpeg_bytes(picture(1600, 1200), restart_marker_blocks=1),
        "PNG in small pieces": png_with(png_chunk(b"tEXt", b"a\0b") * 100),
        "a TIFF of 20 pages": many_directories(20),
        "a short animation": many_frames("GIF", 50),
    }
    for what, data in taken.items():
        assert load_photo(data, 100).image.size[0] >= 64, what


@pytest.mark.skipif(not ORIGINALS.is_dir(), reason="needs ../shared/data")
def test_untouched_files_of_cameras_are_taken_and_read_here():
    files = sorted(ORIGINALS.iterdir())
    assert len(files) == 6
    for file in files:
        assert structure_of(file.read_bytes(), file.name).here_px > 12_000_000


def test_exif_in_a_text_of_a_png_is_looked_at_too():
    body = overlapping_tags(900, 50_000)[:65_000].hex().encode()
    text = b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n  65000\n" + body)
    photo = load_photo(png_with(png_chunk(b"zTXt", text)))
    assert photo.notes == ("The photo's EXIF is damaged and was ignored.",)


def test_plain_kinds_are_read_here_and_the_others_apart():
    def saved(kind, **options):
        buffer = io.BytesIO()
        picture().save(buffer, kind, **options)
        return buffer.getvalue()

    here = {kind: structure_of(saved(kind), kind).here_px for kind in ("PNG", "WEBP", "GIF", "BMP", "TIFF")}
    assert set(here.values()) == {HERE_PX}
    avif = structure_of(saved("AVIF"), "x")
    assert not avif.here_px and avif.stated_px == 320 * 240
    assert not structure_of(saved("TIFF", compression="jpeg"), "x").here_px
    progressive = structure_of(saved("JPEG", progressive=True), "x")
    assert progressive.buffered and 5_000_000 < progressive.here_px <= 16_000_000


@settings(max_examples=100, deadline=1_000)
@given(st.binary(max_size=300), st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"]), st.integers(0, 400))
def test_any_bytes_at_any_place_end_in_an_answer_or_a_refusal(noise, kind, at):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40)).save(buffer, kind)
    data = buffer.getvalue()
    try:
        structure_of(data[:at] + noise + data[at + len(noise) :], "x")
    except PhotoError as error:
        assert "no camera" in str(error)
