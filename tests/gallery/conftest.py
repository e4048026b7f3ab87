"""A gallery that search and track ask."""

import pytest

from gallery import Gallery
from tests.helpers.builders import FakeEmbedder, build_region, textured


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """Tiles of 100 m over textured ground of 900 x 700 m; nobody changes it."""
    return build_region(tmp_path_factory.mktemp("region"), FakeEmbedder(), textured(700, 900, seed=5))
