"""Pictures of real ground as worlds: which are taken, which never meet, and what other days look like."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from train_scripts.data.simulator.orthophotos import DAYS, SIDE_PX, SIDES, other_days, picture_pool
from train_scripts.data.simulator.pairs import FlightRange, random_pairs
from train_scripts.errors import BadRequest


def folder_of(place: Path, names: dict[str, tuple[int, int, int]]) -> Path:
    place.mkdir()
    for name, colour in names.items():
        Image.new("RGB", (120, 90), colour).save(place / name)
    return place


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    cells = folder_of(tmp_path / "cells", {"a_1.png": (200, 0, 0), "a_2.png": (0, 200, 0), "b_1.png": (0, 0, 200)})
    return cells, folder_of(tmp_path / "flight", {"1.jpg": (90, 90, 90), "2.jpg": (99, 99, 99)})


def test_what_is_left_out_is_not_trained_on(folders: tuple[Path, Path]) -> None:
    cells, flight = folders
    pool = picture_pool([cells], [flight], ["b_*"])
    assert (pool.worlds, pool.appearances) == (4, DAYS)
    first_days = pool.surfaces.colours[0].reshape(4, DAYS, SIDE_PX, SIDE_PX, 3)[:, 0, 0, 0].tolist()
    assert first_days[:2] == [[200, 0, 0], [0, 200, 0]]
    assert all(abs(channel - 95) < 8 for colour in first_days[2:] for channel in colour)


def test_photos_of_one_flight_never_meet_and_cells_do(folders: tuple[Path, Path]) -> None:
    pool = picture_pool([folders[0]], [folders[1]])
    drawn = [set(pool.draw(5, torch.Generator().manual_seed(seed))) for seed in range(30)]
    assert all(len(one) == 4 and {0, 1, 2} < one for one in drawn)
    assert set.union(*drawn) == {0, 1, 2, 3, 4}


def test_every_side_of_a_picture_gives_pairs(folders: tuple[Path, Path]) -> None:
    pool = picture_pool([folders[0]], [])
    for side in SIDES:
        of_side = pool.of_side(side * 160)
        assert of_side.surfaces.colours[0].data_ptr() == pool.surfaces.colours[0].data_ptr()
        flight = FlightRange(tile_m=160, from_above=0.5)
        pairs = random_pairs(
            of_side, 3, 16, flight, torch.Generator().manual_seed(0), worlds_per_batch=3, steps=1,
            photometry_strength=0.0,
        )  # fmt: skip
        assert len(pairs.place.unique()) == 3 and torch.isfinite(pairs.drone).all()


def test_a_folder_without_pictures_is_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadRequest, match="no picture to train on in empty"):
        picture_pool([tmp_path / "empty"], [])
    with pytest.raises(BadRequest, match="no picture to train on in cells"):
        picture_pool([folders[0]], [], ["a_*", "b_*"])


def test_other_days_keep_the_shapes_and_change_the_colours() -> None:
    generator = torch.Generator().manual_seed(0)
    ground = torch.nn.functional.interpolate(torch.rand(40, 3, 12, 12, generator=generator) * 255, size=(48, 48))
    days = other_days(ground, torch.Generator().manual_seed(1))
    assert torch.equal(days, other_days(ground, torch.Generator().manual_seed(1)))
    assert days.min() >= 0 and days.max() <= 255
    light = [x.mean(1).flatten(1) - x.mean(1).flatten(1).mean(1, keepdim=True) for x in (ground, days)]
    likeness = torch.nn.functional.cosine_similarity(light[0], light[1])
    assert np.median(likeness) > 0.5
    assert float((days - ground).abs().mean()) > 15
