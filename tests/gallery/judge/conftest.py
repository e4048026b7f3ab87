"""The gallery of the known ground."""

import pytest

from gallery import Gallery, build_gallery
from tests.helpers.builders import FakeEmbedder, write_raster
from tests.helpers.known_ground import EAST, NORTH, PIXELS


@pytest.fixture(scope="package")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("region")
    raster = write_raster(folder / "region.tif", "EPSG:32633", (EAST, NORTH), pixels=PIXELS)
    return build_gallery(raster, folder / "g", FakeEmbedder(), tile_size_m=150)
