"""A dataset and weights that evaluations share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mean_model import Embedder, load_model
from tests.helpers.tiny_model import save_tiny
from train_scripts.data.simulator.make_dataset import Size, make_university1652


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with random weights `tiny`, and `uni`: 3 places of 3 drone pictures, one more of place 0000."""
    home = tmp_path_factory.mktemp("home")
    save_tiny(home / "tiny")
    make_university1652(home / "uni", Size(train=1, test=3, distractors=2, views=3, size_px=40))
    return home


@pytest.fixture(scope="package")
def embedder(home: Path) -> Iterator[Embedder]:
    with load_model(home / "tiny", precision="float32") as embedder:
        yield embedder
