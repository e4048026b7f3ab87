"""Measures of a query's picture."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from gallery.report.photo_quality import picture_facts


def noise(seed: int = 0, size: tuple[int, int] = (300, 200)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1] // 4, size[0] // 4, 3), np.uint8)
    return Image.fromarray(pixels).resize(size)


def test_a_plain_picture_has_no_detail():
    facts = picture_facts(Image.new("RGB", (40, 30), (100, 100, 100)))
    assert facts.sharpness == 0 and facts.brightness == 100 and facts.thumbnail is None


def test_blur_lowers_sharpness_step_by_step():
    found = [picture_facts(noise().filter(ImageFilter.GaussianBlur(radius))).sharpness for radius in (0, 2, 4, 8)]
    assert found == sorted(found, reverse=True) and found[0] > 10 * found[-1]


def test_darkness_is_the_mean_grey():
    picture = noise()
    assert picture_facts(picture.point(lambda grey: grey // 4)).brightness == pytest.approx(
        picture_facts(picture).brightness / 4, abs=1
    )


def test_the_size_of_a_picture_hardly_counts():
    large = noise(size=(1024, 768)).filter(ImageFilter.GaussianBlur(3))
    small = large.resize((512, 384), Image.Resampling.LANCZOS)
    assert picture_facts(small).sharpness == pytest.approx(picture_facts(large).sharpness, rel=0.1)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK"])
def test_a_thumbnail_is_a_small_jpeg_without_metadata(mode):
    picture = noise().convert(mode)
    picture.info["exif"] = b"Exif\0\0secret"
    small = Image.open(io.BytesIO(picture_facts(picture, 100).thumbnail))
    assert small.format == "JPEG" and small.size == (100, 67) and not small.getexif() and "exif" not in small.info


def test_a_strip_of_one_pixel():
    assert Image.open(io.BytesIO(picture_facts(Image.new("L", (900, 1)), 50).thumbnail)).size == (50, 1)
