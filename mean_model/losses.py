"""The losses that train MEAN: InfoNCE, CDA, cross-entropy over the heads, and their weighted sum (Sec. III-E)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import ConfigError
from .network import TrainingOutputs


@dataclass(frozen=True)
class LossWeights:
    """How much each loss counts in the total (Eq. 17)."""

    info_nce: float = 1.0
    classification: float = 0.1
    alignment: float = 1.3


UNIVERSITY_1652 = LossWeights(1.0, 0.1, 1.3)
"""The published weights for University-1652."""

SUES_200 = LossWeights(1.0, 0.1, 0.75)
"""The published weights for SUES-200."""


@dataclass(frozen=True)
class Losses:
    """The weighted sum and the terms that it is made of, each a scalar before its weight."""

    total: Tensor
    info_nce: Tensor
    classification: Tensor
    alignment: Tensor


def _full(tensor: Tensor) -> Tensor:
    """The tensor in at least float32."""
    return tensor.float() if tensor.element_size() < 4 else tensor


def info_nce(
    a: Tensor, b: Tensor, scale: Tensor | float, label_smoothing: float = 0.0, same: Tensor | None = None
) -> Tensor:
    """Contrast of matching pairs against all others of the batch, averaged over both directions (Eq. 14).

    Args:
        a: (B, D) embeddings of one view, of any length; row i matches row i of `b`.
        b: (B, D) embeddings of the other view.
        scale: inverse temperature, above 0; `network.logit_scale.exp()` to learn it.
        label_smoothing: share of the target spread evenly over the batch, 0 to 1.
        same: (B, B), true where row i of `a` and row j of `b` show one place although they are no pair: neither counts
            as a negative of the other.
    """
    # Under autocast the product would be rounded to 8 bits before the scale magnifies the error.
    with torch.autocast(a.device.type, enabled=False):
        similarity = scale * F.normalize(_full(a), dim=1) @ F.normalize(_full(b), dim=1).T
    if same is not None:
        return (_contrast(similarity, same, label_smoothing) + _contrast(similarity.T, same.T, label_smoothing)) / 2
    labels = torch.arange(len(a), device=a.device)
    forwards = F.cross_entropy(similarity, labels, label_smoothing=label_smoothing)
    backwards = F.cross_entropy(similarity.T, labels, label_smoothing=label_smoothing)
    return (forwards + backwards) / 2


def _contrast(similarity: Tensor, same: Tensor, label_smoothing: float) -> Tensor:
    """Cross-entropy of each row's own column among those that are not the `same` place; smoothing is over these."""
    likely = similarity.masked_fill(same, -torch.inf).log_softmax(dim=1)
    spread = likely.masked_fill(same, 0).sum(dim=1) / (~same).sum(dim=1)
    return -((1 - label_smoothing) * likely.diagonal() + label_smoothing * spread).mean()


def cross_domain_alignment(
    a: Tensor,
    b: Tensor,
    *,
    cosine_weight: float = 1.0,
    distance_weight: float = 1.0,
    distance: Literal["published", "mean_square"] = "published",
) -> Tensor:
    """CDA: how far the aligned maps of matching photos differ in direction and in value (Eq. 11 to 13).

    Args:
        a: (B, C, L) aligned maps of one view; map i matches map i of `b`.
        b: (B, C, L) aligned maps of the other view.
        cosine_weight: weight of 1 - cosine of the flattened maps, the paper's alpha.
        distance_weight: weight of the second term, the paper's beta.
        distance: "published" is 1 - cosine once more, which the authors' code calls its mean-square error;
            "mean_square" is the paper's Eq. 13, the squared distance of the maps averaged over the pairs. It grows with
            C * L, so its weight must be chosen anew.
    """
    flat_a, flat_b = _full(a).flatten(1), _full(b).flatten(1)
    direction = 1 - F.cosine_similarity(flat_a, flat_b, dim=1).mean()
    if distance == "mean_square":
        return cosine_weight * direction + distance_weight * (flat_a - flat_b).square().sum(dim=1).mean()
    return (cosine_weight + distance_weight) * direction


def classification(logits: Sequence[Tensor], labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy averaged over the heads of one view (Eq. 15 and 16).

    Args:
        logits: (B, classes) of each head.
        labels: (B,) whole numbers below `classes`.
        label_smoothing: share of the target spread evenly over the classes, 0 to 1.
    """
    return torch.stack([F.cross_entropy(head, labels, label_smoothing=label_smoothing) for head in logits]).mean()


def total(
    a: TrainingOutputs,
    b: TrainingOutputs,
    labels: Tensor | None,
    scale: Tensor | float,
    weights: LossWeights = UNIVERSITY_1652,
    *,
    label_smoothing: float = 0.1,
    distance: Literal["published", "mean_square"] = "published",
    same: Tensor | None = None,
) -> Losses:
    """The weighted sum of the losses over a batch of matching photos (Eq. 17).

    Args:
        a: outputs for one view; photo i matches photo i of `b`.
        b: outputs for the other view.
        labels: (B,) the place of each pair, below `classes`; None only where classification has no weight.
        scale: inverse temperature of InfoNCE, as in `info_nce`.
        weights: of the three terms.
        label_smoothing: of InfoNCE only, as published.
        distance: second term of CDA, as in `cross_domain_alignment`.
        same: pairs that are no negatives of each other, as in `info_nce`.

    Raises:
        ConfigError: classification has a weight but there are no labels.
    """
    if labels is None and weights.classification:
        raise ConfigError("Classification has a weight but no labels; pass labels, or LossWeights(classification=0).")
    contrast = info_nce(a.pooled, b.pooled, scale, label_smoothing, same)
    classes = (
        contrast.new_zeros(())
        if labels is None
        else classification(a.logits, labels) + classification(b.logits, labels)
    )
    alignment = cross_domain_alignment(a.aligned, b.aligned, distance=distance)
    weighted = weights.info_nce * contrast + weights.classification * classes + weights.alignment * alignment
    return Losses(weighted, contrast, classes, alignment)
