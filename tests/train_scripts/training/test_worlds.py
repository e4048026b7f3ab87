"""Training by the clock: settings, resumption, and that it learns."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mean_model.config import MeanConfig
from mean_model.errors import ConfigError, MeanModelError
from mean_model.losses import LossWeights
from tests.helpers.worlds import pack_blocks
from train_scripts.data.simulator.orthophotos import picture_pool
from train_scripts.data.simulator.pairs import FlightRange, Pool, easier, load_pool, places_of, random_pairs
from train_scripts.train import main
from train_scripts.training import worlds, worlds_step
from train_scripts.training.grounds import Grounds
from train_scripts.training.logging import Pace
from train_scripts.training.optimisation import optimizers_of
from train_scripts.training.step import network_input
from train_scripts.training.worlds import centre_embeddings, export, one_step, start_run, train
from train_scripts.training.worlds_config import WorldsConfig

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return load_pool(pack_blocks(tmp_path_factory.mktemp("worlds") / "world_000000.npz", 0, 30, 10))


@pytest.fixture
def config(pool: Pool, tmp_path: Path) -> WorldsConfig:
    flight = easier(FlightRange(tile_m=60), 0.1)
    model = MeanConfig(backbone="convnext_atto", image_size=32, classes=places_of(pool, flight), embedding_channels=16)
    return WorldsConfig(
        out=str(tmp_path / "run"), minutes=60, warmup=0.0, batch=8, worlds_per_batch=1, render_steps=4, bfloat16=False,
        model=model, flight=flight, weights=LossWeights(1.0, 0.1, 0.1),
    )  # fmt: skip


def test_a_mistake_is_one_line_and_leaves_the_arithmetic_as_it_was(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert len(refused(main, tmp_path / "missing.toml").splitlines()) == 1
    assert np.float64(5e-324) * 1.0 > 0  # training flushes such numbers to zero, for its own time only


def test_every_parameter_has_one_optimizer_and_vectors_do_not_decay(config: WorldsConfig) -> None:
    network = start_run(config, CPU).network
    groups = [group for optimizer in optimizers_of(network, 0.05) for group in optimizer.param_groups]
    assert sorted(id(p) for g in groups for p in g["params"]) == sorted(map(id, network.parameters()))
    for group in groups:
        assert group["weight_decay"] == (0.05 if group["params"][0].ndim > 1 else 0)
        assert len({p.ndim > 1 for p in group["params"]}) == 1


@pytest.mark.slow
def test_a_few_steps_on_one_batch_lower_its_loss(config: WorldsConfig, pool: Pool) -> None:
    run = start_run(config, CPU)
    pairs = random_pairs(pool, 16, 32, FlightRange(tile_m=60), torch.Generator().manual_seed(5), worlds_per_batch=1)
    optimizer = torch.optim.AdamW(run.network.parameters(), lr=3e-4)
    totals = []
    for _ in range(12):
        losses = worlds_step.losses_of(run.network, pairs, config)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        totals.append(float(losses.total.detach()))
    assert np.mean(totals[-3:]) < 0.8 * totals[0]


@pytest.mark.slow
def test_a_cut_run_goes_on_and_its_export_embeds(
    config: WorldsConfig, pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = worlds_step.losses_of

    def interrupt_after(count: int) -> None:
        left = iter(range(count))

        def losses_of(*arguments: object) -> object:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return real(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(worlds_step, "losses_of", losses_of)

    interrupt_after(3)
    cut = train(config, Grounds(pool), CPU)
    assert cut.step == 3
    interrupt_after(0)
    reopened = train(config, Grounds(pool), CPU)
    assert reopened.step == 3 and reopened.seconds == pytest.approx(cut.seconds, abs=1)
    for name, value in cut.network.state_dict().items():
        assert torch.equal(value, reopened.network.state_dict()[name]), name
    interrupt_after(2)
    assert train(config, Grounds(pool), CPU).step == 5
    export(reopened, config, tmp_path / "model")
    from mean_model import load_model

    embedder = load_model(str(tmp_path / "model"))
    vectors = embedder.embed([np.zeros((40, 40, 3), np.uint8)])
    assert vectors.shape == (1, 320) and np.linalg.norm(vectors) == pytest.approx(1, abs=1e-3)
    embedder.close()


def test_a_grid_starts_from_the_first_batch_and_frozen_stages_stay(config: WorldsConfig, pool: Pool) -> None:
    model = replace(config.model, stages=3, grid=2, cell_channels=4, embedding_channels=4, aligned_channels=4)
    config = replace(config, model=model, frozen_stages=2, weights=LossWeights(1.0, 0.0, 0.0), learning_rate=0.01)
    run = start_run(config, CPU)
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    pairs = random_pairs(pool, 16, 32, FlightRange(tile_m=60), torch.Generator().manual_seed(5), worlds_per_batch=1)
    centre_embeddings(run.network, pairs, model)
    with torch.no_grad():
        cells = run.network.embedding_of(run.network.backbone.forward_features(
            network_input(torch.cat(pairs.views), CPU, model)
        )).reshape(-1, 4)  # fmt: skip
    torch.testing.assert_close(cells.mean(0), torch.zeros(4), atol=1e-3, rtol=0)
    one_step(run, Grounds(pool), config, Pace(CPU))
    run.seconds = 600
    one_step(run, Grounds(pool), config, Pace(CPU))
    moved = {name for name, value in run.network.state_dict().items() if not torch.equal(value, before[name])}
    assert "grid.project.weight" in moved and any(name.startswith("backbone.stages.2.") for name in moved)
    assert not any(name.startswith(("backbone.stem", "backbone.stages.0.", "backbone.stages.1.")) for name in moved)


def test_a_loss_that_is_not_finite_stops_with_its_step(
    config: WorldsConfig, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = worlds_step.losses_of

    def broken(*arguments: object) -> object:
        losses = real(*arguments)  # type: ignore[arg-type]
        return replace(losses, total=losses.total * float("nan"))

    monkeypatch.setattr(worlds, "backward", broken)
    with pytest.raises(MeanModelError, match="not finite at step 1"):
        train(config, Grounds(pool), CPU)


def test_branches_without_weight_are_left_out_and_change_nothing(config: WorldsConfig, pool: Pool) -> None:
    """The short way through the network gives the same InfoNCE and gradient as the long one."""
    pairs = random_pairs(pool, 8, 32, FlightRange(tile_m=60), torch.Generator().manual_seed(5), worlds_per_batch=1)
    gradients, contrasts = [], []
    for alignment in (0.0, 1e-30):
        weights = LossWeights(info_nce=1.0, classification=0.0, alignment=alignment)
        one = replace(config, weights=weights, bfloat16=False)
        network = start_run(one, CPU).network
        losses = worlds_step.losses_of(network, pairs, one)
        losses.total.backward()
        contrasts.append(float(losses.info_nce.detach()))
        gradients.append([p.grad for p in network.inference_parameters()])
    assert contrasts[0] == pytest.approx(contrasts[1], abs=1e-5)
    for short, whole in zip(*gradients, strict=True):
        assert torch.allclose(short, whole, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("weights", [LossWeights(1.0, 0.0, 0.0), LossWeights(1.0, 0.0, 1e-30)])
@pytest.mark.parametrize("chunk", [2, 3, 7])
def test_gradient_caching_gives_the_gradient_of_the_whole_batch(
    config: WorldsConfig, pool: Pool, chunk: int, weights: LossWeights
) -> None:
    pairs = random_pairs(pool, 8, 32, FlightRange(tile_m=60), torch.Generator().manual_seed(5), worlds_per_batch=1)
    pairs = replace(
        pairs, same=torch.rand(8, 8, generator=torch.Generator().manual_seed(1)).lt(0.2).fill_diagonal_(False)
    )
    found = []
    for size in (0, chunk):
        one = replace(config, weights=weights, chunk=size)
        network = start_run(one, CPU).network
        if size == 7 and weights.alignment:
            with pytest.raises(ConfigError, match="one pair of 8"):
                worlds_step.backward(network, pairs, one)
            return
        losses = worlds_step.backward(network, pairs, one)
        found.append(
            (losses.info_nce.detach(), [network.logit_scale.grad, *(p.grad for p in network.inference_parameters())])
        )
    (whole, gradients), (cached, again) = found
    assert float(cached) == pytest.approx(float(whole), abs=1e-5)
    for one_gradient, other in zip(gradients, again, strict=True):
        assert torch.allclose(one_gradient, other, atol=1e-5)


def test_both_passes_of_gradient_caching_drop_the_same(
    config: WorldsConfig, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = random_pairs(pool, 8, 32, FlightRange(tile_m=60), torch.Generator().manual_seed(5), worlds_per_batch=1)
    one = replace(config, weights=LossWeights(1.0, 0.0, 0.0), chunk=4, model=replace(config.model, drop_path=0.5))
    network, seen = start_run(one, CPU).network, []
    real = worlds_step.embeddings_of

    def noted(*arguments: object) -> torch.Tensor:
        seen.append(real(*arguments))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr(worlds_step, "embeddings_of", noted)
    before = torch.get_rng_state()
    worlds_step.backward(network, pairs, one)
    assert len(seen) == 8 and all(torch.equal(a, b) for a, b in zip(seen[:4], seen[4:], strict=True))
    assert not torch.equal(seen[0], seen[2]) and not torch.equal(before, torch.get_rng_state())


def test_a_run_goes_on_from_pieces_of_its_checkpoint(
    config: WorldsConfig, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, piece_mib=8.0)
    real, left = worlds_step.losses_of, iter(range(2))

    def interrupted(*arguments: object) -> object:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(worlds_step, "losses_of", interrupted)
    cut = train(config, Grounds(pool), CPU)
    checkpoint = Path(config.out) / "last.pt"
    found = sorted(checkpoint.parent.glob("last.pt.0*"))
    assert len(found) > 1 and all(piece.stat().st_size <= 8 * 2**20 for piece in found)
    checkpoint.unlink()
    again = train(config, Grounds(pool), CPU)
    assert again.step == cut.step == 2
    assert all(torch.equal(a, b) for a, b in zip(cut.network.parameters(), again.network.parameters(), strict=True))


def test_a_share_of_the_batch_is_of_pictures(config: WorldsConfig, pool: Pool, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(6):
        coarse = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((90, 70)).save(tmp_path / f"{number}.png")
    model = replace(config.model, image_size=32)
    config = replace(config, pictures=(str(tmp_path),), pictures_share=0.5, worlds="", model=model)
    grounds = Grounds(pool, picture_pool([tmp_path], []))
    own, classes = places_of(pool, config.flight), grounds.places(config.flight)
    generator = torch.Generator().manual_seed(0)
    for _ in range(6):
        pairs = grounds.pairs(config, 1.0, generator)
        assert int((pairs.place >= own).sum()) == 4 and len(pairs.place.unique()) == 8
        assert int(pairs.place.max()) < classes and not pairs.same[:4, 4:].any()
    assert grounds.pairs(replace(config, pictures_share=1.0), 1.0, generator).place.min() >= own
