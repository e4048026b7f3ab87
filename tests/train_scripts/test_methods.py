"""All methods by one trainer: what they share, what fits a budget, and the table."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mean_model import load_model
from mean_model.errors import ConfigError
from train_scripts import methods
from train_scripts.data.simulator.make_dataset import Size, make_university1652
from train_scripts.methods import METHODS, Shared, config_of, gain, main

SMALL = Shared("convnext_atto", 64, "scratch")


def test_all_methods_share_a_schedule_and_keep_their_losses() -> None:
    assert METHODS[0] == "mean" and {"lpn", "fsra", "sample4geo", "dac"} < set(METHODS)
    same = set()
    for method in METHODS:
        config, published = config_of(method, SMALL, ["batch=8"]), config_of(method, None, [])
        same.add((config.optimizer, config.learning_rate, config.batch, config.sampling, config.embeds.image_size))
        assert config.losses == published.losses and config.weights == published.weights
        assert config.embeds.backbone == "convnext_atto" != published.embeds.backbone
    assert same == {("adamw", 1e-3, 8, "pairs", 64)}
    assert config_of("lpn", SMALL, []).network.output_stride == 8
    assert config_of("fsra", SMALL, []).network.output_stride == 0
    with pytest.raises(ConfigError, match="sdpl needs a map of 8 x 8: take an image size of 64"):
        config_of("sdpl", Shared("convnext_atto", 48, "scratch"), [])
    with pytest.raises(ConfigError, match="Unknown setting hat"):
        config_of("lpn", SMALL, ["hat=1"])


def test_the_gain_is_in_standard_errors() -> None:
    def trial(share: float) -> list[dict[str, object]]:
        return [{"recall": {"1": share}, "queries": 100}]

    assert gain({"before": trial(10.0), "after": trial(50.0)}) == pytest.approx(0.4 / (0.0034**0.5))
    assert gain({"before": trial(0.0), "after": trial(0.0)}) == 0


@pytest.mark.slow
def test_the_table_is_trained_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    make_university1652(tmp_path / "data", Size(train=4, test=3, distractors=1, views=2, size_px=40))
    given = [
        "--dataset", f"university1652:{tmp_path / 'data'}", "--budget", "0.0001", "--methods", "info_nce,fsra",
        "--out", str(tmp_path / "out"), "--backbone", "convnext_atto", "--image-size", "64", "--start", "scratch",
        "batch=2", "workers=0", "tensorboard=false",
    ]  # fmt: skip
    main(given)
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines() if line.startswith(("InfoNCE", "FSRA"))]
    assert [line[0] for line in lines] == ["InfoNCE", "FSRA"] and lines[0][4] == "1"
    with load_model(tmp_path / "out" / "fsra" / "last", device="cpu") as embedder:
        assert embedder.dimension == 4 * 512
    monkeypatch.setattr(methods, "train", None)
    main([*given, "--markdown"])
    assert capsys.readouterr().out.startswith("| Method | Params (M)")
    assert "there is no method hat" in refused(main, *given[:4], "--methods", "hat")
