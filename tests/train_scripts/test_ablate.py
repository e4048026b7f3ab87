"""Table VII by one command: every row with every seed, nothing trained twice, and what the table says."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mean_model.config import MeanConfig
from mean_model.losses import LossWeights
from tests.helpers.worlds import pack_blocks
from train_scripts import ablate
from train_scripts.data.simulator.make_dataset import Size, make_university1652
from train_scripts.data.simulator.pairs import FlightRange, easier, load_pool, places_of
from train_scripts.training import ablate_worlds
from train_scripts.training.places_config import PlacesConfig
from train_scripts.training.worlds_config import WorldsConfig


def test_rows_take_losses_from_the_table_and_all_else_from_the_config() -> None:
    config = PlacesConfig(out="runs/x", epochs=5, learning_rate=7e-4, seed=3)
    runs = list(ablate.runs_of(config, 2))
    assert [(row, one.seed) for row, one in runs] == [(row, seed) for seed in (3, 4) for row in range(6)]
    assert len({one.out for _, one in runs}) == 12
    for _, one in runs:
        assert (one.epochs, one.learning_rate, one.evaluate_every, one.protocols) == (5, 7e-4, 5, ("paper",))
    baseline, full = runs[0][1], runs[5][1]
    assert (baseline.weights, baseline.terms.heads) == (LossWeights(0, 1, 0), ("linear",))
    same = replace(full, out=config.out, directions=config.directions, protocols=config.protocols, evaluate_every=1)
    assert same == config


def test_the_table_names_every_step_that_does_not_improve() -> None:
    found = np.zeros((6, 2, 4)) + np.arange(6)[:, None, None] * 10 + np.array([0, 2])[:, None]
    found[3, :, 0] -= 15
    said = ablate.table(found)
    lines = said.splitlines()
    assert lines[1].split() == ["baseline", *["1.00", "±", "1.41"] * 4] and "84.00" in lines[2]
    assert "PEE+GEE+CEA -5.00 (up with 0 of 2 seeds)" in said and "PEE +10.00 (up with 2 of 2 seeds)" in said
    assert "±" not in ablate.table(found[:, :1])


@pytest.mark.slow
def test_it_trains_each_row_once(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_university1652(tmp_path / "data", Size(train=4, test=2, distractors=0, views=1, size_px=32))
    toml = tmp_path / "config.toml"
    toml.write_text(
        f'dataset = "university1652:{tmp_path / "data"}"\nout = "{tmp_path / "out"}"\nstart = "scratch"\nepochs = 1\n'
        'batch = 4\nworkers = 0\ntensorboard = false\n[model]\nbackbone = "convnext_atto"\nimage_size = 32\n'
        "embedding_channels = 16\naligned_channels = 16\n"
    )
    ablate.main([str(toml), "--seeds", "1"])
    first = capsys.readouterr().out
    assert len(list((tmp_path / "out").glob("table7_*_seed1/last/model.safetensors"))) == 6
    monkeypatch.setattr("train_scripts.training.places.train_epoch", None)
    ablate.main([str(toml), "--seeds", "1"])
    assert capsys.readouterr().out == first
    assert "1 or more" in refused(ablate.main, toml, "--seeds", 0)


def packed(folder: Path, name: str, seed: int) -> Path:
    return pack_blocks(folder / name, seed, 20, 10)


@pytest.fixture
def simulated(tmp_path: Path) -> list[str]:
    toml = tmp_path / "worlds.toml"
    toml.write_text(
        f'worlds = "{packed(tmp_path / "trained", "world_000001.npz", 1)}"\nout = "{tmp_path / "out"}"\n'
        "start = 'scratch'\nminutes = 0.03\nbatch = 6\nworlds_per_batch = 1\nrender_steps = 2\nbfloat16 = false\n"
        '[model]\nbackbone = "convnext_atto"\nimage_size = 32\nembedding_channels = 16\naligned_channels = 16\n'
        "[flight]\ntile_m = 80\n"
    )
    return [str(toml), "--held-out", str(packed(tmp_path / "held", "world_000002.npz", 2))]


@pytest.mark.slow
def test_losses_on_simulated_pairs_are_trained_once_and_counted(
    simulated: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ablate.main([*simulated, "--seeds", "1"])
    first = capsys.readouterr().out
    lines = first.splitlines()
    assert [line.split("  ")[0] for line in lines[1:5]] == list(ablate_worlds.LOSSES)
    steps = [float(line.split()[-1]) for line in lines[1:5]]
    assert min(steps) >= 1
    monkeypatch.setattr("train_scripts.training.worlds.one_step", None)
    ablate.main([*simulated, "--seeds", "1"])
    assert capsys.readouterr().out == first


def test_every_view_is_asked_and_a_perfect_network_finds_each(tmp_path: Path) -> None:
    """Views that are the tiles, and a network that sees colours at 4 x 4 points."""
    pool = load_pool(packed(tmp_path / "held", "world_000002.npz", 2))
    flight = easier(FlightRange(tile_m=60, visibility_m=(1e9, 1e9), fov_deg=(60, 60)), 0.0)
    config = WorldsConfig(flight=flight, photometry=0.0, bfloat16=False, batch=7, model=MeanConfig(image_size=32))

    class Colours(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            coarse = torch.nn.functional.adaptive_avg_pool2d(x, 4).flatten(1)
            return torch.nn.functional.normalize(coarse, dim=1)

    right, asked = ablate_worlds.found(Colours(), pool, config)  # type: ignore[arg-type]
    assert asked == ablate_worlds.ROUNDS * places_of(pool, flight) == right


def test_worlds_that_are_trained_on_are_not_held_out(
    simulated: list[str], tmp_path: Path, refused: Callable[..., str]
) -> None:
    packed(tmp_path / "held", "world_000001.npz", 1)
    assert "world_000001.npz would be trained on and held out" in refused(ablate.main, *simulated)
    assert "--held-out FOLDER" in refused(ablate.main, *simulated[:1])
