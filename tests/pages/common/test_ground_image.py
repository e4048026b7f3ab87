"""The gallery as one picture: the imagery where it lies, holes transparent, too much refused."""

import base64
import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import rasterio
from PIL import Image

from gallery import build_gallery
from gallery.errors import SourceError
from pages.common.ground_image import Sheet, _needed, ground_picture
from tests.helpers.small_world import (
    METRES_PER_DEG,
    WEST_DEG,
    ColourEmbedder,
    imagery,
    make_small_world,
    write_raster,
)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    return make_small_world(tmp_path_factory.mktemp("ground"))[0]


def opened(picture):
    return Image.open(io.BytesIO(base64.b64decode(picture.uri.split(",", 1)[1])))


def test_it_shows_the_imagery_where_it_lies(gallery):
    picture = ground_picture(gallery, max_px=300)
    assert picture is not None
    shown = opened(picture).convert("RGB")
    true = Image.fromarray(imagery(600)).resize(shown.size, Image.Resampling.LANCZOS)
    off = np.abs(np.asarray(shown, float) - np.asarray(true, float)).mean()
    moved = np.abs(np.roll(np.asarray(shown, float), 3, axis=1) - np.asarray(true, float)).mean()
    assert max(shown.size) == 300
    assert off < 12 < moved
    west, south = gallery.boxes[:, :2].min(axis=0)
    east, north = gallery.boxes[:, 2:].max(axis=0)
    assert picture.box == (west, south, east, north)


@dataclass
class Pictures:
    """A gallery of images without a raster: red squares, each in its own box."""

    boxes: np.ndarray
    gone: bool = False

    @property
    def tiles(self):
        return pd.DataFrame({"col_px": [np.nan] * len(self.boxes), "source": "photos"})

    def tile(self, row):
        return row

    def image(self, tile, max_px):
        if self.gone:
            raise SourceError("The photo is not there any more.")
        return Image.new("RGB", (32, 32), "red")


def test_images_are_pasted_and_the_rest_is_transparent():
    boxes = np.array([[0, 0, 0.01, 0.01], [0.02, 0.02, 0.03, 0.03]])
    shown = np.asarray(opened(ground_picture(Pictures(boxes), max_px=90)))
    assert shown.shape == (90, 90, 4)
    assert tuple(shown[75, 15, :3]) > (200, 0, 0) and shown[75, 15, 3] == 255
    assert shown[15, 15, 3] == 0 and shown[15, 75, 3] == 255


def test_a_source_that_is_gone_leaves_the_map_without_ground():
    assert ground_picture(Pictures(np.array([[0, 0, 0.01, 0.01]]), gone=True)) is None


def test_overlapping_tiles_are_read_once():
    side = np.arange(0, 51, 5)
    corners = np.array([(left, top, left + 10, top + 10) for top in side for left in side])
    needed = _needed(corners, (60, 60))
    covered = np.zeros((60, 60), bool)
    for left, top, right, bottom in corners[needed]:
        covered[top:bottom, left:right] = True
    assert covered.all()
    assert len(needed) < 0.5 * len(corners)


@pytest.mark.parametrize(
    "boxes", [np.zeros((0, 4)), np.zeros((3, 4)), np.array([[0, 0, 0.001, 0.001], [5, 5, 5.001, 5.001]])]
)
def test_nothing_and_too_much_get_no_picture(boxes):
    assert Sheet.over(boxes, 100) is None
    assert ground_picture(Pictures(boxes)) is None


def test_where_a_raster_holds_nothing_the_map_shows_through(tmp_path):
    pixels = imagery(300)
    pixels[:, 180:] = 0
    raster = write_raster(tmp_path / "half.tif", np.maximum(pixels, 1) * (np.arange(300) < 180)[None, :, None])
    with rasterio.open(raster, "r+") as file:
        file.nodata = 0
    gallery = build_gallery([raster], tmp_path / "gallery", ColourEmbedder(), tile_size_m=100)
    picture = ground_picture(gallery, max_px=200)
    alpha = np.asarray(opened(picture).convert("RGBA"))[..., 3]
    west, _, east, _ = picture.box
    edge = round((WEST_DEG + 180 / METRES_PER_DEG - west) / (east - west) * alpha.shape[1])
    assert alpha[:, : edge - 3].min() == 255 and alpha[:, edge + 3 :].max(initial=0) == 0 and edge < alpha.shape[1] - 5
