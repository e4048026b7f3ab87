"""What training does to its pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from train_scripts.data.readers.dataset import Picture, TrainingPair
from train_scripts.data.training.augmentation import (
    CoarseDropout,
    GridDropout,
    QuarterTurn,
    Sharpen,
    augmentation,
    flipped_together,
)
from train_scripts.data.training.pictures import Recipe, TrainingPictures
from train_scripts.errors import BadPicture


@pytest.fixture
def picture() -> torch.Tensor:
    """Smooth enough for JPEG to leave it alike."""
    rows, columns = torch.meshgrid(torch.arange(60.0), torch.arange(80.0), indexing="ij")
    return torch.stack([rows * 3, columns * 2.5, (rows + columns) * 1.5]).to(torch.uint8)


@pytest.mark.parametrize("view", ["drone", "satellite"])
@pytest.mark.parametrize("least_crop", [1.0, 0.6])
def test_every_draw_gives_a_square_of_bytes_and_a_seed_decides(
    view: str, least_crop: float, picture: torch.Tensor
) -> None:
    change = augmentation(view, 48, least_crop)  # type: ignore[arg-type]
    results = []
    for seed in (*range(25), 0):
        torch.manual_seed(seed)
        results.append(change(picture))
        assert results[-1].shape == (3, 48, 48) and results[-1].dtype == torch.uint8
    assert torch.equal(results[0], results[-1])
    assert len({tuple(one.flatten().tolist()) for one in results}) > 15


def test_both_views_are_mirrored_or_none(picture: torch.Tensor) -> None:
    seen = set()
    for seed in range(20):
        torch.manual_seed(seed)
        drone, satellite = flipped_together(picture, picture, 0.5)
        assert torch.equal(drone, satellite)
        seen.add(torch.equal(drone, picture))
    assert seen == {True, False}
    assert torch.equal(flipped_together(picture, picture, 1.0)[0], picture.flip(-1))


def test_quarter_turns_come_in_four(picture: torch.Tensor) -> None:
    square = picture[:, :60, :60]
    turned = {tuple(QuarterTurn()(square).flatten().tolist()) for _ in range(60)}
    assert turned == {tuple(torch.rot90(square, k, (1, 2)).flatten().tolist()) for k in range(4)}


def test_holes_are_black_and_leave_the_rest(picture: torch.Tensor) -> None:
    white = torch.full((3, 50, 50), 255, dtype=torch.uint8)
    for seed in range(10):
        torch.manual_seed(seed)
        for hole, least, most in ((GridDropout(), 0.05, 0.37), (CoarseDropout(), 0.05, 0.7)):
            result = hole(white)
            assert set(result.unique().tolist()) == {0, 255}
            assert least < (result == 0).float().mean() < most
    assert (white == 255).all()


def test_sharpening_is_the_published_kernel(picture: torch.Tensor) -> None:
    sharpen = Sharpen()
    result = sharpen.transform(picture, {"share": 0.3, "lightness": 0.8})
    x = picture.float()
    around = sum(x[:, 20 + i, 30 + j] for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j)
    expected = 0.7 * x[:, 20, 30] + 0.3 * ((8 + 0.8) * x[:, 20, 30] - around)
    assert torch.allclose(result[:, 20, 30].float(), expected.round().clamp(0, 255))


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
