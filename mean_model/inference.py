"""The same network in the form that is quickest to run, when nothing is to be trained."""

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

import torch
from timm.layers import BatchNormAct2d, LayerNorm2d, Mlp
from timm.models._efficientnet_blocks import DepthwiseSeparableConv, InvertedResidual
from timm.models.convnext import ConvNeXtBlock
from timm.models.efficientnet import EfficientNet
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

N = TypeVar("N", bound=nn.Module)

FOLLOWED: Mapping[type[nn.Module], tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        EfficientNet: (("conv_stem", "bn1"), ("conv_head", "bn2")),
        DepthwiseSeparableConv: (("conv_dw", "bn1"), ("conv_pw", "bn2")),
        InvertedResidual: (("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")),
    }
)
"""Convolutions and the batch norms right behind them, by the parts of an EfficientNet."""


@torch.no_grad()
def for_inference(network: N) -> N:
    """A copy that computes the same by fewer and quicker operations: ConvNeXt's blocks, and convolutions before norms.

    Small ConvNeXts have 1 x 1 convolutions between pictures in channels-last order: as matrix products of the same
    memory, their GELU runs in oneDNN, which refuses the strides of such pictures. The scale behind each block goes
    into its last product. The batch norms of EfficientNets go into the convolutions before them.
    Equal up to rounding.

    Args:
        network: in eval mode and float32.
    """
    quick = copy.deepcopy(network)
    for block in quick.modules():
        if isinstance(block, ConvNeXtBlock) and type(block.mlp) is Mlp:
            _by_products(block)
            _scaled(block)
        _fold_norms(block)
    return quick


def _fold_norms(block: nn.Module) -> None:
    """Put the batch norms of an EfficientNet's part into the convolutions before them."""
    for before, name in FOLLOWED.get(type(block), ()):
        convolution, norm = getattr(block, before), getattr(block, name)
        if not (isinstance(convolution, nn.Conv2d) and isinstance(norm, BatchNormAct2d)):
            continue
        if norm.running_mean is None or norm.running_var is None:
            continue
        convolution.weight, convolution.bias = fuse_conv_bn_weights(
            convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        setattr(block, name, norm.act)


def _by_products(block: ConvNeXtBlock) -> None:
    """Take the 1 x 1 convolutions of a block as matrix products."""
    norm, first, second = block.norm, block.mlp.fc1, block.mlp.fc2
    if not (isinstance(first, nn.Conv2d) and isinstance(second, nn.Conv2d) and isinstance(norm, LayerNorm2d)):
        return
    products = Mlp(first.in_channels, first.out_channels, second.out_channels)
    products.fc1, products.act, products.fc2 = _product(first), block.mlp.act, _product(second)
    plain = nn.LayerNorm(norm.normalized_shape, norm.eps, device=norm.weight.device)
    plain.load_state_dict(norm.state_dict())
    block.norm, block.mlp, block.use_conv_mlp = plain.requires_grad_(False), products.eval(), False


def _product(convolution: nn.Conv2d) -> nn.Linear:
    with_bias = convolution.bias is not None
    product = nn.Linear(
        convolution.in_channels, convolution.out_channels, bias=with_bias, device=convolution.weight.device
    )
    product.load_state_dict(
        {name: value.flatten(1) if value.ndim == 4 else value for name, value in convolution.state_dict().items()}
    )
    return product.requires_grad_(False)


def _scaled(block: ConvNeXtBlock) -> None:
    """Put the scale behind a block into its last product."""
    last, scale = block.mlp.fc2, block.gamma
    if scale is None or not isinstance(last, nn.Linear):
        return
    last.weight.mul_(scale[:, None])
    if last.bias is not None:
        last.bias.mul_(scale)
    block.gamma = None
