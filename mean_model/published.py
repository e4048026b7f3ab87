"""The checkpoints that the authors of MEAN published, and the key table that turns them into this project's network.

A published `.pth` holds 257 tensors. Each of them is either renamed by `RENAMED` or left out by `DROPPED`; a name that
is in neither, or one that is missing, is an error that lists it.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from .config import MeanConfig
from .errors import CheckpointError
from .network import MEAN
from .other_methods.convnext_names import first_release_names
from .tensors import renamed, require_dense, require_names, without_parallel_prefix

_DEPTHS = (3, 3, 9, 3)  # blocks in each stage of ConvNeXt-Tiny, the only backbone that was published

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
    **{f"model_1.convnext.{theirs}": f"backbone.{ours}" for theirs, ours in first_release_names(_DEPTHS).items()},
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

_FITS_NOT = "These are not the weights of a published MEAN (ConvNeXt-Tiny, two PEE heads)"


def is_published(state: Mapping[str, Tensor]) -> bool:
    """Whether names alone say that these are weights of the authors' MEAN, perhaps not all of them."""
    return any(name.startswith(("model_1.DEG.", "model_1.MSF.", "model_1.feature_scaling.")) for name in state)


def convert(state_dict: Mapping[str, Tensor]) -> tuple[MeanConfig, dict[str, Tensor]]:
    """Turn a published state dict into the config and state dict of `MEAN`.

    Args:
        state_dict: as the authors' `two_view_net` names it, with or without the `module.` that DataParallel puts before
            each name.

    Raises:
        CheckpointError: names that are unknown or missing, or tensors of another shape or that hold no numbers: all of
            them, by name.
    """
    state = without_parallel_prefix(state_dict)
    require_names(state, RENAMED.keys() | DROPPED.keys(), _FITS_NOT)
    require_dense(state)
    config = MeanConfig(classes=_classes(state), resize="bilinear")
    with torch.device("meta"):
        expected = MEAN.from_config(config).state_dict()
    return config, renamed(state, RENAMED, expected)


def _classes(state: Mapping[str, Tensor]) -> int:
    """The places that the heads tell apart: 701 for University-1652, 120 for SUES-200."""
    shape = tuple(state[_CLASSIFIER].shape)
    # A file of a few bytes can claim any shape by repeating one stored number, and a network would be built for it.
    if len(shape) != 2 or shape[0] < 1 or not state[_CLASSIFIER].is_contiguous():
        raise CheckpointError(f"{_CLASSIFIER} has shape {shape}; expected (classes, 512).")
    return shape[0]
