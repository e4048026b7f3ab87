"""A raster that may be no picture is doubted before it is built; imagery is not."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from pages.services.upload import doubt_of, plan
from tests.helpers.small_world import imagery, write_raster

SIDE = 300


def written(path, bands, **more):
    """A raster of one metre a pixel. Args: bands: (C, H, W)."""
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": len(bands), "dtype": bands.dtype}
    place = {"crs": "EPSG:32633", "transform": from_origin(500_000, 5_300_000, 1, 1)}
    with rasterio.open(path, "w", **profile, **place, **more) as file:
        file.write(bands)
    return path


HILLS = np.add.outer(np.linspace(200, 400, SIDE), np.linspace(0, 90, SIDE))[None]
PICTURE = imagery(SIDE).transpose(2, 0, 1)
KINDS = (np.arange(SIDE * SIDE).reshape(1, SIDE, SIDE) // 9000).astype(np.uint8)


@pytest.mark.parametrize(
    ("bands", "word"),
    [
        (HILLS.astype(np.float32), "height model"),
        (np.sin(HILLS).astype(np.float64), "vegetation index"),
        (HILLS.astype(np.int16), "height model"),
        ((HILLS > 300).astype(np.uint8), "2 different values"),
        (KINDS, "land use"),
    ],
)
def test_heights_indices_and_masks_are_doubted(tmp_path, bands, word):
    path = written(tmp_path / "a.tif", bands)
    assert word in doubt_of(path)
    made = plan(path, 100, 0.5)
    assert made.doubt and made.tiles == 25, "it is built all the same if somebody says so"


@pytest.mark.parametrize(
    "bands",
    [PICTURE, PICTURE[:1], PICTURE.astype(np.uint16) * 9, PICTURE.astype(np.float32), PICTURE[:1].astype(np.uint16)],
)
def test_imagery_is_not_doubted(tmp_path, bands):
    assert doubt_of(written(tmp_path / "a.tif", bands)) == ""


def test_imagery_with_a_mask_is_not_doubted(tmp_path):
    alpha = np.full((1, SIDE, SIDE), 255, np.uint8)
    path = written(tmp_path / "a.tif", np.concatenate([PICTURE, alpha]), photometric="RGB", alpha="YES")
    assert doubt_of(path) == "" and doubt_of(write_raster(tmp_path / "b.tif", imagery(SIDE))) == ""
