"""Weights to start from: of ImageNet by the Hub, of a folder, of a file, and what does not fit."""

from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save

from mean_model.checkpoint import save_model
from mean_model.errors import CheckpointError, ConfigError
from mean_model.network import MEAN
from mean_model.other_methods.convnext_names import first_release_names
from tests.helpers.fake_hub import fake_hub
from tests.helpers.training import STEADY, alike
from train_scripts.training.initial_weights import brings_embedding, freeze, init_network


def test_imagenet_weights_come_from_the_hub_or_it_is_said_that_they_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = timm.create_model("convnext_atto").state_dict()  # with the classifier of ImageNet, as on the Hub
    with fake_hub() as hub:
        hub.adopt(monkeypatch, tmp_path)
        with pytest.raises(CheckpointError, match="The ImageNet weights of convnext_atto are not in the Hub's cache"):
            init_network(STEADY, "imagenet")
        hub.add("timm/convnext_atto.d2_in1k", {"model.safetensors": save(weights)})
        started = init_network(STEADY, "imagenet").backbone.state_dict()
    alike(dict(started), {name: value for name, value in weights.items() if not name.startswith("head.fc.")})


def test_weights_to_start_from_must_fit(tmp_path: Path) -> None:
    network = MEAN.from_config(STEADY)
    save_model(tmp_path / "full", network, STEADY, weights="full", dtype=torch.float32)
    save_model(tmp_path / "backbone", network, STEADY, dtype=torch.float32)
    alike(dict(init_network(STEADY, str(tmp_path / "full")).state_dict()), dict(network.state_dict()))
    other = replace(STEADY, classes=9)
    with pytest.raises(CheckpointError, match=r"6 places apart and the dataset holds 9.*start_parts"):
        init_network(other, str(tmp_path / "full"))
    for folder, parts in (("full", "backbone"), ("backbone", "all")):
        started = init_network(other, str(tmp_path / folder), parts)  # type: ignore[arg-type]
        alike(dict(started.inference_state_dict()), dict(network.inference_state_dict()))
    with pytest.raises(CheckpointError, match="backbone convnext_atto and the config asks for convnext_pico"):
        init_network(replace(STEADY, backbone="convnext_pico"), str(tmp_path / "full"))
    timm_file = tmp_path / "timm.pth"
    torch.save({**network.backbone.state_dict(), "head.fc.weight": torch.zeros(1000, 320)}, timm_file)
    alike(dict(init_network(STEADY, str(timm_file)).backbone.state_dict()), dict(network.backbone.state_dict()))
    with pytest.raises(CheckpointError, match=r"timm.pth is of another backbone"):
        init_network(replace(STEADY, backbone="convnext_pico"), str(timm_file))
    theirs = {ours: name for name, ours in first_release_names((2, 2, 6, 2)).items()}
    first = {theirs[name]: value for name, value in network.backbone.state_dict().items()}
    torch.save({"model": {**first, "head.weight": torch.zeros(9, 320), "head.bias": torch.zeros(9)}}, timm_file)
    alike(dict(init_network(STEADY, str(timm_file)).backbone.state_dict()), dict(network.backbone.state_dict()))
    with pytest.raises(CheckpointError, match=r"start from the weights in last or best"):
        init_network(STEADY, str(tmp_path / "last.pt"))
    with pytest.raises(CheckpointError, match=r"no weights nowhere.pth"):
        init_network(STEADY, str(tmp_path / "nowhere.pth"))


def test_weights_of_another_embedding_are_refused_and_frozen_stages_do_not_learn(tmp_path: Path) -> None:
    grid = replace(STEADY, grid=1, stages=3)
    network = MEAN.from_config(grid)
    save_model(tmp_path / "grid", network, grid, dtype=torch.float32)
    started = init_network(grid, str(tmp_path / "grid"), "backbone")
    alike(dict(started.inference_state_dict()), dict(network.inference_state_dict()))
    with pytest.raises(CheckpointError, match="stages 3 and the config 0"):
        init_network(STEADY, str(tmp_path / "grid"))
    with pytest.raises(CheckpointError, match="grid has cell_channels 24 and the config 8"):
        init_network(replace(grid, cell_channels=8), str(tmp_path / "grid"))
    freeze(network, 2)
    still = {name.split(".")[0] for name, one in network.backbone.named_parameters() if not one.requires_grad}
    learning = {name for name, one in network.named_parameters() if one.requires_grad}
    assert still == {"stem", "stages"}
    assert any(".stages.2." in name for name in learning) and not any(".stages.1." in name for name in learning)
    assert {"grid.project.weight", "logit_scale"} <= learning
    for wrong, says in ((5, "choose 0 to 4"), (4, "more than run")):
        with pytest.raises(ConfigError, match=says):
            freeze(network, wrong)


def test_what_brings_an_embedding_is_weights_of_this_project(tmp_path: Path) -> None:
    save_model(tmp_path / "own", MEAN.from_config(STEADY), STEADY)
    torch.save({}, tmp_path / "timm.pth")
    bring = [brings_embedding(str(start)) for start in (tmp_path / "own", "starter", tmp_path / "timm.pth", "imagenet")]
    assert bring == [True, True, False, False]
