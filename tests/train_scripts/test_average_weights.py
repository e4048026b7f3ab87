"""The mean of weights: a mean, of one network, and readable."""

from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mean_model.checkpoint import load_network, save_model
from mean_model.config import MeanConfig
from mean_model.network import MEAN
from train_scripts.average_weights import average, main

CONFIG = MeanConfig(backbone="convnext_atto", image_size=64, classes=3)


def made(folder: Path, seed: int, config: MeanConfig = CONFIG) -> str:
    """A model folder of random weights; float32, so that a mean can be told to the bit."""
    torch.manual_seed(seed)
    network = MEAN.from_config(config)
    with torch.no_grad():
        for value in network.inference_state_dict().values():
            value.add_(0.1 * torch.randn_like(value))
    save_model(folder, network, config, dtype=torch.float32)
    return str(folder)


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("models")
    return made(folder / "a=1", 0), made(folder / "b", 1)


@cache
def weights(source: str) -> dict[str, torch.Tensor]:
    return load_network(source)[1].inference_state_dict()


@pytest.mark.slow
@settings(max_examples=8)
@given(first=st.floats(0.01, 100), second=st.floats(0, 100))
def test_every_weight_is_the_mean(two, first, second):
    network, config = average([(two[0], first), (two[1], second)])
    a, b, found = weights(two[0]), weights(two[1]), network.inference_state_dict()
    assert config == CONFIG and found.keys() == a.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, (first * a[name] + second * b[name]) / (first + second), rtol=1e-5, atol=1e-6)


def test_a_model_averaged_with_itself_is_itself(two):
    found = average([(two[0], 0.3), (two[0], 0.7)])[0].inference_state_dict()
    assert all(torch.allclose(found[name], value, rtol=1e-6, atol=0) for name, value in weights(two[0]).items())


def test_the_command_line_writes_a_model_of_the_first_ones_input_size(two, tmp_path, capsys):
    other = made(tmp_path / "small", 2, MeanConfig(backbone="convnext_atto", image_size=32, classes=9))
    main([str(tmp_path / "out"), f"{two[0]}=1", f"{other}=1"])
    assert "the mean of 2 models" in capsys.readouterr().out
    _, network, config, _ = load_network(tmp_path / "out")
    assert config.image_size == 64
    assert network.forward(torch.zeros(1, 3, 64, 64)).shape == (1, 320)
    a, b = weights(two[0]), weights(other)
    for name, value in network.inference_state_dict().items():
        torch.testing.assert_close(value, (a[name] + b[name]) / 2, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (["{a}=1"], "at least two models"),
        (["{a}=0", "{b}=0"], "one is above"),
        (["{a}=1", "{b}=-1"], "is no MODEL=SHARE"),
        (["{a}=1", "=1"], "is no MODEL=SHARE"),
        (["{a}=1", "{b}=nan"], "is no MODEL=SHARE"),
        (["{a}=1", "{wide}=1"], "only weights of one network"),
        (["{a}=1", "nowhere=1"], "There are no weights nowhere"),
    ],
)
def test_what_has_no_mean_is_refused(two, tmp_path, refused, parts, said):
    wide = made(tmp_path / "wide", 3, MeanConfig(backbone="convnext_femto", image_size=64, classes=3))
    assert said in refused(main, tmp_path / "out", *(text.format(a=two[0], b=two[1], wide=wide) for text in parts))
    assert not (tmp_path / "out").exists()
