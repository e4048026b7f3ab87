"""Cost: the paper's figures, closed forms, and what the command line says."""

import json

import pytest
import torch

from mean_model import MEAN, MeanConfig
from mean_model.errors import ConfigError
from train_scripts import cost as cost_script
from train_scripts.cost import cost


@pytest.fixture(scope="module")
def published():
    return cost(MeanConfig())


def test_the_papers_network_has_the_papers_figures(published):
    """Table I: 36.50 M parameters, 26.18 GFLOPs."""
    assert f"{published.paper_params_m:.2f}" == "36.50"
    assert f"{published.paper_gflops:.2f}" == "26.18"


def test_the_honest_figures_of_the_papers_network(published):
    assert published.params_m == pytest.approx(27.820128)
    assert published.gflops == pytest.approx(2 * 13.0915, abs=1e-3)  # of one photo, where the paper means a pair
    assert published.training_macs > published.inference_macs


def test_the_convention_is_that_of_the_other_rows():
    """ConvNeXt-Base at 384 px stands in the paper's tables with 90.24 GFLOPs: twice the multiply-adds of a photo."""
    assert f"{cost(MeanConfig(backbone='convnext_base')).paper_gflops:.2f}" == "90.24"


def test_work_grows_with_the_area_of_the_photo():
    small, large = (cost(MeanConfig(backbone="convnext_atto", image_size=size)) for size in (64, 128))
    assert large.inference_macs == 4 * small.inference_macs  # all of it is convolution
    assert large.inference_parameters == small.inference_parameters


def test_multiply_adds_equal_a_sum_over_the_layers():
    """Each convolution and linear layer by hand: outputs times the inputs that each takes."""
    config = MeanConfig(backbone="convnext_atto", image_size=64, classes=5)
    network, macs = MEAN.from_config(config).eval(), []

    def count(layer, inputs, output):
        taken = layer.in_features if isinstance(layer, torch.nn.Linear) else layer.weight[0].numel()
        macs.append(output.numel() * taken)

    for layer in network.backbone.modules():
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, 3, 64, 64))
    assert cost(config).inference_macs == sum(macs)


def test_settings_lie_over_the_model():
    assert cost_script.read_config(None, []) == MeanConfig()
    config = cost_script.read_config(None, ["backbone=convnext_pico", "image_size=128", "temperature=1"])
    assert (config.backbone, config.image_size, config.temperature) == ("convnext_pico", 128, 1)
    with pytest.raises(ConfigError, match="no key=value"):
        cost_script.read_config(None, ["convnext_pico"])
    with pytest.raises(ConfigError, match="Unknown setting width"):
        cost_script.read_config(None, ["width=3"])


def test_the_command_line(capsys):
    cost_script.main(["backbone=convnext_atto", "image_size=64", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["config"]["backbone"] == "convnext_atto" and said["gflops_per_photo"] == said["gflops"]
    assert said["params_m"] > said["inference_params_m"]
    cost_script.main(["backbone=convnext_atto", "image_size=64"])
    assert "as the paper counts" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        cost_script.main(["backbone=resnet18"])
    assert end.value.code == 2 and "choose a ConvNeXt" in capsys.readouterr().err
