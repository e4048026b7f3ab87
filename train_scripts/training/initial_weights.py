"""How a network begins: from ImageNet weights, from a file, or from scratch for a short schedule."""

from __future__ import annotations

import logging
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mean_model.checkpoint import AbsentBranch, load_model, load_network
from mean_model.config import MeanConfig
from mean_model.errors import CheckpointError, ConfigError
from mean_model.network import MEAN
from mean_model.other_methods.convnext_names import first_release_names, size_of
from mean_model.other_methods.networks import OtherConfig, OtherNetwork, PartsNetwork, fresh
from mean_model.other_methods.resnets import ResNetMap
from train_scripts.training.lite0_package import BACKBONE, package_weights

_FIRST_RELEASE = "downsample_layers.0.0.weight"
"""A tensor that a ConvNeXt has by this name in its first release only."""

log = logging.getLogger("train")

Parts = Literal["all", "backbone"]


def init_network(config: MeanConfig, start: str, parts: Parts = "all", gamma: float = 0.3) -> MEAN:
    """A network to train.

    Args:
        config: of the network.
        start: "imagenet" for the backbone's weights, those that a package brings (`lite0_package`) or timm's, which
            may be downloaded from the Hub; "scratch"; weights of this project (anything `load_model` takes); or a
            file of a timm backbone's tensors (.safetensors, .pth), which must fit name by name.
        parts: "all" of this project's weights, or only their backbone.
        gamma: layer scale at the start from scratch.

    Raises:
        CheckpointError: the weights are not there, or are of another backbone or number of places.
    """
    if start == "imagenet":
        return _imagenet(config)
    network = MEAN.from_config(config)
    if start == "scratch":
        initialise(network, gamma)
        return network
    path = Path(start).expanduser()
    if path.name == "last.pt":
        raise CheckpointError("last.pt is the state of a run: start from the weights in last or best beside it.")
    if _is_bare(path):
        state = _timm_names(_tensors(path))
        if any(name.startswith(("stem.", "stem_", "conv_stem.")) for name in state):
            load_backbone(network, state, path.name, _whole_backbone(config))
            return network
    name, source, settings, _ = load_network(start)
    if settings.backbone != config.backbone:
        raise CheckpointError(
            f"{name} has the backbone {settings.backbone} and the config asks for {config.backbone}: "
            f"set model.backbone={settings.backbone}, or start from other weights."
        )
    for key in ("stages", "normalisation", "grid", "cell_channels"):
        if getattr(settings, key) != getattr(config, key) and (key != "cell_channels" or config.grid):
            raise CheckpointError(
                f"{name} has {key} {getattr(settings, key)} and the config {getattr(config, key)}: "
                f"set model.{key}={getattr(settings, key)}, or start from other weights."
            )
    if parts == "backbone" or isinstance(source.pee, AbsentBranch):
        log.info("starting from the backbone of %s", name)
        network.load_state_dict({**network.state_dict(), **source.inference_state_dict()})
        return network
    if settings.classes != config.classes:
        raise CheckpointError(
            f"{name} was trained to tell {settings.classes} places apart and the dataset holds {config.classes}: "
            'set start_parts = "backbone" to leave its heads behind.'
        )
    own, theirs = network.state_dict(), source.state_dict()
    wrong = [key for key in own if key not in theirs or own[key].shape != theirs[key].shape]
    if wrong:
        raise CheckpointError(
            f"{name} has other branches than the config ({wrong[0]}): take its settings for [model], or set "
            'start_parts = "backbone".'
        )
    log.info("starting from %s", name)
    network.load_state_dict(theirs)
    return network


def brings_embedding(start: str) -> bool:
    """Whether weights to begin from know how to make an embedding, as this project's do, or are a backbone's alone."""
    return start not in ("scratch", "imagenet") and not _is_bare(Path(start).expanduser())


def _is_bare(path: Path) -> bool:
    return path.is_file() and not path.with_name("config.json").is_file()


def freeze(network: MEAN, stages: int) -> None:
    """Let the first stages of the backbone, and what comes before them, stay as they are.

    Raises:
        ConfigError: it does not have so many.
    """
    if not stages:
        return
    taps = network.backbone.feature_info
    parameters = list(network.backbone.named_parameters())
    if not 0 < stages <= len(taps):
        raise ConfigError(f"frozen_stages is {stages}; choose 0 to {len(taps)}.")
    inside = [at for at, (name, _) in enumerate(parameters) if name.startswith(f"{taps[stages - 1]['module']}.")]
    if not inside:
        raise ConfigError(f"frozen_stages is {stages}, more than run: choose fewer.")
    for _, parameter in parameters[: inside[-1] + 1]:
        parameter.requires_grad_(False)


