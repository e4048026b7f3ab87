"""The timing of training runs on a CPU with a tiny setting, and its figures agree with each other."""

import json
from collections.abc import Callable

import pytest
import torch

from tests.helpers import ROOT
from train_scripts.benchmarks import training

CONFIGS = ROOT / "train_scripts" / "configs"
TINY = ["model.backbone=convnext_atto", "model.image_size=32", "batch=4", "accumulate=2", "--rounds=1"]


@pytest.mark.slow
def test_figures_agree(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(CONFIGS / "university1652.toml")
    training.main([config, *TINY, "precision=float32", "--json"])
    found = json.loads(capsys.readouterr().out)
    step_s = found["step_s"]["median"]
    assert found["pairs_per_step"] == 8 and found["images_per_s"] == pytest.approx(16 / step_s)
    assert found["flops_per_s"] / found["matmul_flops_per_s"] == pytest.approx(found["share_of_matmul"])
    # 37,854 pairs in batches of 4, two of them a step, twice
    assert found["schedule"]["steps"] == 2 * 4732 and found["schedule_s"] == pytest.approx(9464 * step_s)
    assert found["readers_needed"] >= found["pairs_per_s"] / found["reading_pairs_per_s"]


@pytest.mark.slow
def test_it_is_said_what_was_measured(capsys: pytest.CaptureFixture[str], refused: Callable[..., str]) -> None:
    training.main([str(CONFIGS / "sues200.toml"), *TINY])
    said = capsys.readouterr().out
    as_published = "float16" if torch.cuda.is_available() else "float32"
    assert f"convnext_atto at 32 px, 8 pairs a step, {as_published}, on " in said
    assert "projected for sues200 as published: 6,000 pairs x 1 epochs = 750 steps" in said
    assert "Only a config with dataset" in refused(training.main, CONFIGS / "starter.toml")
