"""Training of other methods: losses of a second writing, and networks that are saved, loaded and trained on."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mean_model import load_model
from mean_model.checkpoint import save_model
from mean_model.config import MeanConfig
from mean_model.errors import CheckpointError, ConfigError
from mean_model.other_methods.losses import hard_triplet, mutual, within_views
from mean_model.other_methods.networks import OtherConfig, PartsNetwork, fresh
from tests.helpers.training import CONFIGS, alike
from train_scripts.train import read_config
from train_scripts.training.initial_weights import init_other
from train_scripts.training.method_config import Method, MethodLosses, NetworkConfig
from train_scripts.training.method_step import MethodStep, method_losses
from train_scripts.training.places_config import PlacesConfig

METHODS = tuple(method for method in get_args(Method) if method != "mean")
SIDE: dict[str, dict[str, Any]] = {"sdpl": {"output_stride": 8}, "lpn": {"output_stride": 16, "parts": 2}}


def config_of(method: str, **changes: Any) -> PlacesConfig:
    """The published losses of a method over a small network."""
    config = read_config(CONFIGS / "methods" / f"{method}.toml")
    assert isinstance(config, PlacesConfig)
    network = NetworkConfig("convnext_atto", 64, **{"parts": 3, "dropout": 0.0, **SIDE.get(method, {})})
    return replace(config, network=network, model=MeanConfig(classes=6), start="scratch", **changes)


def test_the_hard_triplet_is_that_of_loops() -> None:
    torch.manual_seed(0)
    a, b, labels = torch.randn(5, 7), torch.randn(5, 7), torch.tensor([0, 1, 2, 1, 3])
    rows = torch.cat([a / (a.norm(dim=1, keepdim=True) + 1e-6), b / (b.norm(dim=1, keepdim=True) + 1e-6)])
    both, expected = torch.cat([labels, labels]), []
    for i in range(10):
        others = range(5, 10) if i < 5 else range(5)
        distance = {j: float((rows[i] - rows[j]).norm()) for j in others}
        farthest = max(value for j, value in distance.items() if both[j] == both[i])
        nearest = min(value for j, value in distance.items() if both[j] != both[i])
        expected.append(max(0.0, farthest - nearest + 0.3))
    assert hard_triplet(a, b, labels).item() == pytest.approx(sum(expected) / 10, abs=1e-5)


def test_mutual_learning_and_contrast_within_views_are_their_formulas() -> None:
    torch.manual_seed(1)
    a, b = torch.randn(4, 6), torch.randn(4, 6)
    p, q = a.softmax(1), b.softmax(1)
    assert mutual(a, b).item() == pytest.approx(float((q * (q / p).log()).sum() / 4), abs=1e-5)

    def contrast(x: Tensor) -> float:
        unit = x / x.norm(dim=1, keepdim=True)
        total = 0.0
        for i in range(4):
            logits = [3.0 * float(unit[i] @ unit[j]) for j in range(4)]
            log_sum = math.log(sum(map(math.exp, logits)))
            target = [0.1 / 4 + 0.9 * (i == j) for j in range(4)]
            total -= sum(share * (logit - log_sum) for share, logit in zip(target, logits, strict=True))
        return total / 4

    expected = 0.5 * 0.8 * contrast(a) + 0.5 / 0.8 * contrast(b)
    assert within_views(a, b, 3.0, 0.8, 0.1).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_steps_saves_and_loads(method: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = config_of(method)
    network = init_other(config.embeds, "scratch")  # type: ignore[arg-type]
    step = MethodStep(network, config).train()
    losses = method_losses(step(*torch.randn(2, 4, 3, 64, 64)), torch.tensor([0, 3, 1, 5]), config)
    losses.total.backward()  # type: ignore[no-untyped-call]
    for name, parameter in step.named_parameters():
        assert parameter.grad is not None or not parameter.requires_grad or _untouched(name), name
    weights = {name: getattr(config.losses, name) for name in step.terms}
    total = sum(weight * getattr(losses, name).item() for name, weight in weights.items())
    assert losses.total.item() == pytest.approx(total, rel=1e-5) and set(step.terms)
    network.eval()
    save_model(tmp_path, network, config.embeds, dtype=torch.float32)
    with load_model(tmp_path, device="cpu", precision="float32") as embedder:
        assert embedder.config == config.embeds
        picture = torch.randn(1, 3, 64, 64)
        assert torch.allclose(embedder.network(picture), network(picture), atol=1e-5)  # channels lie otherwise there
    alike(dict(init_other(config.embeds, str(tmp_path)).state_dict()), dict(network.state_dict()))  # type: ignore[arg-type]


def _untouched(name: str) -> bool:
    """The last normalisation of a backbone whose pooled feature no part takes."""
    return name.startswith("network.backbone.head.norm")


def test_instance_losses_are_the_published_sums_over_parts() -> None:
    """LPN adds the cross-entropies of its rings and of both views."""
    torch.manual_seed(0)
    config = config_of("lpn", losses=MethodLosses(instance=2.0))
    step = MethodStep(init_other(config.embeds, "scratch"), config).train()  # type: ignore[arg-type]
    labels = torch.tensor([0, 3, 1, 5])
    outputs = step(*torch.randn(2, 4, 3, 64, 64))
    expected = 0.0
    for view in outputs.logits:
        for part in view.detach().unbind(2):
            expected -= (
                sum(float(row[label] - row.exp().sum().log()) for row, label in zip(part, labels, strict=True)) / 4
            )
    assert method_losses(outputs, labels, config).total.item() == pytest.approx(expected, abs=1e-5)


def test_dac_aligns_the_map_and_its_attention() -> None:
    torch.manual_seed(0)
    config = config_of("dac")
    step = MethodStep(init_other(config.embeds, "scratch"), config).train()  # type: ignore[arg-type]
    outputs = step(*torch.randn(2, 4, 3, 64, 64))
    a, b = (one.transpose(2, 1).reshape(4, -1) for one in outputs.aligned)
    expected = 1 - (F.normalize(a, dim=1) * F.normalize(b, dim=1)).sum() / 4
    found = method_losses(outputs, torch.arange(4), config)
    assert found.alignment.item() == pytest.approx(expected.item(), abs=1e-5)
    assert torch.allclose(outputs.aligned[0][:, -256:].sum(2), torch.ones(4, 256), atol=1e-5)


@pytest.mark.parametrize("backbone", ["resnet10t", "vit_tiny_patch16_224", "swin_s3_tiny_224", "efficientnet_lite0"])
def test_parts_are_made_over_any_backbone(backbone: str) -> None:
    side = 224 if backbone.startswith("swin") else 64
    network = fresh(OtherConfig("FSRA", backbone, side, "heat", 3)).eval()
    assert isinstance(network, PartsNetwork)
    assert network.parts(torch.randn(1, 3, side, side)).shape == (1, 512, 3)


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"2 x 2 is too small for dense rings"):
        fresh(OtherConfig("SDPL", "convnext_atto", 64, "dense_rings", 10)).eval()(torch.randn(1, 3, 64, 64))
    with pytest.raises(ConfigError, match="no 4 square rings"):
        fresh(OtherConfig("LPN", "convnext_atto", 64, "rings", 4)).eval()(torch.randn(1, 3, 64, 64))
    with pytest.raises(ConfigError, match=r"alignment has a weight, but lpn"):
        PlacesConfig(method="lpn", losses=MethodLosses(instance=1.0, alignment=0.5))
    with pytest.raises(ConfigError, match=r"\[losses\] has no weight"):
        PlacesConfig(method="lpn")
    with pytest.raises(ConfigError, match="fsra needs 2 or more"):
        PlacesConfig(method="fsra", network=NetworkConfig(parts=1), losses=MethodLosses(instance=1.0))
    for name, value in (("head", "crown"), ("image_size", "large"), ("mean", [1, 2]), ("backbone", None)):
        with pytest.raises(ConfigError, match=f"{name} is"):
            OtherConfig.from_dict({"method": "LPN", "backbone": "convnext_atto", "image_size": 64, name: value})
    with pytest.raises(ConfigError, match="Unknown setting hat"):
        OtherConfig.from_dict({"hat": 1})
    with pytest.raises(CheckpointError, match="of another backbone"):
        init_other(OtherConfig("LPN", "convnext_pico", 64), "starter")
