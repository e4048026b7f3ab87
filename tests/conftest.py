"""Shared fixtures: a fake embedder whose vectors one can reason about, GeoTIFFs and photos made on the spot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers.builders import FakeEmbedder, textured, write_raster


@pytest.fixture(scope="module")
def chromium():
    """The browser that the page tests share."""
    from tests.helpers.browser import launched

    with launched() as browser:
        yield browser


@pytest.fixture
def embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def make_raster(tmp_path: Path) -> Callable[..., Path]:
    """A factory of GeoTIFFs in the test's own folder: (name, …) as `write_raster`."""

    def make(name: str = "region.tif", *arguments: Any, **options: Any) -> Path:
        return write_raster(tmp_path / name, *arguments, **options)

    return make


@pytest.fixture
def make_photos(tmp_path: Path) -> Callable[..., Path]:
    """A factory of folders with n small distinct JPEG images named 0.jpg, 1.jpg and so on."""

    def make(count: int = 6, folder: str = "photos", side_px: int = 96) -> Path:
        root = tmp_path / folder
        root.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = np.moveaxis(textured(side_px, side_px, seed=100 + number), 0, -1)
            Image.fromarray(pixels).save(root / f"{number}.jpg", quality=95)
        return root

    return make
