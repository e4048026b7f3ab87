"""A gallery that tests may damage."""

import shutil
from pathlib import Path

import pytest

from gallery import Gallery, build_gallery
from gallery.build.options import BuildOptions
from tests.helpers.builders import FakeEmbedder, write_raster


@pytest.fixture(scope="package")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with region.tif and the gallery g, built once."""
    folder = tmp_path_factory.mktemp("built")
    write_raster(folder / "region.tif")
    build_gallery(folder / "region.tif", folder / "g", FakeEmbedder(), options=BuildOptions(model_source="starter"))
    return folder


@pytest.fixture
def gallery(built: Path, tmp_path: Path) -> Gallery:
    """A copy that a test may damage."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return Gallery.open(tmp_path / "g")
