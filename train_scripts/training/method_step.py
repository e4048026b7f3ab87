"""One step of the training of a method other than MEAN: both views through its network, and its weighted losses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mean_model.losses import classification, cross_domain_alignment, info_nce
from mean_model.network import START_TEMPERATURE
from mean_model.other_methods.losses import hard_triplet, mutual, within_views
from mean_model.other_methods.networks import PART_CHANNELS, OtherNetwork, PartsNetwork, map_and_pooled
from mean_model.other_methods.parts import HeatRegions, TripletAttention
from train_scripts.training.distributed import gathered
from train_scripts.training.initial_weights import initialise_heads
from train_scripts.training.places_config import PlacesConfig


@dataclass(frozen=True)
class MethodOutputs:
    """What the losses look at, a pair of tensors for each: of the drones, and of the satellites."""

    pooled: tuple[Tensor, ...] = ()  # (B, C)
    parts: tuple[Tensor, ...] = ()  # (B, 512, P), after dropout
    logits: tuple[Tensor, ...] = ()  # (B, classes, P)
    aligned: tuple[Tensor, ...] = ()  # (B, C + 256, L)
    regions: tuple[Tensor, ...] = ()  # (B, R C)
    scales: tuple[Tensor, ...] = ()  # inverse temperatures: of the pooled features, of the regions; CAMP's share


@dataclass(frozen=True)
class WeightedLosses:
    """The weighted sum and the terms that it is made of, each a scalar before its weight."""

    total: Tensor
    info_nce: Tensor
    instance: Tensor
    triplet: Tensor
    mutual: Tensor
    alignment: Tensor
    within: Tensor


TERMS = ("info_nce", "instance", "triplet", "mutual", "alignment", "within")


class Heads(nn.Module):
    """DAC's classified branches, which only training has: MCCG's three parts of the map, each brought to 512."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.split = TripletAttention()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(channels, PART_CHANNELS), nn.BatchNorm1d(PART_CHANNELS)) for _ in range(3)
        )
        initialise_heads(self.heads)

    def forward(self, features: Tensor, pooled: Tensor) -> Tensor:
        """The last map and the pooled feature -> (B, 512, 3)."""
        parts = self.split(features, pooled)
        return torch.stack([head(part) for head, part in zip(self.heads, parts, strict=True)], dim=2)


class Projection(nn.Module):
    """What DAC lays beside the map before it aligns two views: 256 maps of attention over its locations."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(channels, 2 * channels, 1, bias=False),
            nn.BatchNorm1d(2 * channels),
            nn.ReLU(),
            nn.Conv1d(2 * channels, 256, 1, bias=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        """The last map (B, C, H, W) -> (B, C + 256, L)."""
        locations = features.flatten(2)
        attention = F.normalize(self.layers(locations).float(), dim=1).softmax(2)
        return torch.cat([locations.float(), attention], dim=1)


class Positions(nn.Module):
    """CAMP's positions, learnt and added to the map."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, channels, side, side), std=0.02))
        self.scale = nn.Parameter(torch.tensor(0.6))

    def forward(self, features: Tensor) -> Tensor:
        """The last map (B, C, H, W) with its positions."""
        return features + self.embedding * self.scale


