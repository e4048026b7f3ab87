"""Table VII by one command: every row with every seed, nothing trained twice, and what the table says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mean_model.losses import LossWeights
from train_scripts import ablate
from train_scripts.data.make_dataset import Size, make_university1652
from train_scripts.places_config import PlacesConfig


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


def test_it_trains_each_row_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
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
    monkeypatch.setattr("train_scripts.train_places.train_epoch", None)
    ablate.main([str(toml), "--seeds", "1"])
    assert capsys.readouterr().out == first
    with pytest.raises(SystemExit):
        ablate.main([str(toml), "--seeds", "0"])
    assert "one seed or more" in capsys.readouterr().err
