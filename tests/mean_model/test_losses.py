"""The losses against loops that follow the paper, and against numerical derivatives."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mean_model import losses
from mean_model.errors import ConfigError
from mean_model.losses import LossWeights
from mean_model.network import TrainingOutputs


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def outputs(seed: int, pairs: int = 4, classes: int = 7) -> TrainingOutputs:
    first, second, third = (noise(pairs, classes, seed=seed + i) for i in range(3))
    embedding = noise(pairs, 8, seed=seed)
    return TrainingOutputs(
        noise(pairs, 6, seed=seed),
        (first, second, third),
        (embedding, embedding, embedding),
        noise(pairs, 5, 3, seed=seed),
    )


def info_nce_in_loops(a: Tensor, b: Tensor, scale: float) -> float:
    """Eq. 14, one query at a time."""
    terms = []
    for queries, references in ((a, b), (b, a)):
        for i, query in enumerate(queries):
            scores = [math.exp(scale * float(F.cosine_similarity(query, other, dim=0))) for other in references]
            terms.append(-math.log(scores[i] / sum(scores)))
    return sum(terms) / len(terms)


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), pairs=st.integers(1, 6), scale=st.floats(0.1, 30))
def test_info_nce_is_equation_14(seed: int, pairs: int, scale: float) -> None:
    a, b = noise(pairs, 5, seed=seed), noise(pairs, 5, seed=seed + 1)
    loss = losses.info_nce(a, b, scale)
    assert float(loss) == pytest.approx(info_nce_in_loops(a, b, scale))
    assert float(losses.info_nce(b, a, scale)) == pytest.approx(float(loss))
    assert float(losses.info_nce(7 * a, b / 3, scale)) == pytest.approx(float(loss))
    order = torch.randperm(pairs, generator=torch.Generator().manual_seed(seed))
    assert float(losses.info_nce(a[order], b[order], scale)) == pytest.approx(float(loss))


def test_label_smoothing_mixes_in_the_mean_over_the_batch() -> None:
    a, b = noise(4, 5), noise(4, 5, seed=1)
    logs = (3.0 * F.normalize(a) @ F.normalize(b).T, 3.0 * F.normalize(b) @ F.normalize(a).T)
    target = 0.9 * torch.eye(4, dtype=torch.float64) + 0.1 / 4
    expected = sum(-(target * one.log_softmax(dim=1)).sum(dim=1).mean() for one in logs) / 2
    torch.testing.assert_close(losses.info_nce(a, b, 3.0, label_smoothing=0.1), torch.as_tensor(expected))


def test_losses_keep_full_precision_under_autocast() -> None:
    a, b = noise(16, 64).float(), noise(16, 64, seed=1).float()
    maps_a, maps_b = a.view(16, 8, 8), b.view(16, 8, 8)
    contrast, alignment = losses.info_nce(a, b, 100.0), losses.cross_domain_alignment(maps_a, maps_b)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(losses.info_nce(a, b, 100.0), contrast)
        torch.testing.assert_close(losses.cross_domain_alignment(maps_a, maps_b), alignment)
        assert losses.info_nce(a.bfloat16(), b.bfloat16(), 100.0).dtype == torch.float32
        assert losses.cross_domain_alignment(maps_a.bfloat16(), maps_b.bfloat16()).dtype == torch.float32


def test_info_nce_falls_to_zero_for_perfect_pairs() -> None:
    corners = torch.eye(4)
    assert losses.info_nce(corners, corners, 50.0) < 1e-6 < losses.info_nce(corners, corners.roll(1, 0), 50.0)


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), pairs=st.integers(1, 5))
def test_cda_is_equations_11_to_13(seed: int, pairs: int) -> None:
    a, b = noise(pairs, 4, 3, seed=seed), noise(pairs, 4, 3, seed=seed + 1)
    cosine = sum(float(F.cosine_similarity(x.flatten(), y.flatten(), dim=0)) for x, y in zip(a, b, strict=True)) / pairs
    square = sum(float(((x - y) ** 2).sum()) for x, y in zip(a, b, strict=True)) / pairs
    assert float(losses.cross_domain_alignment(a, b)) == pytest.approx(2 * (1 - cosine))
    paper = losses.cross_domain_alignment(a, b, cosine_weight=0.7, distance_weight=0.2, distance="mean_square")
    assert float(paper) == pytest.approx(0.7 * (1 - cosine) + 0.2 * square)


@pytest.mark.parametrize("distance", ["published", "mean_square"])
def test_cda_is_zero_for_equal_maps_and_positive_else(distance: str) -> None:
    a, b = noise(3, 4, 5), noise(3, 4, 5, seed=1)
    assert float(losses.cross_domain_alignment(a, a, distance=distance)) == pytest.approx(0)
    assert losses.cross_domain_alignment(a, b, distance=distance) > 0


def test_only_the_mean_square_term_sees_the_length_of_a_map() -> None:
    a = noise(3, 4, 5)
    assert float(losses.cross_domain_alignment(a, 2 * a)) == pytest.approx(0)
    assert losses.cross_domain_alignment(a, 2 * a, distance="mean_square") > 1


def test_classification_is_equations_15_and_16_averaged_over_the_heads() -> None:
    heads, labels = [noise(3, 5, seed=i) for i in range(3)], torch.tensor([4, 0, 2])
    terms = [
        -math.log(float(row.exp()[y] / row.exp().sum())) for head in heads for row, y in zip(head, labels, strict=True)
    ]
    assert float(losses.classification(heads, labels)) == pytest.approx(sum(terms) / len(terms))


@pytest.mark.parametrize(
    "loss",
    [
        lambda a, b, scale: losses.info_nce(a.flatten(1), b.flatten(1), scale, 0.1),
        lambda a, b, scale: losses.cross_domain_alignment(a, b),
        lambda a, b, scale: losses.cross_domain_alignment(a, b, distance="mean_square"),
        lambda a, b, scale: losses.classification([a.flatten(1), b.flatten(1)], torch.tensor([0, 5, 2])),
    ],
    ids=["info_nce", "cda", "cda_mean_square", "classification"],
)
def test_gradients_are_the_derivatives(loss) -> None:
    a, b = noise(3, 2, 4).requires_grad_(), noise(3, 2, 4, seed=1).requires_grad_()
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (a, b, scale))


def test_the_total_is_the_weighted_sum_of_its_terms() -> None:
    a, b, labels = outputs(0), outputs(10), torch.tensor([0, 6, 2, 2])
    summed = losses.total(a, b, labels, 5.0, LossWeights(2, 3, 5))
    assert float(summed.info_nce) == pytest.approx(float(losses.info_nce(a.pooled, b.pooled, 5.0, 0.1)))
    both = losses.classification(a.logits, labels) + losses.classification(b.logits, labels)
    assert float(summed.classification) == pytest.approx(float(both))
    assert float(summed.alignment) == pytest.approx(float(losses.cross_domain_alignment(a.aligned, b.aligned)))
    expected = 2 * summed.info_nce + 3 * summed.classification + 5 * summed.alignment
    torch.testing.assert_close(summed.total, expected)


def test_presets_are_the_published_weights() -> None:
    assert LossWeights(info_nce=1.0, classification=0.1, alignment=1.3) == losses.UNIVERSITY_1652 == LossWeights()
    assert LossWeights(info_nce=1.0, classification=0.1, alignment=0.75) == losses.SUES_200


def test_labels_may_lack_only_without_classification() -> None:
    summed = losses.total(outputs(0), outputs(10), None, 5.0, LossWeights(classification=0))
    assert summed.classification == 0
    with pytest.raises(ConfigError, match="no labels; pass labels, or"):
        losses.total(outputs(0), outputs(10), None, 5.0)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**31), pairs=st.integers(2, 9), smoothing=st.floats(0, 0.5))
def test_pairs_of_one_place_are_no_negatives(seed: int, pairs: int, smoothing: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, pairs, 5, generator=generator, dtype=torch.float64)
    same = (torch.rand(pairs, pairs, generator=generator) < 0.4).fill_diagonal_(False)
    similarity = (7.0 * F.normalize(a, dim=1) @ F.normalize(b, dim=1).T).tolist()

    def slowly(own: int, logits: list[float], left_out: list[bool]) -> float:
        kept = [math.exp(logit) for logit, out in zip(logits, left_out, strict=True) if not out]
        shares = [math.log(one / sum(kept)) for one in kept]
        right = math.log(math.exp(logits[own]) / sum(kept))
        return -(1 - smoothing) * right - smoothing * sum(shares) / len(shares)

    rows = [slowly(i, similarity[i], same[i].tolist()) for i in range(pairs)]
    columns = [slowly(j, [row[j] for row in similarity], same[:, j].tolist()) for j in range(pairs)]
    expected = (sum(rows) + sum(columns)) / (2 * pairs)
    assert float(losses.info_nce(a, b, 7.0, smoothing, same)) == pytest.approx(expected, abs=1e-6)


def test_no_pairs_of_one_place_are_as_if_none_were_named() -> None:
    a, b = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
    nothing = torch.zeros(6, 6, dtype=torch.bool)
    assert torch.allclose(losses.info_nce(a, b, 9.0, 0.1, nothing), losses.info_nce(a, b, 9.0, 0.1))


def test_what_is_no_negative_has_no_gradient() -> None:
    a, b = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    b.requires_grad_()
    same = torch.tensor([[False, False, True], [False, False, True], [True, True, False]])
    losses.info_nce(a, b, 9.0, 0.1, same).backward()
    assert b.grad is not None and b.grad[2].abs().max() < 1e-7 < b.grad[0].abs().max()
