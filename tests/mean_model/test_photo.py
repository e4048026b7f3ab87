"""Facts and laws of reading photos: formats, bad files, orientation, privacy, position."""

import io
import math
import os
import struct

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from mean_model.errors import PhotoError
from mean_model.photo import Photo, load_photo, read_position
from mean_model.photo_file import MAX_FILE_BYTES
from mean_model.photo_metadata import StatedPose
from mean_model.photo_pixels import stretch_to_8_bit
from tests.helpers import ROOT
from tests.helpers.bad_files import bomb_png, gps_exif, jpeg_bytes, make_bad_files, picture

SHARED = ROOT.parent / "shared"
KINDS = [
    "empty",
    "text",
    "truncated",
    "bomb",
    "one_pixel",
    "panorama",
    "cmyk",
    "sixteen_bit",
    "animated",
    "palette_alpha",
    "bogus_exif",
    "heic",
    "pdf",
]


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory):
    return make_bad_files(tmp_path_factory.mktemp("bad"))


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def difference(photo: Photo, image: Image.Image) -> float:
    """Mean absolute difference of the pixels, in grey levels."""
    return float(np.abs(np.asarray(photo.image, np.float32) - np.asarray(image.convert("RGB"), np.float32)).mean())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target_px", [None, 96])
def test_bad_file_gets_the_sentence_that_fits(bad_files, kind, target_px):
    path, expected, words = bad_files[kind]
    if expected == "refused":
        with pytest.raises(PhotoError) as caught:
            load_photo(path, target_px)
        said = str(caught.value)
        assert path.name in said and str(path.parent) not in said
        assert said.endswith(".") and "\n" not in said
    else:
        photo = load_photo(path, target_px)
        assert photo.image.mode == "RGB"
        assert photo.position is None
        said = " ".join(photo.notes)
    for word in words:
        assert word.lower() in said.lower()


def test_all_13_kinds_are_made(bad_files):
    assert set(bad_files) == set(KINDS) and len(KINDS) == 13


def test_the_bomb_is_refused_before_it_is_unpacked(bad_files, monkeypatch):
    def unpack(image):
        raise AssertionError("unpacked")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", unpack)
    with pytest.raises(PhotoError, match="megapixels"):
        load_photo(bad_files["bomb"].path)


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
def test_every_format_gives_the_same_picture(kind):
    image = picture()
    photo = load_photo(saved(image, kind, **({"quality": 95} if kind in ("JPEG", "MPO", "WEBP", "AVIF") else {})))
    assert (photo.image.mode, photo.image.size, photo.notes) == ("RGB", image.size, ())
    assert difference(photo, image) < (10 if kind == "GIF" else 6)


def test_heic_is_read():
    pillow_heif.register_heif_opener()  # for writing; reading does so itself
    photo = load_photo(saved(picture(), "HEIF", quality=95, exif=gps_exif(7.5, 47.5)))
    assert difference(photo, picture()) < 6
    assert photo.position is not None and photo.position.lon == pytest.approx(7.5)


