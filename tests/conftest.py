"""The whole suite: offline, without a display, and at home in a folder of its own. Shared fixtures.

    python -m pytest                     all of it, files side by side on the cores there are
    python -m pytest -m "not slow"       the daily round, in under two minutes
    python -m pytest -m "not browser"    without Chromium

One file or folder alone runs in one process, which starts at once and can be debugged.
"""

import os
import shutil
import tempfile

# Before anything reads them, and for every process that a test starts:
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="tests-home-")  # models of the user's own would hide what is missing
os.environ["HF_HUB_OFFLINE"] = "1"  # the fake Hub on loopback is asked all the same
os.environ["GRADIO_TEMP_DIR"] = os.path.join(os.environ["HF_HOME"], "gradio")
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["MPLBACKEND"] = "agg"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # inputs are small, and threads of several workers wait for each other

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from tests.helpers.builders import FakeEmbedder, textured, write_raster

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # a busy one fails no property

MOST_WORKERS = 4
"""Each holds torch, Gradio and what its tests make: two gigabytes at most."""


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


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command line says when it ends with status 2: (main, *arguments)."""

    def said(main: Callable[[list[str]], object], *arguments: object) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        assert ended.value.code == 2
        return capsys.readouterr().err

    return said


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Workers of `-n auto`, which pyproject.toml asks for: few enough for the memory, none for a part of the suite."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return min(MOST_WORKERS, os.cpu_count() or 1) if whole else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no worker begins one when the others have ended."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    shutil.rmtree(os.environ["HF_HOME"], ignore_errors=True)
