"""The checkpoints that the authors of MEAN published, and the key table that turns them into this project's network.

A published `.pth` holds 257 tensors. Each of them is either renamed by `RENAMED` or left out by `DROPPED`; a name that
is in neither, or one that is missing, is an error that lists it.
"""

import logging
import os
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from .config import MeanConfig
from .errors import CheckpointError
from .network import MEAN

_log = logging.getLogger(__name__)

_DEPTHS = (3, 3, 9, 3)  # blocks in each stage of ConvNeXt-Tiny, the only backbone that was published

_BLOCK = {
    "gamma": "gamma",
    "dwconv.weight": "conv_dw.weight",
    "dwconv.bias": "conv_dw.bias",
    "norm.weight": "norm.weight",
    "norm.bias": "norm.bias",
    "pwconv1.weight": "mlp.fc1.weight",
    "pwconv1.bias": "mlp.fc1.bias",
    "pwconv2.weight": "mlp.fc2.weight",
    "pwconv2.bias": "mlp.fc2.bias",
}
"""One ConvNeXt block: the names of its first release, and those of timm."""

_DOWNSAMPLE = {0: "stem", 1: "stages.1.downsample", 2: "stages.2.downsample", 3: "stages.3.downsample"}
"""What stands before each stage; the first release kept these layers apart from the stages."""

_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
"""The tensors of a batch normalisation; they keep their names."""

_DEC = {
    "multi_scale_block.dilated1.weight": "dilated.0.weight",
    "multi_scale_block.dilated1.bias": "dilated.0.bias",
    "multi_scale_block.dilated2.weight": "dilated.1.weight",
    "multi_scale_block.dilated2.bias": "dilated.1.bias",
    "multi_scale_block.dilated3.weight": "dilated.2.weight",
    "multi_scale_block.dilated3.bias": "dilated.2.bias",
    "multi_scale_block.extra1.0.weight": "pointwise.weight",
    "multi_scale_block.extra1.0.bias": "pointwise.bias",
    **{f"add_block.0.{leaf}": f"norm.{leaf}" for leaf in _NORM},
    "classifier.weight": "classifier.weight",
    "classifier.bias": "classifier.bias",
}
"""One DEC, which the authors call ClassBlock."""

_HEADS = {"classifier_mcb1": "pee.dec.0", "classifier_mcb2": "pee.dec.1", "classifier1": "gee.dec"}
"""The three heads: two of PEE, one of GEE."""

_BRANCHES = {
    "DEG.FC11.weight": "pee.deg.dilated.0.weight",
    "DEG.FC12.weight": "pee.deg.dilated.1.weight",
    "DEG.FC13.weight": "pee.deg.dilated.2.weight",
    "DEG.FC1.weight": "pee.deg.restore.weight",
    "DEG.FC1.bias": "pee.deg.restore.bias",
    "proj.layers.0.0.weight": "cea.de.widen.weight",
    **{f"proj.layers.0.1.{leaf}": f"cea.de.norm.{leaf}" for leaf in _NORM},
    "proj.layers.1.0.weight": "cea.de.narrow.weight",
    "feature_scaling.proj.weight": "cea.fat.adjust.weight",
    "feature_scaling.proj.bias": "cea.fat.adjust.bias",
    "MSF.conv1.weight": "cea.msf.features.weight",
    "MSF.conv1.bias": "cea.msf.features.bias",
    "MSF.conv2.weight": "cea.msf.weights.weight",
    "MSF.conv2.bias": "cea.msf.weights.bias",
    "MSF.conv_fusion.weight": "cea.msf.compress.weight",
    "MSF.conv_fusion.bias": "cea.msf.compress.bias",
    **{f"MSF.bn.{leaf}": f"cea.msf.norm.{leaf}" for leaf in _NORM},
}
"""DEG, DE (`proj`), FAT (`feature_scaling`) and MSF."""

RENAMED: Mapping[str, str] = {
    "logit_scale": "logit_scale",
    **{
        f"model_1.convnext.downsample_layers.{stage}.{part}.{leaf}": f"backbone.{ours}.{part}.{leaf}"
        for stage, ours in _DOWNSAMPLE.items()
        for part in (0, 1)
        for leaf in ("weight", "bias")
    },
    **{
        f"model_1.convnext.stages.{stage}.{block}.{theirs}": f"backbone.stages.{stage}.blocks.{block}.{ours}"
        for stage, depth in enumerate(_DEPTHS)
        for block in range(depth)
        for theirs, ours in _BLOCK.items()
    },
    "model_1.convnext.norm.weight": "backbone.head.norm.weight",
    "model_1.convnext.norm.bias": "backbone.head.norm.bias",
    **{f"model_1.{head}.{theirs}": f"{home}.{ours}" for head, home in _HEADS.items() for theirs, ours in _DEC.items()},
    **{f"model_1.{theirs}": ours for theirs, ours in _BRANCHES.items()},
}
"""Published name -> name in `MEAN.state_dict()`. The values are every tensor of the network, once each."""