def test_every_kind_of_source_is_read_alike(tmp_path):
    image = picture()
    data = saved(image, "PNG")
    path = tmp_path / "a photo.png"
    path.write_bytes(data)
    with path.open("rb") as file:
        sources = [path, str(path), data, io.BytesIO(data), image, np.asarray(image), Image.open(path), file]
        photos = [load_photo(source) for source in sources]
    assert all(difference(photo, image) == 0 for photo in photos)
    assert [photo.name for photo in photos] == ["a photo.png"] * 2 + ["photo"] * 4 + ["a photo.png"] * 2
    assert load_photo(photos[0]) is photos[0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("target_px", [None, 40])
def test_photo_comes_back_upright(orientation, target_px):
    upright = picture(320, 240)
    # The transposition that a camera held this way would have done: the inverse of making it upright.
    inverse = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    held = upright if orientation == 1 else upright.transpose(Image.Transpose(inverse[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = load_photo(jpeg_bytes(held, quality=95, subsampling=0, exif=exif), target_px)
    assert (photo.width_px, photo.height_px) == (320, 240)
    assert difference(photo, upright.resize(photo.image.size, Image.Resampling.BOX)) < 6


def test_no_metadata_travels_on():
    exif = gps_exif(7.5, 47.5)
    for source in (jpeg_bytes(picture(), exif=exif), Image.open(io.BytesIO(saved(picture(), "PNG", exif=exif)))):
        photo = load_photo(source)
        assert photo.position is not None
        assert not photo.image.info and not photo.image.getexif()
        assert b"Exif" not in jpeg_bytes(photo.image)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_scaled_reading_keeps_twice_the_target(kind):
    image = picture(1600, 1200)
    photo = load_photo(saved(image, kind), 96)
    assert (photo.width_px, photo.height_px) == (1600, 1200)
    assert min(photo.image.size) == (300 if kind == "JPEG" else 192)
    assert difference(photo, image.resize(photo.image.size, Image.Resampling.BOX)) < 4


def claiming(width_px: int, height_px: int, **options) -> bytes:
    """A small JPEG whose header claims another size."""
    data = bytearray(jpeg_bytes(picture(48, 48), **options))
    start_of_frame = data.index(b"\xff\xc2" if options.get("progressive") else b"\xff\xc0")
    data[start_of_frame + 5 : start_of_frame + 9] = struct.pack(">HH", height_px, width_px)
    return bytes(data)


def test_the_headers_limits_hold():
    for data, words in (
        (claiming(15_000, 15_000), "225 megapixels and at most 220"),
        (claiming(12_000, 12_000, progressive=True), "144 megapixels and at most 120"),
        (bomb_png(12_000, 12_000), "144 megapixels and at most 120"),
        (claiming(31, 100), "at least 32"),
        (claiming(32, 257), "narrow"),
    ):
        with pytest.raises(PhotoError, match=words):
            load_photo(data, 384)
    assert load_photo(saved(picture(32, 256), "PNG")).image.size == (32, 256)


@pytest.mark.filterwarnings("error")  # Pillow's own limit warns from 89 megapixels on and refuses 179
def test_photos_below_the_limits_are_read():
    large = load_photo(saved(Image.new("L", (20_000, 10_000)), "JPEG"), 384)
    assert (large.width_px, large.height_px, large.image.size) == (20_000, 10_000, (2500, 1250))
    large = load_photo(bomb_png(10_000, 9_000), 32)
    assert (large.width_px, large.height_px, large.image.size) == (10_000, 9_000, (71, 64))


def test_file_size_limit(tmp_path):
    path = tmp_path / "long.jpg"
    with path.open("wb") as file:
        file.write(jpeg_bytes(picture()))
        file.truncate(MAX_FILE_BYTES)
    load_photo(path)
    os.truncate(path, MAX_FILE_BYTES + 1)
    for source in (path, path.read_bytes(), path.open("rb")):
        with pytest.raises(PhotoError, match="50 MB"):
            load_photo(source)


def test_what_is_not_a_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for source, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "absent.jpg", "There is no file absent.jpg"),
        (tmp_path / "pipe.jpg", "not a plain file"),
        ("a\0b.jpg", "cannot be opened"),
        (io.StringIO("text"), "opened as text"),
        (b"PK\x03\x04" + bytes(100), "ZIP"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(100), "video"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "text"),
        (bytes(range(256)), "not a picture"),
        (np.zeros((40, 40, 2), np.uint8), "shape"),
        (np.zeros((40, 40), complex), "complex"),
    ):
        with pytest.raises(PhotoError, match=words) as caught:
            load_photo(source)
        assert str(tmp_path.parent) not in str(caught.value)


def test_names_become_one_printable_line(tmp_path):
    path = tmp_path / ("new\nline" + "x" * 100 + ".jpg")
    path.write_bytes(b"")
    with pytest.raises(PhotoError) as caught:
        load_photo(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 120


def test_a_raw_file_is_not_answered_with_its_thumbnail():
    data = saved(picture(), "TIFF", tiffinfo={254: 1})
    with pytest.raises(PhotoError, match="raw file"):
        load_photo(data)


# --- colours ---------------------------------------------------------------------------------------------------------


def test_sixteen_bits_are_stretched_and_not_clipped(bad_files):
    pixels = np.asarray(load_photo(bad_files["sixteen_bit"].path).image)[:, :, 0]
    assert pixels.min() == 0 and pixels.max() == 255
    assert 120 < pixels.mean() < 135
    assert len(np.unique(pixels)) > 250


def test_floats_are_stretched_and_gaps_are_black():
    values = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    values[0, 0] = np.nan
    photo = load_photo(saved(Image.fromarray(values), "TIFF"))
    pixels = np.asarray(photo.image)[:, :, 1]
    assert pixels[0, 0] == 0 and 125 < pixels.mean() < 130
    assert "32-bit" in photo.notes[0]
    assert np.array_equal(np.asarray(load_photo(values).image)[:, :, 1], pixels)


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6), seed=st.integers(0, 99), kind=st.sampled_from(["f4", "f8"]))
def test_stretching_ignores_offset_and_scale(low, span, seed, kind):
    unit = np.random.default_rng(seed).random((20, 30))
    plain = stretch_to_8_bit(unit).astype(int)
    moved = stretch_to_8_bit((low + span * unit).astype(kind)).astype(int)
    tolerance = 1 + 255 * 2 * np.finfo(kind).eps * (abs(low) + span) / span
    assert np.abs(plain - moved).max() <= tolerance


def test_stretching_keeps_order_and_a_flat_picture_is_grey():
    values = np.arange(10_000, dtype=np.uint16).reshape(100, 100)
    assert np.all(np.diff(stretch_to_8_bit(values).ravel().astype(int)) >= 0)
    assert set(np.unique(stretch_to_8_bit(np.full((40, 40), 7, np.int32)))) == {128}
    assert not stretch_to_8_bit(np.full((40, 40), np.nan)).any()


def test_transparent_parts_become_grey_and_hidden_colours_stay_hidden(bad_files):
    pixels = np.asarray(load_photo(bad_files["palette_alpha"].path).image)
    assert np.all(pixels[:, :80] == 128)
    rgba = picture().convert("RGBA")
    rgba.putalpha(Image.fromarray(np.tile(np.uint8([0, 255]), (240, 160))))
    hidden = load_photo(rgba, 30)
    assert "transparent" in hidden.notes[0]
    opaque = load_photo(picture().convert("RGBA"))
    assert opaque.notes == () and difference(opaque, picture()) == 0


def test_cmyk_keeps_its_colours(bad_files):
    photo = load_photo(bad_files["cmyk"].path)
    assert difference(photo, picture()) < 6


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "I", "F"])
def test_every_mode_becomes_rgb(mode):
    source = picture().convert("P").convert("PA") if mode == "PA" else picture().convert(mode)
    assert load_photo(source, 32).image.mode == "RGB"


