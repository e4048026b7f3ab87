"""Small evaluations that the tests of figures read."""

import shutil
from pathlib import Path

import pytest

from tests.helpers.builders import write_raster
from tests.helpers.evaluated import FakeModel, evaluated_dataset, evaluated_gallery


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    return evaluated_gallery(folder, [write_raster(folder / "region.tif")], FakeModel())


@pytest.fixture
def place(evaluated: Path, tmp_path: Path) -> Path:
    """A gallery, photos and the report of their search, as `evaluated_gallery` makes them; a copy to write into."""
    return shutil.copytree(evaluated, tmp_path, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def uni(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, weights and their report, as `evaluated_dataset` makes them; nobody changes it."""
    return evaluated_dataset(tmp_path_factory.mktemp("dataset"))
