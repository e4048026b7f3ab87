"""Cost: the paper's figures, closed forms, and what the command line says."""

import json

import pytest
import timm
import torch
from safetensors.torch import save_file

from mean_model import MEAN, MeanConfig
from mean_model.errors import ConfigError
from mean_model.other_methods.networks import OtherConfig, PartsNetwork, build
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


def by_hand(network, images):
    """Multiply-adds of each convolution and linear layer: outputs times the inputs that each takes."""
    macs = []

    def count(layer, inputs, output):
        taken = layer.in_features if isinstance(layer, torch.nn.Linear) else layer.weight[0].numel()
        macs.append(output.numel() * taken)

    for layer in network.modules():
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(images)
    return sum(macs)


def test_multiply_adds_equal_a_sum_over_the_layers():
    config = MeanConfig(backbone="convnext_atto", image_size=64, classes=5)
    assert cost(config).inference_macs == by_hand(MEAN.from_config(config).eval(), torch.zeros(1, 3, 64, 64))


def brought_to_life(config):
    """The network with memory for its weights, random ones."""
    network = build(config)
    if next(network.parameters()).is_meta:
        network = network.to_empty(device="cpu")
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.05)
    return network


@pytest.mark.parametrize(
    "config",
    [
        OtherConfig("Sample4Geo", "convnext_atto", 64),
        OtherConfig("MCCG", "convnext_atto", 64, "gates", 3),
        OtherConfig("LPN", "resnet50", 64, "rings", 2),
        OtherConfig("timm", "test_resnet", 64),
    ],
    ids=lambda config: config.method,
)
def test_other_methods_count_what_runs(config):
    """All layers of both passes where the mirror image is added, and only parameters that change the embedding."""
    counted, network = cost(config), brought_to_life(config)
    assert counted.inference_macs == by_hand(network, torch.zeros(1, 3, 64, 64))
    if isinstance(network, PartsNetwork):
        one_pass = by_hand(network.backbone, torch.zeros(1, 3, 64, 64))
        assert counted.inference_macs > 2 * one_pass
    network(torch.randn(2, 3, 64, 64)).square().sum().backward()
    needed = [parameter for parameter in network.parameters() if parameter.grad is not None]
    assert counted.inference_parameters == sum(parameter.numel() for parameter in needed)
    assert counted.dimension == network.dimension


def test_attention_is_counted_with_the_linear_layers():
    """Scores and their sums over the values: 2 N N C multiply-adds a block beside those of the layers."""
    config = OtherConfig("timm", "test_vit", 160)
    network = brought_to_life(config)
    tokens, blocks = 1 + (160 // 16) ** 2, network.backbone.blocks
    attention = len(blocks) * 2 * tokens**2 * network.dimension
    assert cost(config).inference_macs == by_hand(network, torch.zeros(1, 3, 160, 160)) + attention


def test_published_sizes_of_other_methods():
    """The papers' own rows: Sample4Geo 87.57 M and 90.24 GFLOPs."""
    counted = cost(OtherConfig("Sample4Geo", "convnext_base", 384))
    assert (f"{counted.params_m:.2f}", f"{counted.paper_gflops:.2f}", counted.dimension) == ("87.57", "90.24", 1024)


def test_settings_lie_over_the_model():
    assert cost_script.read_config(None, []) == MeanConfig()
    config = cost_script.read_config(None, ["backbone=convnext_pico", "image_size=128", "temperature=1"])
    assert (config.backbone, config.image_size, config.temperature) == ("convnext_pico", 128, 1)
    with pytest.raises(ConfigError, match="no key=value"):
        cost_script.read_config(None, ["convnext_pico"])
    with pytest.raises(ConfigError, match="Unknown setting width"):
        cost_script.read_config(None, ["width=3"])


def test_the_command_line(capsys, refused):
    cost_script.main(["backbone=convnext_atto", "image_size=64", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["config"]["backbone"] == "convnext_atto" and said["gflops_per_photo"] == said["gflops"]
    assert said["params_m"] > said["inference_params_m"]
    cost_script.main(["backbone=convnext_atto", "image_size=64"])
    assert "as the paper counts" in capsys.readouterr().out
    assert "choose a ConvNeXt" in refused(cost_script.main, "backbone=vit_small_patch16_224")


def test_the_command_line_takes_files_of_other_methods(tmp_path, capsys, refused):
    weights = tmp_path / "theirs.safetensors"
    save_file(timm.create_model("test_convnext", num_classes=10).state_dict(), weights)
    line = ["--model", f"timm:test_convnext={weights}"]
    cost_script.main(line)
    words = capsys.readouterr().out
    assert "test_convnext, 160 px, timm, embeddings of 64 numbers" in words and "in training" not in words
    cost_script.main([*line, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["config"]["method"] == "timm" and said["counts"]["dimension"] == 64
    said = refused(cost_script.main, *line, "image_size=64")
    assert "Settings change a MEAN and no network of timm: leave image_size out." in said