# --- position --------------------------------------------------------------------------------------------------------

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description drone-dji:RelativeAltitude="+39.80" '
    b'drone-dji:GimbalYawDegree="-131.30" drone-dji:GimbalPitchDegree="-90.10" drone-dji:AbsoluteAltitude="nonsense">'
    b"</rdf:Description></x:xmpmeta>"
)


@given(lon=st.floats(-180, 180), lat=st.floats(-90, 90))
def test_positions_survive_a_round_trip(lon, lat):
    data = jpeg_bytes(picture(32, 32), exif=gps_exif(lon, lat))
    position = load_photo(data).position
    assert read_position(data) == position, "the metadata alone say the same"
    if position is None:
        assert round(lon, 6) == round(lat, 6) == 0
    else:
        assert math.isclose(position.lon, lon, abs_tol=1e-8) and math.isclose(position.lat, lat, abs_tol=1e-8)


def test_altitude_heading_and_pitch():
    photo = load_photo(jpeg_bytes(picture(), exif=gps_exif(7.5, -47.5, gps_5=b"\x01", gps_6=12.5, gps_17=77.0)))
    assert photo.position is not None
    assert (photo.position.altitude_m, photo.pose) == (-12.5, StatedPose(heading_deg=77.0))
    photo = load_photo(jpeg_bytes(picture(), exif=gps_exif(7.5, -47.5, gps_17=720.0), xmp=XMP))
    assert photo.position is not None
    assert photo.pose == StatedPose(pytest.approx(228.7), -90.0, 39.8)
    assert photo.position.altitude_m is None


def lens_exif(focal_35mm: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x8769] = {0xA405: focal_35mm}
    return exif


def test_the_pose_is_read_also_without_a_position():
    photo = load_photo(jpeg_bytes(picture(), exif=lens_exif(24), xmp=XMP))
    assert photo.position is None
    assert photo.pose == StatedPose(pytest.approx(228.7), -90.0, 39.8, 24.0)
    located = load_photo(jpeg_bytes(picture(), exif=gps_exif(7.5, -47.5, gps_17=77.0)))
    assert located.pose == StatedPose(heading_deg=77.0)
    assert load_photo(jpeg_bytes(picture(), exif=lens_exif(0))).pose is None
    assert load_photo(picture()).pose is None


