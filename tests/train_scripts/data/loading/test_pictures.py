"""Pictures as training reads them: the same for a seed and epoch, damaged ones named, workers that outlive a signal."""

import os
import signal
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from train_scripts.data.loading.pictures import Recipe, TrainingPictures, collate, deaf
from train_scripts.data.readers.dataset import Picture, TrainingPair, plain_jpeg, read_picture, read_pixels
from train_scripts.errors import BadPicture


def _asked_to_end() -> None:
    deaf(0)
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    os._exit(7)


@pytest.mark.process
def test_a_loaders_worker_outlives_a_request_to_end() -> None:
    worker = get_context("fork").Process(target=_asked_to_end)
    worker.start()
    worker.join(60)
    assert worker.exitcode == 7


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[TrainingPair, ...]:
    """Two places with three drone pictures each."""
    random = np.random.default_rng(0)
    made = []
    for label in range(2):
        files = [tmp_path / f"{label}-{name}.png" for name in ("tile", "a", "b", "c")]
        for file in files:
            Image.fromarray(random.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(file)
        tile = Picture("satellite", files[0], str(label))
        made += [TrainingPair(label, str(label), Picture("drone", file, str(label)), (tile,)) for file in files[1:]]
    return tuple(made)


def test_a_pair_hangs_on_seed_and_epoch_and_leaves_the_generator_alone(pairs: tuple[TrainingPair, ...]) -> None:
    recipe = Recipe(32, weather=("fog", "rain"))
    before = torch.get_rng_state()
    drone, satellite, label, number = TrainingPictures(pairs, recipe, 1, 0)[4]
    assert torch.equal(before, torch.get_rng_state())
    assert (label, number) == (1, 4) and drone.shape == satellite.shape == (3, 32, 32)
    torch.rand(3)
    again = TrainingPictures(pairs, recipe, 1, 0)
    again[0]
    assert torch.equal(again[4][0], drone) and torch.equal(again[4][1], satellite)
    assert not torch.equal(TrainingPictures(pairs, recipe, 1, 1)[4][0], drone)
    assert not torch.equal(TrainingPictures(pairs, recipe, 2, 0)[4][0], drone)


def test_plain_jpegs_are_read_faster_and_not_otherwise(tmp_path: Path) -> None:
    coarse = Image.fromarray(np.random.default_rng(0).integers(0, 255, (9, 12, 3), dtype=np.uint8))
    turned = Image.Exif()
    turned[274] = 6
    for name, mode, options in (
        ("plain.jpg", "RGB", {}),
        ("turned.jpg", "RGB", {"exif": turned}),
        ("grey.jpg", "L", {}),
        ("print.jpg", "CMYK", {}),
        ("clear.png", "RGB", {}),
    ):
        file = tmp_path / name
        coarse.resize((96, 72)).convert(mode).save(file, **options)  # type: ignore[arg-type]
        one = Picture("drone", file, "0")
        assert plain_jpeg(file.read_bytes(), 64) == (name == "plain.jpg")
        for target in (None, 10, 64):
            assert np.array_equal(read_pixels(one, target), np.asarray(read_picture(one, target))), name
    whole = (tmp_path / "plain.jpg").read_bytes()
    (tmp_path / "plain.jpg").write_bytes(whole[:-200])  # OpenCV would fill the rest with grey
    with pytest.raises(BadPicture, match=r"plain\.jpg"):
        read_pixels(Picture("drone", tmp_path / "plain.jpg", "0"))


def test_a_batch_is_its_pictures(pairs: tuple[TrainingPair, ...]) -> None:
    items = TrainingPictures(pairs, Recipe(32), 1, 0)
    drone, satellite, labels, numbers = collate([items[1], items[4]])
    assert torch.equal(drone[1], items[4][0]) and torch.equal(satellite[0], items[1][1])
    assert labels.tolist() == [0, 1] and numbers.tolist() == [1, 4] and drone.shape == (2, 3, 32, 32)
    assert collate(error := BadPicture("gone")) is error


def test_weather_changes_drone_pictures_only(pairs: tuple[TrainingPair, ...]) -> None:
    clear, dark = (TrainingPictures(pairs, Recipe(32, augment=False, weather=w), 1, 0)[0] for w in ((), ("dark",)))
    assert dark[0].float().mean() < clear[0].float().mean() - 20
    assert torch.equal(dark[1], clear[1])


def test_a_damaged_picture_is_named_or_replaced(pairs: tuple[TrainingPair, ...]) -> None:
    pairs[1].drone.file.write_bytes(b"no picture")
    with pytest.raises(BadPicture, match=r'0-b.png.*unreadable = "skip"'):
        TrainingPictures(pairs, Recipe(32), 1, 0)[1]
    skipping = TrainingPictures(pairs, Recipe(32, augment=False, unreadable="skip"), 1, 0)
    assert torch.equal(skipping[1][0], skipping[2][0]) and skipping[1][2] == 0
    for pair in pairs[:3]:
        pair.drone.file.write_bytes(b"no picture")
    with pytest.raises(BadPicture, match="No drone picture of place 0"):
        skipping[1]
