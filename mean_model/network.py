"""The MEAN network: a backbone that embeds photos, with the three branches that train it (Sec. III)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import timm
import torch.nn.functional as F
from torch import Tensor, nn, tensor

from .config import STRIDE_PX, MeanConfig
from .errors import ConfigError
from .layers import (
    CrossDomainEnhancedAlignment,
    DiversifiedEmbeddingClassifier,
    DiversifiedEmbeddingGenerator,
    DomainEnhancement,
    FeatureAdaptiveTemperature,
    GlobalExtensionEmbedding,
    GridEmbedding,
    MultiScaleFusion,
    ProgressiveExtensionEmbedding,
)

START_TEMPERATURE = 0.07
"""Temperature that InfoNCE starts from; `logit_scale` learns the logarithm of its inverse."""


@dataclass(frozen=True)
class TrainingOutputs:
    """What the losses need to know about B photos of one view."""

    pooled: Tensor  # (B, D), the embedding before it is brought to length 1
    logits: tuple[Tensor, Tensor, Tensor]  # (B, classes) each: the two PEE heads, the GEE head
    embeddings: tuple[Tensor, Tensor, Tensor]  # (B, embedding_channels) each, what the logits were read from
    aligned: Tensor  # (B, aligned_channels, L), the map of CEA over L locations


@dataclass(frozen=True)
class ParameterCounts:
    """How many numbers a network learns, by what they are for."""

    backbone: int  # all that runs at inference, a grid included
    pee: int
    gee: int
    cea: int
    temperature: int  # the learnable scale of InfoNCE
    imagenet_head: (
        int  # the 1000-way classifier that the published code keeps on its backbone and never calls; not here
    )

    @property
    def inference(self) -> int:
        """Parameters that take part in an embedding."""
        return self.backbone

    @property
    def training(self) -> int:
        """All parameters of the network."""
        return self.backbone + self.pee + self.gee + self.cea + self.temperature

    @property
    def published(self) -> int:
        """What the paper's table counts: the ImageNet classifier included."""
        return self.training + self.imagenet_head


