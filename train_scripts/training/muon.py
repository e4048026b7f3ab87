"""Muon: momentum orthogonalised by Newton-Schulz iteration, for the matrices of a network.

torch.optim.Muon takes two-dimensional weights only; most of ConvNeXt's matrices are 1 x 1 and 2 x 2 convolutions. Here
a convolution counts as the matrix (outputs, inputs * taps). Source: Jordan et al., "Muon" (2024); the scale that makes
one learning rate fit Muon and AdamW is that of Liu et al., "Muon is scalable for LLM training" (2025), Sec. 2.2.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration, chosen by Jordan et al. for speed over precision
ITERATIONS = 5


def orthogonalised(matrix: Tensor) -> Tensor:
    """The matrix (R, C) with its singular values brought near 1 (between about 0.7 and 1.2)."""
    a, b, c = COEFFICIENTS
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum whose steps are orthogonalised; weights decay as in AdamW.

    Args:
        parameters: weights of two or more dimensions, or groups of them.
        lr: as for AdamW on the same weights.
        momentum: of the gradients, 0 to 1.
        weight_decay: share of the weights lost per unit of learning rate.
    """

    def __init__(
        self, parameters: Iterable[Any], lr: float = 1e-3, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One update; closures are not used."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                gradient = parameter.grad.flatten(1)
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(gradient)
                momentum = state["momentum"].lerp_(gradient, 1 - group["momentum"])
                update = orthogonalised(gradient.lerp(momentum, group["momentum"]))
                scale = 0.2 * max(update.shape) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update.reshape(parameter.shape), alpha=-group["lr"] * scale)
