"""The MEAN network: a ConvNeXt backbone that embeds photos, with the three branches that train it (Sec. III)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import timm
import torch.nn.functional as F
from timm.models.convnext import ConvNeXt
from torch import Tensor, nn, tensor

from .config import MeanConfig
from .errors import ConfigError
from .layers import (
    CrossDomainEnhancedAlignment,
    DiversifiedEmbeddingClassifier,
    DiversifiedEmbeddingGenerator,
    DomainEnhancement,
    FeatureAdaptiveTemperature,
    GlobalExtensionEmbedding,
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

    backbone: int  # all that runs at inference
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
    """One network for both views. At inference only the backbone runs; PEE, GEE and CEA exist for the losses."""

    def __init__(
        self,
        backbone: ConvNeXt,
        pee: ProgressiveExtensionEmbedding,
        gee: GlobalExtensionEmbedding,
        cea: CrossDomainEnhancedAlignment,
    ) -> None:
        super().__init__()
        self.backbone = backbone
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
            ConfigError: timm knows no ConvNeXt of that name.
        """
        backbone = _backbone(config, pretrained)
        channels = backbone.num_features
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
        )

    @property
    def dimension(self) -> int:
        """Length D of an embedding."""
        return int(self.backbone.num_features)

    def forward(self, images: Tensor) -> Tensor:
        """Embed photos.

        Args:
            images: (B, 3, S, S), normalised with ImageNet's mean and standard deviation; S a multiple of 32.

        Returns:
            (B, D), rows of length 1, in float32 also when the network runs in half precision.
        """
        pooled = self.backbone.forward_head(self.backbone.forward_features(images))
        return F.normalize(pooled if pooled.element_size() >= 4 else pooled.float(), dim=1)

    def forward_training(self, images: Tensor) -> TrainingOutputs:
        """What the losses need. Call in train mode with at least two photos: the branches normalise over the batch.

        Args:
            images: (B, 3, S, S) of one view, as for `forward`.
        """
        features = self.backbone.forward_features(images)
        pooled = self.backbone.forward_head(features)
        first, second = self.pee(features)
        third = self.gee(pooled)
        logits, embeddings = zip(first, second, third, strict=True)
        return TrainingOutputs(pooled, logits, embeddings, self.cea(features))

    def inference_parameters(self) -> Iterator[nn.Parameter]:
        """The parameters that an embedding depends on."""
        return self.backbone.parameters()

    def inference_state_dict(self) -> dict[str, Tensor]:
        """The tensors that an embedding depends on, named as in `state_dict()`."""
        return {name: value for name, value in self.state_dict().items() if name.startswith("backbone.")}

    def parameter_counts(self) -> ParameterCounts:
        """How many parameters each part learns."""
        return ParameterCounts(
            backbone=_count(self.backbone),
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


def _backbone(config: MeanConfig, pretrained: bool) -> ConvNeXt:
    """The ConvNeXt that the config names, without a classifier."""
    if not timm.is_model(config.backbone):
        raise ConfigError(f"timm knows no model named {config.backbone!r}; choose a ConvNeXt such as convnext_tiny.")
    backbone = timm.create_model(config.backbone, pretrained=pretrained, num_classes=0, drop_path_rate=config.drop_path)
    if not isinstance(backbone, ConvNeXt):
        raise ConfigError(f"{config.backbone} is no ConvNeXt; choose one such as convnext_tiny.")
    return backbone
