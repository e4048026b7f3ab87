"""Muon: orthogonal updates, and that it optimises."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train_scripts.training.muon import Muon, orthogonalised


@given(st.integers(2, 12), st.integers(2, 12), st.integers(0, 1000), st.floats(1e-3, 1e3))
def test_singular_values_come_near_one_and_directions_stay(rows: int, columns: int, seed: int, size: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    u, _ = torch.linalg.qr(torch.randn(rows, rows, generator=generator))
    v, _ = torch.linalg.qr(torch.randn(columns, columns, generator=generator))
    rank = min(rows, columns)
    values = torch.linspace(0.2, 1, rank) * size
    matrix = u[:, :rank] @ torch.diag(values) @ v[:, :rank].T
    result = orthogonalised(matrix)
    core = u[:, :rank].T @ result @ v[:, :rank]
    assert torch.diagonal(core).min() > 0.5 and torch.diagonal(core).max() < 1.3
    assert (core - torch.diag(torch.diagonal(core))).abs().max() < 1e-2  # the singular vectors are kept


def test_a_convolution_is_the_matrix_of_its_taps() -> None:
    gradient = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    flat, convolution = torch.zeros(4, 12, requires_grad=True), torch.zeros(4, 3, 2, 2, requires_grad=True)
    flat.grad, convolution.grad = gradient.flatten(1).clone(), gradient.clone()
    Muon([flat, convolution], lr=0.1).step()
    assert torch.allclose(flat, convolution.flatten(1))
    assert flat.abs().max() > 0


def test_it_solves_a_least_squares_problem_and_decays_idle_weights() -> None:
    generator = torch.Generator().manual_seed(1)
    truth, x = torch.randn(6, 5, generator=generator), torch.randn(64, 5, generator=generator)
    weight = torch.zeros(6, 5, requires_grad=True)
    optimizer = Muon([weight], lr=0.2)
    losses = []
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 0.2 * (1 - step / 200)
        loss = (x @ (weight - truth).T).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]
    idle = torch.ones(2, 2, requires_grad=True)
    idle.grad = torch.zeros(2, 2)
    Muon([idle], lr=0.1, weight_decay=0.5).step()
    assert idle.detach().mean() == pytest.approx(0.95)