@pytest.mark.parametrize(
    ("camera", "expected"),
    [
        ({0x9003: "2026:06:01 10:00:03"}, "2026-06-01T10:00:03"),
        ({0x9003: "2026:06:01 10:00:03", 0x9291: "25"}, "2026-06-01T10:00:03.250000"),
        ({0x9003: "2026:06:01 10:00:03", 0x9291: "250", 0x9011: "+02:00"}, "2026-06-01T10:00:03.250000+02:00"),
        ({0x9003: "2026:06:01 10:00:03", 0x9291: "x", 0x9011: "noon"}, "2026-06-01T10:00:03"),
        ({0x9003: "0000:00:00 00:00:00"}, None),
        ({0x9003: "    :  :     :  :  "}, None),
        ({0x9003: "yesterday"}, None),
        ({0x9291: "25"}, None),
    ],
)
def test_the_time_by_the_cameras_clock(camera, expected):
    exif = Image.Exif()
    exif[0x8769] = camera
    taken_at = load_photo(jpeg_bytes(picture(), exif=exif)).taken_at
    assert (taken_at and taken_at.isoformat()) == expected


def test_xmp_as_elements_and_position_without_exif():
    xmp = b"<a><drone-dji:GpsLatitude>+46.5</drone-dji:GpsLatitude><drone-dji:GpsLongtitude>-91.25</drone-dji:x></a>"
    position = load_photo(jpeg_bytes(picture(), xmp=xmp)).position
    assert position is not None and (position.lon, position.lat) == (-91.25, 46.5)


@pytest.mark.parametrize(
    "tags",
    [
        {"gps_1": None},
        {"gps_3": "Q"},
        {"gps_2": None},
        {"gps_2": (95.0, 0.0, 0.0)},
        {"gps_4": (181.0, 0.0, 0.0)},
        {"gps_2": (10.0, 75.0, 0.0)},
        {"gps_2": (0.0, 0.0, 0.0), "gps_4": (0.0, 0.0, 0.0)},
    ],
)
def test_positions_without_sense_are_ignored_with_a_note(tags):
    photo = load_photo(jpeg_bytes(picture(), exif=gps_exif(7.5, 47.5, **tags)))
    assert photo.position is None
    assert "position" in photo.notes[0] and "ignored" in photo.notes[0]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about broken EXIF
@settings(max_examples=60)
@given(garbage=st.binary(max_size=400))
def test_garbage_instead_of_exif_never_fails_the_photo(garbage):
    for start in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        data = jpeg_bytes(picture(32, 32), exif=b"Exif\0\0" + start + garbage, xmp=garbage)
        assert load_photo(data).image.size == (32, 32)


# --- hostile bytes ---------------------------------------------------------------------------------------------------

SEEDS = [saved(picture(48, 40), kind) for kind in ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")] + [
    saved(picture(48, 40), "JPEG", exif=gps_exif(7.5, 47.5), xmp=XMP),
    saved(picture(48, 40), "PNG", exif=gps_exif(1, 2)),
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about broken EXIF
@settings(max_examples=300)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=12),
    cut=st.integers(0, 1 << 16),
)
def test_mutated_files_give_a_photo_or_one_sentence(seed, changes, cut):
    data = bytearray(seed)
    for where, value in changes:
        # Half of the changes hit the header, where the structure is.
        data[where % (len(data) if where % 2 else min(len(data), 200))] = value
    data = data[: len(data) - cut % len(data)] if cut % 3 == 0 else data
    try:
        assert load_photo(bytes(data), 16).image.mode == "RGB"
    except PhotoError as error:
        assert str(error).endswith(".")


# --- real photos -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not (SHARED / "data/originals").is_dir(), reason="shared/data/originals is not here")
def test_untouched_camera_files():
    photo = load_photo(SHARED / "data/originals/brighton_beach_DJI_0018.JPG", 384)  # an MPO
    assert (photo.width_px, photo.height_px, photo.notes) == (4000, 2250, ())
    assert photo.position is not None
    assert photo.pose is not None and photo.pose.height_m == 39.8 and photo.pose.heading_deg == 45.0
    assert photo.pose.pitch_deg == -89.9 and photo.position.altitude_m == pytest.approx(198.309)
    assert (photo.position.lon, photo.position.lat) == pytest.approx((-91.994560, 46.842607), abs=1e-6)