class MEAN(nn.Module):
    """One network for both views. At inference only backbone and grid run; PEE, GEE and CEA exist for the losses.

    Attributes:
        backbone: of timm, ending at its map.
        grid: makes the embedding of the map; None: the backbone's own head does, by the mean.
        pee, gee, cea: the branches.
        logit_scale: logarithm of InfoNCE's inverse temperature.
    """

    def __init__(
        self,
        backbone: Any,
        pee: ProgressiveExtensionEmbedding,
        gee: GlobalExtensionEmbedding,
        cea: CrossDomainEnhancedAlignment,
        grid: GridEmbedding | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.grid = grid
        self.pee = pee
        self.gee = gee
        self.cea = cea
        self.logit_scale = nn.Parameter(tensor(math.log(1 / START_TEMPERATURE)))

    @classmethod
    def from_config(cls, config: MeanConfig, pretrained: bool = False) -> Self:
        """Build the network that the config describes, with random weights.

        Args:
            config: its settings.
            pretrained: start the backbone from timm's ImageNet weights, which this downloads. Never by default.

        Raises:
            ConfigError: timm knows no network of that name that makes a map, or not one of so many stages or cells.
        """
        backbone, channels = _backbone(config, pretrained)
        compact = max(1, channels // 3)  # 256 of the 768 channels of ConvNeXt-Tiny, as published

        def dec() -> DiversifiedEmbeddingClassifier:
            return DiversifiedEmbeddingClassifier(config.classes, config.embedding_channels, config.dec_dropout)

        return cls(
            backbone,
            ProgressiveExtensionEmbedding(DiversifiedEmbeddingGenerator(channels, config.deg_dropout), dec(), dec()),
            GlobalExtensionEmbedding(dec()),
            CrossDomainEnhancedAlignment(
                DomainEnhancement(channels, compact, config.de_dropout),
                FeatureAdaptiveTemperature(compact, config.temperature, config.softmax),
                MultiScaleFusion(channels, compact, config.aligned_channels),
            ),
            GridEmbedding(channels, config.grid, config.cell_channels) if config.grid else None,
        )

    @property
    def dimension(self) -> int:
        """Length D of an embedding."""
        if self.grid is None:
            return int(self.backbone.num_features)
        return self.grid.cells**2 * self.grid.project.out_features

    def train(self, mode: bool = True) -> Self:
        """Switch to training or evaluation. A backbone's batch norms stay as they were trained.

        Else an embedding would depend on the other pictures of its batch, and on how gradient caching cuts that.
        """
        super().train(mode)
        for module in self.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Embed photos.

        Args:
            images: (B, 3, S, S), normalised with the config's mean and standard deviation; S a multiple of 32.

        Returns:
            (B, D), rows of length 1, in float32 also when the network runs in half precision.
        """
        pooled = self.embedding_of(self.backbone.forward_features(images))
        return F.normalize(pooled if pooled.element_size() >= 4 else pooled.float(), dim=1)

    def embedding_of(self, features: Tensor) -> Tensor:
        """Embeddings (B, D), not yet of length 1, of the backbone's maps (B, C, h, w)."""
        embedding: Tensor = self.backbone.forward_head(features) if self.grid is None else self.grid(features)
        return embedding

    def forward_training(self, images: Tensor) -> TrainingOutputs:
        """What the losses need. Call in train mode with at least two photos: the branches normalise over the batch.

        Args:
            images: (B, 3, S, S) of one view, as for `forward`.
        """
        features = self.backbone.forward_features(images)
        pooled = self.embedding_of(features)
        first, second = self.pee(features)
        third = self.gee(pooled)
        logits, embeddings = zip(first, second, third, strict=True)
        return TrainingOutputs(pooled, logits, embeddings, self.cea(features))

    def inference_parameters(self) -> Iterator[nn.Parameter]:
        """The parameters that an embedding depends on."""
        for part in self._inference_parts():
            yield from part.parameters()

    def inference_state_dict(self) -> dict[str, Tensor]:
        """The tensors that an embedding depends on, named as in `state_dict()`."""
        return {name: value for name, value in self.state_dict().items() if name.startswith(("backbone.", "grid."))}

    def _inference_parts(self) -> list[nn.Module]:
        return [self.backbone, *([] if self.grid is None else [self.grid])]

    def parameter_counts(self) -> ParameterCounts:
        """How many parameters each part learns."""
        return ParameterCounts(
            backbone=sum(map(_count, self._inference_parts())),
            pee=_count(self.pee),
            gee=_count(self.gee),
            cea=_count(self.cea),
            temperature=self.logit_scale.numel(),
            imagenet_head=(self.dimension + 1) * 1000,
        )

    def describe(self) -> str:
        """Width and parameter counts in one line, for logs and model cards."""
        counts = self.parameter_counts()
        return (
            f"MEAN, {self.dimension}-d embeddings, {counts.inference / 1e6:.3f} M parameters at inference, "
            f"{counts.training / 1e6:.3f} M in training (PEE {counts.pee / 1e6:.3f}, GEE {counts.gee / 1e6:.3f}, "
            f"CEA {counts.cea / 1e6:.3f}), {counts.published / 1e6:.3f} M as the paper counts, with an unused "
            "ImageNet classifier"
        )


def _count(part: nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())


def _backbone(config: MeanConfig, pretrained: bool) -> tuple[Any, int]:
    """The network of timm that the config names, without a classifier, and the channels of its map."""
    name, stages = config.backbone, config.stages
    if not timm.is_model(name):
        raise ConfigError(f"timm knows no model named {name!r}; choose a ConvNeXt such as convnext_tiny.")
    backbone: Any = timm.create_model(name, pretrained=pretrained, num_classes=0, drop_path_rate=config.drop_path)
    taps = getattr(backbone, "feature_info", [])
    if getattr(backbone, "output_fmt", "NCHW") != "NCHW" or not taps or taps[-1]["reduction"] != STRIDE_PX:
        raise ConfigError(f"{name} makes no map of {STRIDE_PX} px a location; choose a ConvNeXt such as convnext_tiny.")
    if stages > len(taps):
        raise ConfigError(f"stages is {stages} and {name} has {len(taps)}; 0 takes all.")
    last = taps[stages - 1]
    side = config.image_size // last["reduction"]
    if config.grid > side:
        raise ConfigError(f"grid is {config.grid}, but the map of {name} is only {side} locations wide.")
    if not stages:
        return backbone, int(backbone.num_features)
    backbone.prune_intermediate_layers([stages - 1], prune_norm=True, prune_head=True)
    return backbone, int(last["num_chs"])
