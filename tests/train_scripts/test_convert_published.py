"""Converting the authors' files: accounted for, compared, and nothing in them run."""

from pathlib import Path

import pytest
import torch

import train_scripts.convert_published as program
from mean_model.checkpoint import load_network
from mean_model.config import MeanConfig
from mean_model.network import MEAN
from mean_model.published import DROPPED, RENAMED
from train_scripts.convert_published import main


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as the authors' code would have saved it."""
    torch.manual_seed(0)
    state = MEAN.from_config(MeanConfig(classes=120)).state_dict()
    theirs = {name: state[ours] for name, ours in RENAMED.items()} | {name: torch.zeros(1) for name in DROPPED}
    file = tmp_path_factory.mktemp("published") / "weights_sues.pth"
    torch.save({f"module.{name}": value for name, value in theirs.items()}, file)
    return file


@pytest.mark.slow
def test_the_folder_gives_the_embeddings_of_the_file(published, tmp_path, capsys):
    assert main([str(published), str(tmp_path / "mean")]) == 0
    told = capsys.readouterr().out
    assert told.startswith("257 tensors: 251 kept, 6 left out\n") and "w_blocks3: " in told
    assert told.endswith("embeddings equal bit by bit\n")
    _, network, config, _ = load_network(tmp_path / "mean")
    _, original, _, _ = load_network(published)
    assert config.classes == 120 and network.state_dict().keys() == original.state_dict().keys()
    assert all(torch.equal(value, original.state_dict()[name]) for name, value in network.state_dict().items())
    assert "SUES-200" in (tmp_path / "mean" / "README.md").read_text()


def test_half_precision_is_a_third_of_the_size_and_nearly_equal(published, tmp_path, capsys):
    assert main([str(published), str(tmp_path / "half"), "--half"]) == 0
    assert "embeddings equal to a cosine of " in capsys.readouterr().out
    assert (tmp_path / "half" / "model.safetensors").stat().st_size < 0.4 * published.stat().st_size
    assert load_network(tmp_path / "half")[2].image_size == 384


def test_a_folder_that_disagrees_is_not_called_converted(published, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(program, "_agreement", lambda *_: 0.99)
    assert main([str(published), str(tmp_path / "bad")]) == 2
    assert "bad gives other embeddings than weights_sues.pth (cosine 0.990000)" in capsys.readouterr().err


class Hostile:
    """Unpickling this would run code."""

    def __reduce__(self):
        return print, ("this must never be printed",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (Hostile(), "w.pth cannot be read safely as a plain state dict"),
        ({"state_dict": {}}, "w.pth holds more or other than named tensors"),
        ({"model.stem.0.weight": torch.zeros(1)}, "w.pth is of Sample4Geo and needs no conversion"),
        ({"model_1.DEG.FC1.weight": torch.zeros(1)}, "w.pth: These are not the weights of a published MEAN"),
    ],
    ids=["hostile", "nested", "another method", "half of it"],
)
def test_what_is_no_published_mean_is_refused(content, said, tmp_path, capsys):
    torch.save(content, tmp_path / "w.pth")
    assert main([str(tmp_path / "w.pth"), str(tmp_path / "out")]) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"convert_published: {said}") and not told.out and not (tmp_path / "out").exists()
