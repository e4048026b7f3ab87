"""What training does to its pictures."""

import pytest
import torch

from train_scripts.data.loading.augmentation import (
    CoarseDropout,
    GridDropout,
    QuarterTurn,
    Sharpen,
    augmentation,
    flipped_together,
)


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
