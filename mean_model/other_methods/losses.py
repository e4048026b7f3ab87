"""The losses that train other methods: hard triplets across views, mutual learning, and contrast within a view."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..losses import info_nce


def hard_triplet(a: Tensor, b: Tensor, labels: Tensor, margin: float = 0.3) -> Tensor:
    """Of each row the farthest of its place in the other view is to be nearer than the nearest of another place.

    As FSRA and MCCG train it (Hermans et al., 2017, between views): distances of rows brought to length 1, the mean
    over the rows of both views.

    Args:
        a, b: (B, D) embeddings of the two views.
        labels: (B,) the place of row i of both; at least two places.
        margin: by which it is to be nearer.
    """
    a, b = (one.float() / (one.float().norm(dim=1, keepdim=True) + 1e-6) for one in (a, b))
    squares = a.square().sum(1)[:, None] + b.square().sum(1)[None, :] - 2 * a @ b.T
    distance = squares.clamp(min=1e-6).sqrt()
    same = labels[:, None] == labels[None, :]
    losses = []
    for of_view, mine in ((distance, same), (distance.T, same.T)):
        farthest = of_view.masked_fill(~mine, -torch.inf).amax(1)
        nearest = of_view.masked_fill(mine, torch.inf).amin(1)
        losses.append((farthest - nearest + margin).relu())
    return torch.cat(losses).mean()


def mutual(a: Tensor, b: Tensor) -> Tensor:
    """Kullback-Leibler divergence between the views' class probabilities. Args: a, b: logits (B, classes)."""
    return F.kl_div(a.float().log_softmax(1), b.float().softmax(1), reduction="batchmean")


def within_views(
    a: Tensor, b: Tensor, scale: Tensor | float, share: Tensor | float, label_smoothing: float = 0.0
) -> Tensor:
    """CAMP's contrast of each picture with the others of its own view, halved and weighed by `share` and its inverse.

    Args:
        a, b: (B, D) features of the two views.
        scale: inverse temperature.
        share: learnt; the first view counts share / 2 and the second 1 / (2 share).
        label_smoothing: as in `mean_model.losses.info_nce`.
    """
    first, second = (info_nce(one, one, scale, label_smoothing) for one in (a, b))
    return 0.5 * share * first + 0.5 / share * second
