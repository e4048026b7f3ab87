"""How to name the tensors of a ConvNeXt: as its first release, which much research code keeps, and as timm."""

from collections.abc import Mapping

from torch import Tensor

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
"""One block."""

_DOWNSAMPLE = {0: "stem", 1: "stages.1.downsample", 2: "stages.2.downsample", 3: "stages.3.downsample"}
"""What stands before each stage; the first release kept these layers apart from the stages."""

_SIZES = {
    ((2, 2, 6, 2), 40): "convnext_atto",
    ((2, 2, 6, 2), 48): "convnext_femto",
    ((2, 2, 6, 2), 64): "convnext_pico",
    ((2, 2, 8, 2), 80): "convnext_nano",
    ((3, 3, 9, 3), 96): "convnext_tiny",
    ((3, 3, 27, 3), 96): "convnext_small",
    ((3, 3, 27, 3), 128): "convnext_base",
    ((3, 3, 27, 3), 192): "convnext_large",
    ((3, 3, 27, 3), 256): "convnext_xlarge",
}
"""Blocks of each stage and channels of the first one -> timm name."""


def first_release_names(depths: tuple[int, ...]) -> dict[str, str]:
    """Name in the first release -> name in timm, without the classifier. Args: depths: blocks of each stage."""
    return {
        **{
            f"downsample_layers.{stage}.{part}.{leaf}": f"{ours}.{part}.{leaf}"
            for stage, ours in _DOWNSAMPLE.items()
            for part in (0, 1)
            for leaf in ("weight", "bias")
        },
        **{
            f"stages.{stage}.{block}.{theirs}": f"stages.{stage}.blocks.{block}.{ours}"
            for stage, depth in enumerate(depths)
            for block in range(depth)
            for theirs, ours in _BLOCK.items()
        },
        "norm.weight": "head.norm.weight",
        "norm.bias": "head.norm.bias",
    }


def size_of(state: Mapping[str, Tensor], stem: str, block: str) -> tuple[str | None, tuple[int, ...]]:
    """Which ConvNeXt some tensors are of.

    Args:
        stem: name of the first convolution's weight.
        block: name of a tensor that each block has once, with {stage} and {block}.

    Returns:
        Its timm name, or None for a size that has none, and the blocks of each stage.
    """
    depths = []
    for stage in range(4):
        depth = 0
        while block.format(stage=stage, block=depth) in state:
            depth += 1
        depths.append(depth)
    shape = state[stem].shape
    return _SIZES.get((tuple(depths), shape[0] if shape else 0)), tuple(depths)  # type: ignore[arg-type]
