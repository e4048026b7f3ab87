"""The same network in the form that is quickest to run, when nothing is to be trained."""

import copy
from typing import TypeVar

import torch
from timm.layers import LayerNorm2d, Mlp
from timm.models.convnext import ConvNeXtBlock
from torch import nn

N = TypeVar("N", bound=nn.Module)


@torch.no_grad()
def for_inference(network: N) -> N:
    """A copy whose ConvNeXt blocks compute the same by fewer and quicker operations; other layers stay as they are.

    Small ConvNeXts have 1 x 1 convolutions between pictures in channels-last order: as matrix products of the same
    memory, their GELU runs in oneDNN, which refuses the strides of such pictures. The scale behind each block goes
    into its last product. Equal up to rounding.

    Args:
        network: in eval mode and float32.
    """
    quick = copy.deepcopy(network)
    for block in quick.modules():
        if isinstance(block, ConvNeXtBlock) and type(block.mlp) is Mlp:
            _by_products(block)
            _scaled(block)
    return quick


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
