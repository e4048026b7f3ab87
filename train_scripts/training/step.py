"""One step of the training on places: both views through the network, the paper's losses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mean_model.config import MeanConfig
from mean_model.losses import Losses, classification, cross_domain_alignment, info_nce
from mean_model.network import MEAN
from train_scripts.training.distributed import gathered
from train_scripts.training.places_config import Head, PlacesConfig

Outputs = tuple[list[Tensor], list[list[Tensor]], list[Tensor], Tensor]
"""What `Step` returns for a batch."""


class Step(nn.Module):
    """Both views through the network once, as far as the losses need it; the unit that processes share."""

    def __init__(self, network: MEAN, config: PlacesConfig) -> None:
        super().__init__()
        self.network = network
        self.terms = config.terms
        self.heads: tuple[Head, ...] = config.terms.heads if config.weights.classification else ()
        cda = config.weights.alignment and (config.terms.cosine or config.terms.distance)
        self.aligns = bool(cda or config.terms.aligned_contrast)
        self.contrasts = bool(config.weights.info_nce)
        self.linear = nn.Linear(network.dimension, config.model.classes) if "linear" in self.heads else None
        for branch, used in ((network.pee, "pee" in self.heads), (network.gee, "gee" in self.heads)):
            branch.requires_grad_(used)
        network.cea.requires_grad_(self.aligns)
        network.logit_scale.requires_grad_(self.contrasts or bool(config.terms.aligned_contrast))

    @property
    def whole(self) -> bool:
        """Whether all branches are trained, so that they are worth keeping."""
        return self.aligns and {"pee", "gee"} <= set(self.heads)

    def forward(self, drone: Tensor, satellite: Tensor) -> Outputs:
        """Args: drone, satellite: (B, 3, S, S) normalised.

        Returns: of both views the pooled features (B, D), the logits (B, classes) of each head and the aligned maps
        (B, C, L), in float32; and the inverse temperature.
        """
        network = self.network
        features = network.backbone.forward_features(torch.cat([drone, satellite]))  # takes no statistics of the batch
        pooled = network.embedding_of(features)
        logits: list[list[Tensor]] = []
        aligned: list[Tensor] = []
        for map_, vector in zip(features.chunk(2), pooled.chunk(2), strict=True):  # the branches normalise each view
            of_view: list[Tensor] = []
            if "pee" in self.heads:
                of_view += [head[0].float() for head in network.pee(map_)]
            if "gee" in self.heads:
                of_view.append(network.gee(vector)[0].float())
            if self.linear is not None:
                of_view.append(self.linear(vector).float())
            logits.append(of_view)
            if self.aligns:
                aligned.append(network.cea(map_).float())
        scale = network.logit_scale.float().exp().clamp(max=100)
        return [one.float() for one in pooled.chunk(2)], logits, aligned, scale


def losses_of(outputs: Outputs, labels: Tensor, config: PlacesConfig) -> Losses:
    """The weighted losses of a batch (Eq. 17): InfoNCE over the pairs of all processes, the others over one's own.

    DistributedDataParallel averages gradients, which makes the gradient that of one process with the whole batch:
    each computes the whole InfoNCE, and the sum of what flows back through the gathering is averaged again.
    """
    pooled, logits, aligned, scale = outputs
    weights, terms = config.weights, config.terms
    nothing = pooled[0].new_zeros(())
    contrast = nothing
    if weights.info_nce:
        contrast = info_nce(gathered(pooled[0]), gathered(pooled[1]), scale, config.label_smoothing)
    classes = nothing
    if weights.classification:
        classes = classification(logits[0], labels) + classification(logits[1], labels)
    alignment = nothing
    if weights.alignment and (terms.cosine or terms.distance):
        alignment = cross_domain_alignment(
            aligned[0],
            aligned[1],
            cosine_weight=terms.cosine,
            distance_weight=terms.distance,
            distance=terms.distance_as,
        )
    weighted = weights.info_nce * contrast + weights.classification * classes + weights.alignment * alignment
    if terms.aligned_contrast:
        means = [gathered(one.mean(dim=2)) for one in aligned]
        weighted = weighted + terms.aligned_contrast * info_nce(means[0], means[1], scale, config.label_smoothing)
    return Losses(weighted, contrast, classes, alignment)


def network_input(pixels: Tensor, device: torch.device, model: MeanConfig) -> Tensor:
    """(B, 3, S, S), 0 to 255, as the network's input on the device."""
    mean = torch.tensor(model.mean, device=device)[:, None, None] * 255
    std = torch.tensor(model.std, device=device)[:, None, None] * 255
    moved = pixels.to(device, non_blocking=True).float()
    return ((moved - mean) / std).contiguous(memory_format=torch.channels_last)


def precision_of(config: PlacesConfig, device: torch.device) -> torch.dtype:
    """What the network computes in."""
    cuda = device.type == "cuda"
    if config.precision == "auto":
        return torch.bfloat16 if cuda else torch.float32
    if config.precision == "published":
        return torch.float16 if cuda else torch.float32  # a CPU emulates it, fifteen times slower
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[config.precision]
