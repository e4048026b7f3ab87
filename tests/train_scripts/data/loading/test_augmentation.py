"""What training does to its pictures."""

import math

import cv2
import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as by_torchvision

from train_scripts.data.loading import augmentation
from train_scripts.data.loading.augmentation import (
    augmented,
    brightened,
    coarse_dropout,
    compressed,
    contrasted,
    cropped,
    grid_dropout,
    hue_turned,
    saturated,
    sharpened,
)


@pytest.fixture
def picture() -> np.ndarray:
    """Smooth enough for JPEG to leave it alike."""
    rows, columns = np.mgrid[:60, :80]
    return np.stack([rows * 3, columns * 2.5, (rows + columns) * 1.5], axis=2).astype(np.uint8)


@pytest.mark.parametrize("view", ["drone", "satellite"])
@pytest.mark.parametrize(("least_crop", "resize"), [(1.0, "bilinear"), (0.6, "bicubic")])
def test_every_draw_gives_a_square_of_bytes_and_a_seed_decides(
    view: str, least_crop: float, resize: str, picture: np.ndarray
) -> None:
    before = picture.copy()
    results = [
        augmented(picture, view, 48, np.random.default_rng(seed), least_crop=least_crop, resize=resize)  # type: ignore[arg-type]
        for seed in (*range(25), 0)
    ]
    assert all(one.shape == (48, 48, 3) and one.dtype == np.uint8 for one in results)
    assert np.array_equal(results[0], results[-1]) and np.array_equal(picture, before)
    assert len({one.tobytes() for one in results}) > 15


def test_only_satellite_pictures_are_turned(picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in ("jittered", "compressed"):
        monkeypatch.setattr(augmentation, step, lambda picture, *_: picture)
    square = picture[:, :60]
    whole = [seed for seed in range(80) if np.random.default_rng(seed).random(8).min() > 0.3]  # little else is drawn
    turned = {augmented(square, "satellite", 60, np.random.default_rng(seed)).tobytes() for seed in whole}
    kept = {augmented(square, "drone", 60, np.random.default_rng(seed)).tobytes() for seed in whole}
    assert square.tobytes() in kept
    assert len({np.rot90(square, turns).tobytes() for turns in range(4)} & turned) > len(kept & {square.tobytes()})


def test_each_step_is_torchvisions_within_a_grey_level() -> None:
    """Of one colour change and of JPEG there, as the recipe was made of these before."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC)
    tensor = torch.from_numpy(picture).permute(2, 0, 1)
    for ours, theirs in (
        (brightened(picture, 1.13), by_torchvision.adjust_brightness(tensor, 1.13)),
        (contrasted(picture, 0.4), by_torchvision.adjust_contrast(tensor, 0.4)),
        (contrasted(picture, 1.6), by_torchvision.adjust_contrast(tensor, 1.6)),
        (saturated(picture, 0.75), by_torchvision.adjust_saturation(tensor, 0.75)),
        (hue_turned(picture, 0.3), by_torchvision.adjust_hue(tensor, 0.3)),
        (hue_turned(picture, -0.11), by_torchvision.adjust_hue(tensor, -0.11)),
        (compressed(picture, 93), by_torchvision.jpeg(tensor, 93)),
    ):
        difference = np.abs(ours.astype(int) - theirs.permute(1, 2, 0).numpy().astype(int))
        assert difference.mean() < 1, difference.mean()


def test_a_crop_keeps_its_least_area_and_nearly_its_shape(picture: np.ndarray) -> None:
    for seed in range(30):
        rows, columns = cropped(picture, 0.7, np.random.default_rng(seed)).shape[:2]
        assert rows * columns > 0.63 * picture[:, :, 0].size
        assert rows <= 60 and columns <= 80


def test_grid_holes_are_the_published_ones() -> None:
    white = np.full((384, 384, 3), 255, np.uint8)
    result = grid_dropout(white)
    black = [row for row in range(384) if row % 38 < 15]  # cells of a tenth of the side, and 0.4 of it
    expected = white.copy()
    expected[np.ix_(black, black)] = 0
    assert np.array_equal(result, expected) and (white == 255).all()
    assert (result == 0).mean() == pytest.approx(0.161, abs=5e-4)
    assert set(np.unique(grid_dropout(white[:9, :9]))) == {0, 255}


def test_coarse_holes_are_black_and_leave_the_rest() -> None:
    white = np.full((50, 50, 3), 255, np.uint8)
    for seed in range(10):
        result = coarse_dropout(white, np.random.default_rng(seed))
        assert set(np.unique(result)) == {0, 255} and 0.05 < (result == 0).mean() < 0.7
    assert (white == 255).all()


def test_sharpening_is_the_published_kernel(picture: np.ndarray) -> None:
    x = picture.astype(float)
    around = sum(x[20 + i, 30 + j] for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j)
    expected = 0.7 * x[20, 30] + 0.3 * ((8 + 0.8) * x[20, 30] - around)
    found = sharpened(picture, 0.3, 0.8)[20, 30]
    assert all(math.isclose(a, b, abs_tol=0.51) for a, b in zip(found, expected.clip(0, 255), strict=True))
