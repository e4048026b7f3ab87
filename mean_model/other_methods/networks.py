"""The networks of other methods, as far as embeddings need them: one pooled feature, or several parts of a map."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import timm
import torch
import torch.nn.functional as F
from timm.models.vision_transformer import Attention, VisionTransformer
from torch import Tensor, nn

from ..config import IMAGENET_MEAN, IMAGENET_STD, RESIZE_RULES, Resize
from ..errors import ConfigError
from .parts import (
    ATTENTION_MAPS,
    AttentionPooling,
    DenseRings,
    HeatRegions,
    MapMean,
    SquareRings,
    TokenMean,
    TripletAttention,
)
from .resnets import ResNetMap, StyledResNet

Head = Literal["pooled", "rings", "dense_rings", "gates", "attention", "heat", "tokens", "style"]

PART_CHANNELS = 512  # of each part's embedding


@dataclass(frozen=True)
class OtherConfig:
    """What makes the network of another method, and what it sees of a photo."""

    method: str  # for people: "DAC"
    backbone: str  # its timm name; resnet50 is torchvision's
    image_size: int  # side of the square input, pixels
    head: Head = "pooled"
    parts: int = 1  # that an embedding consists of
    resize: Resize = "bicubic"  # what its published code does to photos
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    crop = "squash"  # all of them resize the whole picture
    from_above = False

    @property
    def rule(self) -> str:
        """All that decides an embedding beside weights, backbone and size, for the fingerprint."""
        return f"{RESIZE_RULES[self.resize]};{self.mean},{self.std};{self.head},{self.parts};l2"

    def to_dict(self) -> dict[str, Any]:
        """Every setting by name, for reports."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class PooledNetwork(nn.Module):
    """Any timm backbone: its pooled feature, brought to length 1."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    @property
    def dimension(self) -> int:
        """Length D of an embedding."""
        return int(self.backbone.num_features)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, S, S), normalised -> (B, D), rows of length 1, float32."""
        return F.normalize(self.backbone(images).float(), dim=1)

    def inference_state_dict(self) -> dict[str, Tensor]:
        """The tensors that an embedding depends on: all."""
        return self.state_dict()


class PartsNetwork(nn.Module):
    """An embedding of several parts, each of length 1 / sqrt(P); a picture and its mirror image are added before.

    The rule of LPN's test.py (`wtyhub/LPN`), which all methods here but the pooled ones kept.
    """

    def __init__(self, backbone: nn.Module, split: nn.Module, channels: Sequence[int]) -> None:
        """Take the network's pieces.

        Args:
            split: called with the backbone and images, gives a list of P features.
            channels: of each of them.
        """
        super().__init__()
        self.backbone = backbone
        self.split = split
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, PART_CHANNELS), nn.BatchNorm1d(PART_CHANNELS)) for width in channels
        )

    @property
    def dimension(self) -> int:
        """Length D of an embedding."""
        return PART_CHANNELS * len(self.heads)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, S, S), normalised -> (B, D), rows of length 1, float32."""
        parts = (self._parts(images) + self._parts(images.flip(3))).float()
        return F.normalize(parts, dim=1).flatten(1) / math.sqrt(len(self.heads))

    def inference_state_dict(self) -> dict[str, Tensor]:
        """The tensors that an embedding depends on: all."""
        return self.state_dict()

    def _parts(self, images: Tensor) -> Tensor:
        parts = self.split(self.backbone, images)
        return torch.stack([head(part) for head, part in zip(self.heads, parts, strict=True)], dim=2)


OtherNetwork = PooledNetwork | PartsNetwork


def build(config: OtherConfig) -> OtherNetwork:
    """The network with random weights, or without memory for them where that is possible, in eval mode.

    Raises:
        ConfigError: timm knows no such backbone.
    """
    with torch.device("meta"):
        network = _build(config)
    if dict(network.named_buffers()).keys() - network.state_dict().keys():  # tables that are computed at construction
        network = _build(config)
    return network.eval()


def _build(config: OtherConfig) -> OtherNetwork:
    match config.head:
        case "rings":
            return PartsNetwork(ResNetMap(), SquareRings(config.parts), [2048] * config.parts)
        case "dense_rings":
            return PartsNetwork(ResNetMap(), DenseRings(2048), [2048] * config.parts)
        case "style":
            return PartsNetwork(StyledResNet(), MapMean(), [2048])
        case "heat":
            vit = _fsra_vit(config.image_size)
            return PartsNetwork(vit, HeatRegions(config.parts - 1), [vit.embed_dim] * config.parts)
    if not timm.is_model(config.backbone):
        raise ConfigError(f"timm knows no model named {config.backbone!r}.")
    try:
        backbone = timm.create_model(config.backbone, num_classes=0, img_size=config.image_size)
    except TypeError:  # most convolutional families take any size
        backbone = timm.create_model(config.backbone, num_classes=0)
    channels = int(backbone.num_features)  # type: ignore[arg-type]
    match config.head:
        case "gates":
            return PartsNetwork(backbone, TripletAttention(), [channels] * config.parts)
        case "attention":
            return PartsNetwork(backbone, AttentionPooling(channels), [ATTENTION_MAPS * channels] * 2 + [channels])
        case "tokens":
            return PartsNetwork(backbone, TokenMean(), [channels])
    return PooledNetwork(backbone)


def _fsra_vit(image_size: int) -> VisionTransformer:
    """The transformer of FSRA: the small one of timm's first releases, of 8 wide blocks and with another attention."""
    vit = VisionTransformer(
        img_size=image_size, embed_dim=768, depth=8, num_heads=8, mlp_ratio=3, qkv_bias=False, num_classes=0
    )
    for block in vit.blocks:
        attention = cast(Attention, block.get_submodule("attn"))
        attention.scale = vit.embed_dim**-0.5  # by the whole width and not by a head's, as its weights were trained
        attention.fused_attn = False  # type: ignore[misc]  # the fused one takes no scale
    return vit
