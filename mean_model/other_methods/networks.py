"""The networks of other methods, as far as embeddings need them: one pooled feature, or several parts of a map."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import timm
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from ..config import IMAGENET_MEAN, IMAGENET_STD
from ..errors import ConfigError

Head = Literal["pooled", "rings", "gates"]

PART_CHANNELS = 512  # of each part's embedding in MCCG and LPN


@dataclass(frozen=True)
class OtherConfig:
    """What makes the network of another method, and what it sees of a photo."""

    method: str  # for people: "DAC"
    backbone: str  # its timm name; resnet50 is torchvision's
    image_size: int  # side of the square input, pixels
    head: Head = "pooled"
    parts: int = 1  # that an embedding consists of
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    crop = "squash"  # all of them resize the whole picture
    from_above = False

    @property
    def rule(self) -> str:
        """All that decides an embedding beside weights, backbone and size, for the fingerprint."""
        return f"squares:pillow-bicubic;{self.mean},{self.std};{self.head},{self.parts};l2"

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

    The rule of MCCG (`mode-str/crossview`, test.py) and LPN (`wtyhub/LPN`, test.py).
    """

    def __init__(self, backbone: nn.Module, split: nn.Module, channels: int, parts: int) -> None:
        """Args: split: turns the backbone's map into (B, channels, P)."""
        super().__init__()
        self.backbone = backbone
        self.split = split
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(channels, PART_CHANNELS), nn.BatchNorm1d(PART_CHANNELS)) for _ in range(parts)
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
        split = self.split(self.backbone, images)
        return torch.stack([head(split[:, :, part]) for part, head in enumerate(self.heads)], dim=2)


class SquareRings(nn.Module):
    """LPN's partition: the mean over each square ring of the map, from the middle to the border.

    As published, a ring's sum is divided by the area of the whole square that it bounds, and map sides are even.
    """

    def __init__(self, rings: int) -> None:
        super().__init__()
        self.rings = rings

    def forward(self, backbone: nn.Module, images: Tensor) -> Tensor:
        """(B, C, rings)."""
        features = backbone(images)
        height, width = features.shape[2:]
        step = height // 2 // self.rings
        sums, areas = [torch.zeros_like(features[:, :, 0, 0])], []
        for ring in range(1, self.rings + 1):
            margin = 0 if ring == self.rings else height // 2 - ring * step
            square = features[:, :, margin : height - margin, margin : width - margin]
            sums.append(square.sum((2, 3)))
            areas.append(square.shape[2] * square.shape[3])
        return torch.stack([(sums[i + 1] - sums[i]) / area for i, area in enumerate(areas)], dim=2)


class Gate(nn.Module):
    """One branch of MCCG's triplet attention: a map weighted by a 7 x 7 convolution of its strongest and mean value."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) of the same shape; which axis is called C is the caller's choice."""
        summary = torch.stack([features.amax(1), features.mean(1)], dim=1)
        weights: Tensor = self.norm(self.conv(summary)).sigmoid()
        return features * weights


class TripletAttention(nn.Module):
    """MCCG's parts: the means of the map seen along its rows and along its columns, and the pooled feature."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.columns = Gate(), Gate()

    def forward(self, backbone: nn.Module, images: Tensor) -> Tensor:
        """(B, C, 3)."""
        features = backbone.forward_features(images)  # type: ignore[operator]
        rows = self.rows(features.transpose(1, 2)).transpose(1, 2)
        columns = self.columns(features.transpose(1, 3)).transpose(1, 3)
        pooled = backbone.forward_head(features)  # type: ignore[operator]
        return torch.stack([rows.mean((2, 3)), columns.mean((2, 3)), pooled], dim=2)


class ResNetMap(nn.Sequential):
    """The last map of ResNet-50 with the last stride taken out, as LPN trains it (`--stride=1` in its run.sh)."""

    def __init__(self) -> None:
        whole = torchvision.models.resnet50(weights=None)
        whole.layer4[0].conv2.stride = whole.layer4[0].downsample[0].stride = (1, 1)
        del whole.avgpool, whole.fc
        super().__init__()
        for name, layer in whole.named_children():
            self.add_module(name, layer)


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
    if config.head == "rings":
        return PartsNetwork(ResNetMap(), SquareRings(config.parts), 2048, config.parts)
    if not timm.is_model(config.backbone):
        raise ConfigError(f"timm knows no model named {config.backbone!r}.")
    try:
        backbone = timm.create_model(config.backbone, num_classes=0, img_size=config.image_size)
    except TypeError:  # most convolutional families take any size
        backbone = timm.create_model(config.backbone, num_classes=0)
    if config.head == "gates":
        return PartsNetwork(backbone, TripletAttention(), int(backbone.num_features), config.parts)  # type: ignore[arg-type]
    return PooledNetwork(backbone)
