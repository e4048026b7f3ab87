"""Procedural datasets: the same seed makes the same files, and drone views show the place of their tile."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.builders import digests
from tests.helpers.dataset_files import unanswered
from train_scripts.data.__main__ import main
from train_scripts.data.readers.check import check_dataset
from train_scripts.data.readers.read_dataset import read_dataset
from train_scripts.data.simulator.make_dataset import Size, make, make_folders, make_university1652
from train_scripts.data.simulator.sites import PlaceView, Site
from train_scripts.errors import BadRequest

TINY = Size(train=1, test=1, distractors=1, views=2, size_px=32)


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    make_folders(first, TINY)
    make_folders(again, TINY)
    make_folders(other, Size(1, 1, 1, 2, 32, seed=1))
    assert digests(first) == digests(again)
    assert digests(first).keys() == digests(other).keys()
    assert all(
        digests(first)[name] != digests(other)[name] for name in digests(first) if name.endswith((".jpg", ".png"))
    )


def test_the_view_from_straight_above_resembles_its_own_tile_most(tmp_path: Path) -> None:
    sites = [
        Site(
            f"p{i}",
            "test",
            (
                PlaceView(f"satellite/p{i}/a.png", side_m=160),
                PlaceView(f"drone/p{i}/a.png", 160.0, 0.0, -89.9, 53.13, day=1),  # sees 160 m as well, north up
            ),
            {},
        )
        for i in range(6)
    ]
    make("folders", tmp_path / "d", sites, Size(size_px=48), spacing_m=170)

    def shades(kind: str) -> np.ndarray:
        rows = [np.asarray(Image.open(tmp_path / "d" / kind / f"p{i}" / "a.png").convert("L"), float) for i in range(6)]
        flat = np.stack(rows).reshape(6, -1)
        return (flat - flat.mean(1, keepdims=True)) / flat.std(1, keepdims=True)

    alike = shades("drone") @ shades("satellite").T
    assert (alike.argmax(1) == np.arange(6)).all()


@pytest.mark.slow
def test_workers_make_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train_scripts.data.simulator.sites.PER_WORLD", 1)
    for workers in (1, 2):
        make_folders(tmp_path / str(workers), Size(0, 2, 0, 1, 32, workers=workers))
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


def test_a_folder_with_something_in_it_stays(tmp_path: Path) -> None:
    out = tmp_path / "d"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    with pytest.raises(BadRequest, match="d is not empty"):
        make_university1652(out, TINY)
    assert [file.name for file in out.iterdir()] == ["mine.txt"]
    for wrong in ({"test": 0}, {"size_px": 4}, {"views": 0}, {"train": -1}):
        with pytest.raises(BadRequest):
            Size(**wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("university1652", ["--views", "1", "--distractors", "1", "--release-name", "--street", "--positions", "csv"]),
        ("sues200", ["--views", "1", "--layout", "split"]),
        ("denseuav", ["--no-old-tiles"]),
        ("folders", ["--views", "1", "--distractors", "1", "--layout", "view-first", "--positions", "kml"]),
    ],
)
def test_the_command_makes_what_the_check_finds_complete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind, options: list[str]
) -> None:
    counts = ["--train", "2", "--test", "1", "--size-px", "32"]
    assert main(["make", kind, "--out", str(tmp_path / "d"), *counts, *options]) == 0
    assert str(tmp_path) not in capsys.readouterr().out
    report = check_dataset(kind, tmp_path / "d", pictures=True)
    assert report.complete, report.text()
    data = read_dataset(kind, tmp_path / "d")
    assert not unanswered(data.retrieval("drone-to-satellite", "full"))
    assert not list(tmp_path.glob("*.part"))


def test_options_of_another_kind_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["sues200", "--street"],
        ["sues200", "--distractors", "3"],
        ["denseuav", "--views", "3"],
        ["denseuav", "--positions", "csv"],
        ["sues200", "--layout", "view-first"],
        ["folders", "--layout", "original"],
    ):
        assert main(["make", arguments[0], "--out", str(tmp_path / "d"), *arguments[1:]]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "d").exists()