class MethodStep(nn.Module):
    """Both views through the network, as far as the losses need it; the unit that processes share.

    Attributes:
        network: what is evaluated and saved.
        whole: no part of the training is worth keeping beside it.
        terms: losses with a weight.
    """

    whole = False

    def __init__(self, network: OtherNetwork, config: PlacesConfig) -> None:
        super().__init__()
        self.network = network
        weights = config.losses
        self.terms = tuple(name for name in TERMS if getattr(weights, name))
        self.dropout = nn.Dropout(config.network.dropout)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / START_TEMPERATURE)))
        self.logit_scale.requires_grad_(bool(weights.info_nce))
        classified = bool(weights.instance or weights.mutual)
        self.heads = self.projection = self.positions = None
        if isinstance(network, PartsNetwork):
            parts = len(network.heads)
        else:
            parts = 3
            channels, side = self._map_shape(network, config.network.image_size)
            self.heads = Heads(channels) if classified or weights.triplet else None
            self.projection = Projection(channels) if weights.alignment else None
            if weights.within:
                self.positions = Positions(channels, side)
                self.regions = HeatRegions(weights.regions)
                self.region_scale = nn.Parameter(torch.tensor(math.log(1 / START_TEMPERATURE)))
                self.share = nn.Parameter(torch.tensor(0.5))
        self.classifiers = nn.ModuleList(nn.Linear(PART_CHANNELS, config.classes) for _ in range(parts * classified))
        for classifier in self.classifiers:
            nn.init.normal_(classifier.weight, std=0.001)  # type: ignore[arg-type]
            nn.init.zeros_(classifier.bias)  # type: ignore[arg-type]

    @staticmethod
    @torch.no_grad()
    def _map_shape(network: OtherNetwork, image_size: int) -> tuple[int, int]:
        """Channels and side of the last map."""
        network.eval()  # no statistics of this picture
        features, _ = map_and_pooled(network.backbone, torch.zeros(1, 3, image_size, image_size))
        return features.shape[1], features.shape[2]

    def forward(self, drone: Tensor, satellite: Tensor) -> MethodOutputs:
        """Args: drone, satellite: (B, 3, S, S) normalised."""
        pooled: list[Tensor] = []
        parts: list[Tensor] = []
        aligned: list[Tensor] = []
        regions: list[Tensor] = []
        for images in (drone, satellite):  # one by one: batch normalisation looks at one view
            if isinstance(self.network, PartsNetwork):
                parts.append(self.dropout(self.network.parts(images).float()))
                continue
            features, whole = map_and_pooled(self.network.backbone, images)
            pooled.append(whole.float())
            if self.heads is not None:
                parts.append(self.dropout(self.heads(features, whole).float()))
            if self.projection is not None:
                aligned.append(self.projection(features))
            if self.positions is not None:
                regions.append(torch.cat(self.regions(self.positions(features), whole)[:-1], dim=1).float())
        logits = [
            torch.stack([head(part) for head, part in zip(self.classifiers, one.unbind(2), strict=True)], dim=2).float()
            for one in (parts if len(self.classifiers) else ())
        ]
        scales = [self.logit_scale.exp().clamp(max=100)]
        if self.positions is not None:
            scales += [self.region_scale.exp().clamp(max=100), self.share]
        return MethodOutputs(tuple(pooled), tuple(parts), tuple(logits), tuple(aligned), tuple(regions), tuple(scales))


def method_losses(outputs: MethodOutputs, labels: Tensor, config: PlacesConfig) -> WeightedLosses:
    """The weighted losses of a batch: InfoNCE over the pairs of all processes, the others over one's own."""
    weights = config.losses
    zero = outputs.scales[0].new_zeros(())
    found = dict.fromkeys(TERMS, zero)
    if weights.info_nce:
        drone, satellite = (gathered(one) for one in outputs.pooled)
        found["info_nce"] = info_nce(drone, satellite, outputs.scales[0], config.label_smoothing)
    if weights.instance:
        found["instance"] = torch.stack([classification(one.unbind(2), labels) for one in outputs.logits]).sum()
    if weights.triplet:
        of_parts = zip(*(one.unbind(2) for one in outputs.parts), strict=True)
        found["triplet"] = torch.stack([hard_triplet(a, b, labels, weights.margin) for a, b in of_parts]).mean()
    if weights.mutual:
        drone, satellite = outputs.logits
        of_parts = zip(satellite.unbind(2), drone.unbind(2), strict=True)
        found["mutual"] = torch.stack([mutual(a, b) for a, b in of_parts]).mean()
    if weights.alignment:
        drone, satellite = outputs.aligned
        found["alignment"] = cross_domain_alignment(drone, satellite, cosine_weight=1.0, distance_weight=0.0)
    if weights.within:
        drone, satellite = outputs.regions
        _, scale, share = outputs.scales
        found["within"] = within_views(satellite, drone, scale, share, config.label_smoothing)
    total = sum((getattr(weights, name) * value for name, value in found.items()), zero)
    return WeightedLosses(total, **found)
