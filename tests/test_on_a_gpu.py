"""What a CPU gives, a GPU gives too: pairs, gradients, runs that go on. Skipped where there is none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mean_model.config import MeanConfig
from mean_model.losses import LossWeights
from train_scripts.data.simulator.pairs import FlightRange, Pool, random_pairs
from train_scripts.data.simulator.renderer import Surfaces
from train_scripts.data.simulator.sensor import weather
from train_scripts.training.grounds import Grounds, prepared
from train_scripts.training.worlds import export, start_run, train
from train_scripts.training.worlds_config import WorldsConfig
from train_scripts.training.worlds_step import backward

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU"),
]

FLIGHT = FlightRange(tile_m=100, from_above=0.5, tile_sides=(0.8, 1.2))


@pytest.fixture(scope="module")
def pool() -> Pool:
    random = np.random.default_rng(0)
    blocks = random.integers(20, 235, (2, 40, 40, 3), dtype=np.uint8).repeat(12, 1).repeat(12, 2)
    heights = random.uniform(0, 20, (2, 40, 40)).repeat(12, 1).repeat(12, 2).astype(np.float16)
    surfaces = Surfaces.stack(
        torch.from_numpy(blocks), torch.from_numpy(heights), 2.0, [-480.0] * 2, [480.0] * 2, torch.from_numpy(blocks)
    )
    return Pool(surfaces, torch.tensor([[0.0, 0.0, 1.0]] * 2), 2, 1, 960.0)


def config(out: Path | str = "", **changes: object) -> WorldsConfig:
    model = MeanConfig(backbone="convnext_atto", image_size=64, embedding_channels=16, aligned_channels=16)
    whole = WorldsConfig(out=str(out), batch=16, render_steps=8, model=model, flight=FLIGHT, minutes=0.1)
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_pairs_are_those_of_a_cpu(pool: Pool) -> None:
    """But for the noise of the sensor, which is drawn where it is used."""
    pairs = [
        random_pairs(on, 24, 64, FLIGHT, torch.Generator().manual_seed(3), photometry_strength=0.0)
        for on in (pool, pool.to("cuda"))
    ]
    assert pairs[1].drone.is_cuda and torch.equal(pairs[0].place, pairs[1].place.cpu())
    assert torch.equal(pairs[0].same, pairs[1].same.cpu())
    for here, there in zip(pairs[0].views, pairs[1].views, strict=True):
        far = (here - there.cpu()).abs().mean(1)
        assert float((far > 2).float().mean()) < 0.02  # rays that graze an edge may fall to either side of it


def test_weather_is_made_on_the_gpu() -> None:
    pictures = torch.rand(64, 3, 48, 48, device="cuda") * 255
    struck = weather(pictures, torch.Generator().manual_seed(0), 1.0)
    assert struck.is_cuda and float(struck.min()) >= 0 and float(struck.max()) <= 255
    assert not torch.equal(struck, pictures)


@pytest.mark.parametrize("weights", [LossWeights(1.0, 0.0, 0.0), LossWeights(1.0, 0.1, 1.3)])
def test_gradient_caching_agrees_with_the_whole_batch(pool: Pool, weights: LossWeights) -> None:
    device = torch.device("cuda")
    pairs = random_pairs(pool.to(device), 16, 64, FLIGHT, torch.Generator().manual_seed(3))
    found = []
    for chunk in (0, 8):
        one = config(chunk=chunk, weights=weights, bfloat16=False)
        one = prepared(one, Grounds(pool))
        network = start_run(one, device).network
        found.append(float(backward(network, pairs, one).info_nce.detach()))
    assert found[0] == pytest.approx(found[1], rel=1e-3)


def test_a_run_learns_goes_on_and_is_exported(pool: Pool, tmp_path: Path) -> None:
    device = torch.device("cuda")
    grounds = Grounds(pool).to(device)
    one = prepared(config(tmp_path / "run", piece_mib=8.0), grounds)
    first = train(one, grounds, device)
    (tmp_path / "run" / "last.pt").unlink()
    again = train(replace(one, minutes=0.2), grounds, device)
    assert again.step > first.step > 0
    export(again, one, tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").stat().st_size > 1e6