def init_other(config: OtherConfig, start: str, gamma: float = 0.3) -> OtherNetwork:
    """A network of another method to train; heads that no weights are loaded for begin as published.

    Args:
        config: of the network.
        start: as for `init_network`; of weights of this project the backbone is taken, or all of the same network.
        gamma: layer scale at the start from scratch.

    Raises:
        CheckpointError: the weights are not there, or are of another backbone.
    """
    network = fresh(config)
    if isinstance(network, PartsNetwork):
        initialise_heads(network.heads)
    if start == "scratch":
        initialise(network, gamma)
        return network
    path = Path(start).expanduser()
    if start == "imagenet":
        name = "resnet50.tv_in1k" if isinstance(network.backbone, ResNetMap) else config.backbone
        load_backbone(network, _fetched(name), name)
    elif _is_bare(path):
        load_backbone(network, _timm_names(_tensors(path)), path.name)
    else:
        with load_model(start, device="cpu", precision="float32") as source:
            state = source.network.inference_state_dict()
        shapes = [{name: value.shape for name, value in one.items()} for one in (state, network.state_dict())]
        if shapes[0] == shapes[1]:
            network.load_state_dict(state)
        else:
            own = {
                name.removeprefix("backbone."): value for name, value in state.items() if name.startswith("backbone.")
            }
            load_backbone(network, own, start)
    return network


def initialise_heads(heads: nn.ModuleList) -> None:
    """Start of the linear layers before batch normalisations, as LPN's and later code has it."""
    for layer in heads.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
            nn.init.zeros_(layer.bias)


def _fetched(name: str) -> dict[str, Tensor]:
    """The tensors of timm's weights for a backbone, which may be downloaded from the Hub."""
    from huggingface_hub import errors

    try:
        return dict(timm.create_model(name, pretrained=True).state_dict())
    except (OSError, RuntimeError, errors.HTTPError, errors.LocalEntryNotFoundError) as error:
        raise CheckpointError(
            f"The ImageNet weights of {name} are not in the Hub's cache and could not be fetched: check the "
            "network, or set start to a file of them."
        ) from error


@torch.no_grad()
def initialise(network: MEAN | OtherNetwork, gamma: float) -> None:
    """Start weights for a short schedule: fan-in scaling and an open layer scale.

    ConvNeXt's own start (every weight 0.02, layer scale 1e-6) leaves the blocks silent for thousands of steps.
    """
    for name, parameter in network.backbone.named_parameters():
        if name.endswith("gamma"):
            parameter.fill_(gamma)
        elif parameter.ndim > 1:
            nn.init.normal_(parameter, std=(parameter[0].numel()) ** -0.5)


def _imagenet(config: MeanConfig) -> MEAN:
    from huggingface_hub import errors

    state = package_weights() if config.backbone == BACKBONE else None
    if state is not None:
        network = MEAN.from_config(config)
        load_backbone(network, state, "the package's file", _whole_backbone(config))
        return network
    try:
        return MEAN.from_config(config, pretrained=True)
    except (OSError, RuntimeError, errors.HTTPError, errors.LocalEntryNotFoundError) as error:
        raise CheckpointError(
            f"The ImageNet weights of {config.backbone} are not in the Hub's cache and could not be fetched: check the "
            "network, or set start to a file of them."
        ) from error


def _tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path.name} is damaged or holds no weights: fetch it again.") from error
    for key in ("model", "state_dict"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict):
        raise CheckpointError(f"{path.name} holds no weights by name: give a timm state dict.")
    return {str(name): value for name, value in found.items() if isinstance(value, Tensor)}


def _timm_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a ConvNeXt's first release under timm's names, without its classifier; others as they are."""
    if _FIRST_RELEASE not in state:
        return state
    _, depths = size_of(state, _FIRST_RELEASE, "stages.{stage}.{block}.gamma")
    names = first_release_names(depths)
    return {names.get(name, name): value for name, value in state.items() if not name.startswith("head.")}


def _whole_backbone(config: MeanConfig) -> nn.Module:
    """The backbone with the stages that do not run, without memory for its weights."""
    with torch.device("meta"):
        backbone: nn.Module = MEAN.from_config(replace(config, stages=0)).backbone
    return backbone


def load_backbone(
    network: MEAN | OtherNetwork, state: dict[str, Tensor], name: str, whole: nn.Module | None = None
) -> None:
    """All of a timm backbone's tensors, strictly; its ImageNet classifier and stages that do not run are left out.

    Args:
        whole: the backbone with all of its stages, which the tensors must fit; None: all run.
    """
    classifier = ("head.fc.", "fc.", "classifier.", "head.weight", "head.bias")
    state = {
        key: value.float() if value.is_floating_point() else value
        for key, value in state.items()
        if not key.startswith(classifier)
    }
    own = (network.backbone if whole is None else whole).state_dict()
    wrong = [key for key in sorted(own.keys() | state.keys()) if key not in own or key not in state]
    wrong = wrong or [key for key in own if own[key].shape != state[key].shape]
    if wrong:
        raise CheckpointError(
            f"{name} is of another backbone ({len(wrong)} tensors differ, first {wrong[0]}): set model.backbone to the "
            "one it was made for."
        )
    network.backbone.load_state_dict({key: state[key] for key in network.backbone.state_dict()}, strict=True)
    log.info("starting from the backbone in %s", name)
