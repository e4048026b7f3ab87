"""The gallery of the known ground."""

import pytest

from gallery import Gallery
from tests.helpers.builders import FakeEmbedder, build_region
from tests.helpers.known_ground import PIXELS


@pytest.fixture(scope="package")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    return build_region(tmp_path_factory.mktemp("region"), FakeEmbedder(), PIXELS, 150)
