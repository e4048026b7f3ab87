"""The gallery as one picture: what it shows is the imagery, holes are transparent, too much is refused."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from small_world import imagery, make_small_world

from pages.ground import _needed, ground_picture


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    return make_small_world(tmp_path_factory.mktemp("ground"))[0]


def test_it_shows_the_imagery_where_it_lies(gallery):
    picture = ground_picture(gallery, max_px=300)
    assert picture is not None
    shown = Image.open(io.BytesIO(base64.b64decode(picture.uri.split(",", 1)[1]))).convert("RGB")
    true = Image.fromarray(imagery(600)).resize(shown.size, Image.Resampling.LANCZOS)
    off = np.abs(np.asarray(shown, float) - np.asarray(true, float)).mean()
    assert max(shown.size) == 300
    assert off < 12
    west, south = gallery.boxes[:, :2].min(axis=0)
    east, north = gallery.boxes[:, 2:].max(axis=0)
    assert picture.box == (west, south, east, north)


def test_overlapping_tiles_are_read_once():
    side = np.arange(0, 51, 5)
    corners = np.array([(left, top, left + 10, top + 10) for top in side for left in side])
    needed = _needed(corners, (60, 60))
    covered = np.zeros((60, 60), bool)
    for left, top, right, bottom in corners[needed]:
        covered[top:bottom, left:right] = True
    assert covered.all()
    assert len(needed) < 0.5 * len(corners)


def test_a_wide_gallery_gets_no_picture(gallery):
    class Wide:
        boxes = np.array([[0, 0, 0.001, 0.001], [5, 5, 5.001, 5.001]])

    class Empty:
        boxes = np.zeros((0, 4))

    assert ground_picture(Wide()) is None
    assert ground_picture(Empty()) is None
