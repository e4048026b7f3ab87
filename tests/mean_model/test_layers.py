"""The branches of MEAN against the paper's formulas, written out a second time."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mean_model.layers import (
    DiversifiedEmbeddingClassifier,
    DiversifiedEmbeddingGenerator,
    DomainEnhancement,
    FeatureAdaptiveTemperature,
    GridEmbedding,
    MultiScaleFusion,
)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_deg_gives_two_maps_that_differ_only_by_dropout() -> None:
    deg = DiversifiedEmbeddingGenerator(24, dropout=0.5)
    first, second = deg.eval()(noise(2, 24, 5, 4))
    assert first.shape == (2, 24, 5, 4)
    assert torch.equal(first, second)
    first, second = deg.train()(noise(2, 24, 5, 4))
    kept = (first != 0) & (second != 0)
    assert not torch.equal(first, second)
    assert torch.equal(first[kept], second[kept])


def test_deg_is_equation_2_and_3_at_one_location() -> None:
    deg = DiversifiedEmbeddingGenerator(8).eval()
    features = noise(1, 8, 7, 7)
    mixed = torch.zeros(2)
    for rate, layer in zip((1, 2, 3), deg.dilated, strict=True):
        for row in (-1, 0, 1):
            for column in (-1, 0, 1):
                mixed += layer.weight[:, :, row + 1, column + 1] @ features[0, :, 3 + rate * row, 3 + rate * column] / 3
    restored = deg.restore.weight[:, :, 0, 0] @ mixed.clamp(min=0) + deg.restore.bias
    torch.testing.assert_close(deg(features)[0][0, :, 3, 3], (restored + features[0, :, 3, 3]) / 2)


def test_dec_is_equation_4_in_loops() -> None:
    dec = DiversifiedEmbeddingClassifier(classes=3, embedding_channels=8).eval()
    pooled = noise(1, 6)
    channels = []
    for rate, layer in zip((1, 2, 3), dec.dilated, strict=True):
        padded = F.pad(pooled[0], (rate, rate))
        for weight, bias in zip(layer.weight[:, 0], layer.bias, strict=True):
            channels.append(sum(weight[tap] * padded[tap * rate :][:6].mean() for tap in range(3)) + bias)
    for weight, bias in zip(dec.pointwise.weight[:, 0, 0], dec.pointwise.bias, strict=True):
        channels.append((weight * pooled[0] + bias).clamp(min=0).mean())
    expected = torch.stack(channels) / (1 + dec.norm.eps) ** 0.5
    logits, embedding = dec(pooled)
    torch.testing.assert_close(embedding[0], expected)
    torch.testing.assert_close(logits[0], dec.classifier(expected))


def test_de_gives_unit_vectors_at_each_location() -> None:
    compact = DomainEnhancement(12, 4).eval()(noise(3, 12, 10))
    assert compact.shape == (3, 4, 10)
    torch.testing.assert_close(compact.norm(dim=1), torch.ones(3, 10))


@pytest.mark.parametrize("softmax", ["once", "twice"])
def test_fat_is_a_distribution_over_locations(softmax: str) -> None:
    weights = FeatureAdaptiveTemperature(4, softmax=softmax)(noise(3, 4, 10))
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(3, 4))


def test_the_second_softmax_of_fat_flattens_the_first() -> None:
    once, twice = (FeatureAdaptiveTemperature(4, softmax=softmax) for softmax in ("once", "twice"))
    twice.load_state_dict(once.state_dict())
    peaked, flat = once(noise(1, 4, 144)), twice(noise(1, 4, 144))
    assert flat.max() <= torch.e * flat.min() < peaked.max()
    torch.testing.assert_close(flat, peaked.softmax(dim=2))


def test_msf_is_never_negative() -> None:
    fused = MultiScaleFusion(12, 4, out_channels=8)(noise(3, 12, 10), noise(3, 4, 10, seed=1))
    assert fused.shape == (3, 8, 10)
    assert fused.min() == 0 < fused.max()


def test_a_grid_keeps_where_things_lie_and_a_quarter_turn_moves_its_cells() -> None:
    grid, maps = GridEmbedding(12, 2, 5), noise(3, 12, 8, 8)
    cells = grid(maps).reshape(3, 2, 2, 5)
    torch.testing.assert_close(cells[:, 0, 1], grid.project(maps[:, :, :4, 4:].mean((2, 3))))
    torch.testing.assert_close(grid(maps.rot90(1, (2, 3))).reshape(3, 2, 2, 5), cells.rot90(1, (1, 2)))


def test_a_grid_starts_with_uncorrelated_numbers_of_one_spread() -> None:
    grid, maps = GridEmbedding(12, 2, 5), noise(50, 12, 8, 8) * torch.arange(1, 13)[:, None, None] + 7
    grid.start_from(maps)
    numbers = grid(maps).reshape(-1, 5)
    torch.testing.assert_close(numbers.mean(0), torch.zeros(5), atol=1e-3, rtol=0)
    torch.testing.assert_close(numbers.T @ numbers / len(numbers), torch.eye(5), atol=1e-3, rtol=0)
    with pytest.raises(ValueError, match="4 cells have no 5"):
        grid.start_from(maps[:1])