DROPPED: Mapping[str, str] = {
    "model_1.convnext.head.weight": "the 1000-way ImageNet classifier, which no forward pass calls",
    "model_1.convnext.head.bias": "the 1000-way ImageNet classifier, which no forward pass calls",
    "logit_scale_blocks": "the temperature of a contrast between blocks that no loss uses",
    "w_blocks1": "the weight of a contrast between blocks that no loss uses",
    "w_blocks2": "the weight of a contrast between blocks that no loss uses",
    "w_blocks3": "the weight of a contrast between blocks that no loss uses",
}
"""Published name -> why the network has no such tensor."""

_CLASSIFIER = "model_1.classifier1.classifier.weight"

_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ImportError,
    ArithmeticError,
    AssertionError,  # its reader of the old format checks the file by assert
    MemoryError,
)
"""What torch.load raises for a file that is damaged, hostile or something else; it documents none of them."""


def read_published(path: str | os.PathLike[str]) -> tuple[MeanConfig, dict[str, Tensor]]:
    """Read a checkpoint that the authors' code saved, without running anything in it.

    Returns:
        The config and the state dict of the same network here, ready for a strict `load_state_dict`.

    Raises:
        CheckpointError: the file is missing, is no plain state dict of tensors, or does not hold a published MEAN.
    """
    name = Path(path).name
    if not Path(path).is_file():
        raise CheckpointError(f"There is no file {name}; check the path of the published weights.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        _log.debug("torch.load refused %s", name, exc_info=error)
        raise CheckpointError(
            f"{name} cannot be read safely as a plain state dict of tensors; save `model.state_dict()` with torch.save."
        ) from error
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise CheckpointError(
            f"{name} holds more or other than named tensors; save `model.state_dict()` alone with torch.save."
        )
    try:
        return convert(state)
    except CheckpointError as error:
        raise CheckpointError(f"{name}: {error}") from error


def convert(state_dict: Mapping[str, Tensor]) -> tuple[MeanConfig, dict[str, Tensor]]:
    """Turn a published state dict into the config and state dict of `MEAN`.

    Args:
        state_dict: as the authors' `two_view_net` names it, with or without the `module.` that DataParallel puts before
            each name.

    Raises:
        CheckpointError: names that are unknown or missing, or tensors of another shape or that hold no numbers: all of
            them, by name.
    """
    state = _without_parallel_prefix(state_dict)
    _require_names(state)
    _require_dense(state)
    config = MeanConfig(classes=_classes(state))
    with torch.device("meta"):
        expected = MEAN.from_config(config).state_dict()
    _require_shapes(state, expected)
    converted = {ours: state[theirs].to(expected[ours].dtype) for theirs, ours in RENAMED.items()}
    _require_finite(converted)
    return config, converted


def _without_parallel_prefix(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    parallel = all(name.startswith("module.") for name in state_dict)
    return {name.removeprefix("module.") if parallel else name: value for name, value in state_dict.items()}


def _require_names(state: Mapping[str, Tensor]) -> None:
    unknown = _at_most_50(sorted(state.keys() - RENAMED.keys() - DROPPED.keys()))
    missing = sorted((RENAMED.keys() | DROPPED.keys()) - state.keys())
    if unknown or missing:
        faults = [f"{kind} {', '.join(names)}" for kind, names in (("unknown", unknown), ("missing", missing)) if names]
        raise CheckpointError(
            f"These are not the weights of a published MEAN (ConvNeXt-Tiny, two PEE heads): {'; '.join(faults)}."
        )


def _at_most_50(names: list[str]) -> list[str]:
    """The names, cut short where a file of something else brings hundreds."""
    return names if len(names) <= 50 else [*names[:50], f"and {len(names) - 50} more"]


def _classes(state: Mapping[str, Tensor]) -> int:
    """The places that the heads tell apart: 701 for University-1652, 120 for SUES-200."""
    shape = tuple(state[_CLASSIFIER].shape)
    # A file of a few bytes can claim any shape by repeating one stored number, and a network would be built for it.
    if len(shape) != 2 or shape[0] < 1 or not state[_CLASSIFIER].is_contiguous():
        raise CheckpointError(f"{_CLASSIFIER} has shape {shape}; expected (classes, 512).")
    return shape[0]


def _require_dense(state: Mapping[str, Tensor]) -> None:
    """Refuse what is called a tensor but holds no plain array of real numbers: sparse, complex, quantised or empty."""
    faults = [
        name
        for name, value in state.items()
        if value.layout is not torch.strided or value.is_meta or value.is_complex() or value.is_quantized
    ]
    if faults:
        raise CheckpointError(f"Tensors that are no plain arrays of numbers: {', '.join(faults)}.")


def _require_shapes(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    faults = [
        f"{theirs} is {tuple(state[theirs].shape)}, expected {tuple(expected[ours].shape)}"
        for theirs, ours in RENAMED.items()
        if state[theirs].shape != expected[ours].shape
    ]
    if faults:
        raise CheckpointError(f"Tensors of another shape than the published ones: {'; '.join(faults)}.")


def _require_finite(converted: Mapping[str, Tensor]) -> None:
    faults = [theirs for theirs, ours in RENAMED.items() if not bool(torch.isfinite(converted[ours]).all())]
    if faults:
        raise CheckpointError(f"Tensors that hold values which are no finite numbers: {', '.join(faults)}.")
