"""What the shipped weights find of a small fixed set of photos: other weights, or other code before them, show here.

Counts were taken with fingerprint eb32a23616b32bcc on a CPU in float32. New weights get new counts.
"""

from itertools import islice
from pathlib import Path

import pytest

from gallery.constants import SAMPLE
from mean_model import load_model
from tests.helpers.builders import write_truth
from train_scripts.data.simulator.camera_files import take_photo
from train_scripts.evaluation.photos import of_gallery, run
from train_scripts.make_sample import planned_shots, sample_scene

BY_ARITHMETIC = 2
"""Photos of the flight whose best right and best wrong tile score within 0.001: other machines may order them so."""


def found(photos: Path) -> tuple[int, int]:
    """Photos whose best tile is right, and whose ten best tiles hold a right one, with the stated pose."""
    [summary] = run(of_gallery(SAMPLE, photos, progress=False))
    return tuple(round(summary["recall"][k] * summary["queries"] / 100) for k in ("1", "10"))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Path:
    """Three of the held-out photos that `make_sample photos --seed 13` plans, two of them low, rendered coarser."""
    folder = tmp_path_factory.mktemp("rendered")
    scene = sample_scene()
    rows = []
    for number, shot in enumerate(islice(planned_shots(6, seed=13), 3, None)):
        photo = take_photo(scene, shot, width=512, height=384, finest_gsd_m=0.6)
        (folder / f"{number}.jpg").write_bytes(photo.jpeg)
        rows.append((f"{number}.jpg", *photo.ground))
    write_truth(folder, rows)
    return folder


def test_the_counts_are_of_the_shipped_weights():
    with load_model("starter", device="cpu", precision="float32") as embedder:
        assert embedder.fingerprint == "eb32a23616b32bcc", "New weights: count again, here and in docs/figures.md."


@pytest.mark.slow
def test_example_photos():
    assert found(SAMPLE / "photos") == (10, 11)  # right and wrong are 0.005 apart at least


@pytest.mark.slow
def test_rendered_photos(rendered):
    assert found(rendered) == (2, 2)  # 0.08 apart


@pytest.mark.slow
def test_the_example_flight():
    first, among_ten = found(SAMPLE / "flight")
    assert abs(first - 28) <= BY_ARITHMETIC and abs(among_ten - 36) <= BY_ARITHMETIC
