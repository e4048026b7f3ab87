"""The networks of other methods, as far as embeddings need them: one pooled feature, or several parts of a map."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, cast, get_args

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
    TripletAttention,
)
from .resnets import ResNetMap, StyledResNet

Head = Literal["pooled", "rings", "dense_rings", "gates", "attention", "heat", "tokens", "style"]

PART_CHANNELS = 512  # of each part's embedding
FSRA_VIT = "vit_small"  # no name of timm's: see `_fsra_vit`


@dataclass(frozen=True)
class OtherConfig:
    """What makes the network of another method, and what it sees of a photo."""

    method: str  # for people: "DAC"
    backbone: str  # its timm name; where parts are made, resnet50 is torchvision's without its last stride
    image_size: int  # side of the square input, pixels
    head: Head = "pooled"
    parts: int = 1  # that an embedding consists of
    resize: Resize = "bicubic"  # what its published code does to photos
    output_stride: int = 0  # pixels to a location of the map, 8 or 16 where timm can dilate; 0: the backbone's own
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    crop = "squash"  # all of them resize the whole picture
    from_above = False

    @property
    def rule(self) -> str:
        """All that decides an embedding beside weights, backbone and size, for the fingerprint."""
        stride = f",{self.output_stride}" if self.output_stride else ""
        return f"{RESIZE_RULES[self.resize]};{self.mean},{self.std};{self.head},{self.parts}{stride};l2"

    def to_dict(self) -> dict[str, Any]:
        """Every setting by name, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """The config with these settings, defaults elsewhere.

        Raises:
            ConfigError: a setting that is unknown, missing or of the wrong kind, by name.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(str(key) for key in settings if key not in known):
            raise ConfigError(f"Unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))}.")
        fits: dict[str, Callable[[Any], bool]] = {
            "method": lambda value: isinstance(value, str),
            "backbone": lambda value: isinstance(value, str),
            "image_size": _count,
            "head": lambda value: value in get_args(Head),
            "parts": _count,
            "resize": lambda value: value in get_args(Resize),
            "output_stride": lambda value: value == 0 or (_count(value) and value in (8, 16, 32)),
            "mean": _three_numbers,
            "std": lambda value: _three_numbers(value) and all(value),
        }
        given: dict[str, Any] = {"method": None, "backbone": None, "image_size": None, **settings}
        for name, value in given.items():
            if not fits[name](value):
                raise ConfigError(f"{name} is {value!r}, which makes no network: fetch the config again.")
        triples: dict[str, Any] = {name: tuple(given[name]) for name in ("mean", "std") if name in given}
        return cls(**(given | triples))


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4096


def _three_numbers(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and all(isinstance(one, int | float) and 0 <= one < math.inf for one in value)
    )


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
            split: a class of `mean_model.other_methods.parts`, which gives a list of P features.
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
        parts = (self.parts(images) + self.parts(images.flip(3))).float()
        return F.normalize(parts, dim=1).flatten(1) / math.sqrt(len(self.heads))

    def parts(self, images: Tensor) -> Tensor:
        """Images -> (B, 512, P): what each part's head makes of it, in one pass and without the mirror image."""
        parts = self.split(*map_and_pooled(self.backbone, images))
        return torch.stack([head(part) for head, part in zip(self.heads, parts, strict=True)], dim=2)

    def inference_state_dict(self) -> dict[str, Tensor]:
        """The tensors that an embedding depends on: all."""
        return self.state_dict()


def map_and_pooled(backbone: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """The last map (B, C, H, W) of a backbone, and its feature of the whole picture (B, C).

    A transformer's tokens lie on their grid, and its class token, or their mean, is the whole.
    """
    if isinstance(backbone, ResNetMap | StyledResNet):
        features = backbone(images)
        return features, features.mean((2, 3))
    features = backbone.forward_features(images)  # type: ignore[operator]
    if features.ndim == 3:
        patches = features[:, backbone.num_prefix_tokens :]  # type: ignore[misc]
        side = math.isqrt(patches.shape[1])
        pooled = features[:, 0] if backbone.num_prefix_tokens else patches.mean(1)
        return patches.transpose(1, 2).unflatten(2, (side, side)), pooled
    pooled = backbone.forward_head(features)  # type: ignore[operator]
    channels_last = getattr(backbone, "output_fmt", "NCHW") == "NHWC"  # Swin's
    return (features.permute(0, 3, 1, 2) if channels_last else features), pooled


OtherNetwork = PooledNetwork | PartsNetwork


def build(config: OtherConfig) -> OtherNetwork:
    """The network with random weights, or without memory for them where that is possible, in eval mode.

    Raises:
        ConfigError: timm knows no such backbone.
    """
    with torch.device("meta"):
        network = fresh(config)
    if dict(network.named_buffers()).keys() - network.state_dict().keys():  # tables that are computed at construction
        network = fresh(config)
    return network.eval()


def fresh(config: OtherConfig) -> OtherNetwork:
    """The network with random weights, to be trained. Raises: ConfigError: timm knows no such backbone."""
    backbone = _backbone(config)
    channels = 2048 if isinstance(backbone, ResNetMap | StyledResNet) else int(backbone.num_features)  # type: ignore[arg-type]
    each = [channels] * config.parts
    match config.head:
        case "pooled":
            return PooledNetwork(backbone)
        case "rings":
            return PartsNetwork(backbone, SquareRings(config.parts), each)
        case "dense_rings":
            return PartsNetwork(backbone, DenseRings(channels), each)
        case "heat":
            return PartsNetwork(backbone, HeatRegions(config.parts - 1), each)
        case "gates":
            return PartsNetwork(backbone, TripletAttention(), each)
        case "attention":
            return PartsNetwork(backbone, AttentionPooling(channels), [ATTENTION_MAPS * channels] * 2 + [channels])
        case "tokens" | "style":
            return PartsNetwork(backbone, MapMean(), [channels])


def _backbone(config: OtherConfig) -> nn.Module:
    if config.head == "style":
        return StyledResNet()
    if config.head != "pooled" and config.backbone == "resnet50":
        return ResNetMap()
    if config.backbone == FSRA_VIT:
        return _fsra_vit(config.image_size)
    if not timm.is_model(config.backbone):
        raise ConfigError(f"timm knows no model named {config.backbone!r}.")
    options: dict[str, Any] = {
        "num_classes": 0,
        **({"output_stride": config.output_stride} if config.output_stride else {}),
    }
    try:
        return timm.create_model(config.backbone, img_size=config.image_size, **options)
    except TypeError:  # most convolutional families take any size
        pass
    try:
        return timm.create_model(config.backbone, **options)
    except TypeError as error:
        raise ConfigError(f"{config.backbone} takes no output_stride: set it to 0.") from error


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
