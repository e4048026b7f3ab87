"""A large TIFF read in parts is the one that is read whole, for every way of packing it."""

import io

import numpy as np
import pytest
from PIL import Image

from mean_model import photo, photo_pixels, photo_tiff_bands
from mean_model.errors import PhotoError
from mean_model.photo import read_here
from tests.helpers.bad_files import picture
from tests.helpers.hostile_pictures import tiff

PACKINGS = {
    "one strip": {},
    "one strip, packed": {"compression": "tiff_lzw", "tiffinfo": {278: 1_500}},
    "strips": {"compression": "tiff_adobe_deflate", "tiffinfo": {278: 37}},
    "differences": {"compression": "tiff_lzw", "tiffinfo": {317: 2}},
    "tiles": {"compression": "tiff_adobe_deflate", "tiffinfo": {322: 256, 323: 256}},
}


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch):
    monkeypatch.setattr(photo_pixels, "_LARGE_PX", 1_000_000)
    monkeypatch.setattr(photo_pixels, "BAND_ROWS", 8)
    monkeypatch.setattr(photo_tiff_bands, "BAND_ROWS", 8)


def saved(mode="RGB", size=(1_603, 1_207), **options):
    image, buffer = picture(80, 60).resize(size), io.BytesIO()
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 200)
    elif mode == "I":
        image = image.convert("L").convert("I")
    else:
        image = image.convert(mode)
    image.save(buffer, "TIFF", **options)
    return buffer.getvalue()


def both_ways(data, monkeypatch, target_px=40):
    """The photo in parts and whole, and whether it was read in parts."""
    parts = []
    monkeypatch.setattr(
        photo, "reduced_tiff", lambda image, px: parts.append(photo_tiff_bands.reduced_tiff(image, px)) or parts[-1]
    )
    in_parts = read_here(data, "a.tif", target_px)
    monkeypatch.setattr(photo, "reduced_tiff", lambda image, px: None)
    return in_parts, read_here(data, "a.tif", target_px), parts[0] is not None


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "1", "P", "CMYK", "I"])
@pytest.mark.parametrize("packing", PACKINGS)
def test_it_is_the_same_picture(mode, packing, monkeypatch):
    if packing == "differences" and mode in ("1", "I"):
        pytest.skip("not packed so")
    in_parts, whole, read_so = both_ways(saved(mode, **PACKINGS[packing]), monkeypatch)
    assert read_so
    assert in_parts.image.tobytes() == whole.image.tobytes()
    assert (in_parts.notes, in_parts.width_px, in_parts.height_px) == (whole.notes, whole.width_px, whole.height_px)


@pytest.mark.parametrize("packing", ["one strip", "strips", "tiles"])
def test_deep_values_are_averaged_before_they_are_stretched(packing, monkeypatch):
    in_parts, whole, read_so = both_ways(saved("I;16", **PACKINGS[packing]), monkeypatch)
    there = np.asarray(in_parts.image.resize(whole.image.size), np.int16)
    assert read_so and in_parts.notes == whole.notes
    assert np.abs(there - np.asarray(whole.image, np.int16)).mean() < 4


def test_only_a_part_is_unpacked_at_once(monkeypatch):
    heights, real = [], photo_tiff_bands._small_tiff

    def small_tiff(tags, height, rows, packed):
        heights.append(height)
        return real(tags, height, rows, packed)

    monkeypatch.setattr(photo_tiff_bands, "_small_tiff", small_tiff)
    read_here(saved(**PACKINGS["strips"]), "a.tif", 40)
    assert len(heights) > 10 and max(heights) < 120 and sum(heights) == 1_207


def test_one_that_is_turned_or_of_few_large_parts_is_read_whole(monkeypatch):
    assert not both_ways(saved(tiffinfo={274: 6}), monkeypatch)[2]
    monkeypatch.setattr(photo_tiff_bands, "MOST_BAND_PX", 100_000)
    assert not both_ways(saved(compression="tiff_lzw", tiffinfo={278: 1_207}), monkeypatch)[2]


def test_the_same_bytes_for_every_strip_are_not_gathered(monkeypatch):
    """A strip of all the file's bytes, ten thousand times, would be the file as often in memory."""
    count, file_bytes = 1_200, 200_000
    tail = 8 + 2 + 12 * 9 + 4
    begin = tail + 8 * count
    lists = np.full(count, begin, "<u4").tobytes() + np.full(count, file_bytes, "<u4").tobytes()
    entries = [(256, 4, 1, 1_000), (257, 4, 1, count), (258, 3, 1, 8), (259, 3, 1, 5), (262, 3, 1, 1)]
    entries += [(273, 4, count, tail), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, count, tail + 4 * count)]
    data = tiff(entries, lists + bytes(file_bytes))
    monkeypatch.setattr(photo_tiff_bands, "_small_tiff", lambda *given: pytest.fail("gathered"))
    with pytest.raises(PhotoError, match="damaged"):
        read_here(data, "a.tif", 40)


@pytest.mark.parametrize("packing", ["one strip", "strips", "tiles"])
def test_damage_is_a_sentence(packing):
    data = saved(**PACKINGS[packing])
    with pytest.raises(PhotoError, match=r"a\.tif is damaged"):
        read_here(data[: len(data) // 2] if packing == "one strip" else data.replace(b"\x78\x9c", b"\0\0"), "a.tif", 40)
