"""The three training branches of MEAN: PEE, GEE and CEA (Sec. III-B to III-D of the paper), and the grid embedding.

Each layer takes plain numbers; only `network.MEAN.from_config` sees the config. Attributes carry the paper's names.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DiversifiedEmbeddingGenerator(nn.Module):
    """DEG: three dilated views of the map, mixed and added to it, dropped out twice (Eq. 2 and 3).

    The two results are the same tensor but for their dropout, as the paper says ("two identical
    feature representations").
    """

    def __init__(self, channels: int, dropout: float = 0.01) -> None:
        super().__init__()
        narrow = max(1, channels // 4)
        self.dilated = nn.ModuleList(
            nn.Conv2d(channels, narrow, kernel_size=3, padding=rate, dilation=rate, bias=False) for rate in (1, 2, 3)
        )
        self.restore = nn.Conv2d(narrow, channels, kernel_size=1)
        self.dropout = nn.Dropout(dropout)
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                nn.init.kaiming_normal_(parameter)
            else:
                nn.init.zeros_(parameter)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> two maps of the same shape."""
        first, second, third = (layer(features) for layer in self.dilated)
        diversified = self.restore(F.relu((first + second + third) / 3))
        fused = (diversified + features) / 2
        return self.dropout(fused), self.dropout(fused)


class DiversifiedEmbeddingClassifier(nn.Module):
    """DEC: a pooled vector, read as a signal along its channels by four banks of filters, then classified (Eq. 4)."""

    def __init__(self, classes: int, embedding_channels: int = 512, dropout: float = 0.5) -> None:
        super().__init__()
        bank = embedding_channels // 4
        self.dilated = nn.ModuleList(
            nn.Conv1d(1, bank, kernel_size=3, padding=rate, dilation=rate) for rate in (1, 2, 3)
        )
        self.pointwise = nn.Conv1d(1, bank, kernel_size=1)
        self.norm = nn.BatchNorm1d(embedding_channels)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(embedding_channels, classes)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C) -> logits (B, classes) and the embedding that they are read from (B, embedding_channels)."""
        signal = pooled.unsqueeze(1)
        banks = [layer(signal) for layer in self.dilated]
        banks.append(F.relu(self.pointwise(signal)))
        embedding = self.dropout(self.norm(torch.cat(banks, dim=1).mean(dim=2)))
        return self.classifier(embedding), embedding


class ProgressiveExtensionEmbedding(nn.Module):
    """PEE: the two maps of DEG, pooled, each with its own DEC (Sec. III-B)."""

    def __init__(self, deg: DiversifiedEmbeddingGenerator, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.deg = deg
        self.dec = nn.ModuleList([first, second])

    def forward(self, features: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """(B, C, H, W) -> (logits, embedding) of each of the two heads."""
        first, second = self.deg(features)
        return self.dec[0](first.mean(dim=(2, 3))), self.dec[1](second.mean(dim=(2, 3)))


class GlobalExtensionEmbedding(nn.Module):
    """GEE: a DEC on the pooled backbone feature (Sec. III-C)."""

    def __init__(self, dec: DiversifiedEmbeddingClassifier) -> None:
        super().__init__()
        self.dec = dec

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C) -> logits (B, classes) and embedding (B, embedding_channels)."""
        logits, embedding = self.dec(pooled)
        return logits, embedding


class DomainEnhancement(nn.Module):
    """DE: each location widened to 2C channels and narrowed to a unit vector of C/3 (Eq. 6 and 7)."""

    def __init__(self, channels: int, compact_channels: int, dropout: float = 0.05) -> None:
        super().__init__()
        self.widen = nn.Conv1d(channels, 2 * channels, kernel_size=1, bias=False)
        self.norm = nn.BatchNorm1d(2 * channels)
        self.narrow = nn.Conv1d(2 * channels, compact_channels, kernel_size=1, bias=False)
        self.dropout = nn.Dropout(dropout)
        nn.init.kaiming_normal_(self.widen.weight)
        nn.init.kaiming_normal_(self.narrow.weight)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, L) -> (B, compact_channels, L), each location of length 1."""
        wide = F.relu(self.norm(self.widen(features)))
        return F.normalize(self.dropout(self.narrow(wide)), dim=1)


class FeatureAdaptiveTemperature(nn.Module):
    """FAT: where in the picture each channel looks, as a sharpened and rebalanced distribution (Eq. 8).

    The second softmax flattens the first almost to uniform, for its inputs lie in 0..1. "twice" is nevertheless the
    default, because Eq. 8 says so and the published checkpoints were trained so; "once" keeps the sharpened one.
    """

    def __init__(self, channels: int, temperature: float = 0.1, softmax: Literal["twice", "once"] = "twice") -> None:
        super().__init__()
        self.adjust = nn.Conv1d(channels, channels, kernel_size=1)
        self.temperature = temperature
        self.rebalance = softmax == "twice"

    def forward(self, compact: Tensor) -> Tensor:
        """(B, c, L) -> (B, c, L); each channel sums to 1 over its L locations."""
        sharpened = F.softmax(self.adjust(compact) / self.temperature, dim=2)
        return F.softmax(sharpened, dim=2) if self.rebalance else sharpened


class MultiScaleFusion(nn.Module):
    """MSF: map and weights brought to one width, joined, compressed (Eq. 9 and 10)."""

    def __init__(self, channels: int, weight_channels: int, out_channels: int = 512) -> None:
        super().__init__()
        self.features = nn.Conv1d(channels, out_channels, kernel_size=1)
        self.weights = nn.Conv1d(weight_channels, out_channels, kernel_size=1)
        self.compress = nn.Conv1d(2 * out_channels, out_channels, kernel_size=1)
        self.norm = nn.BatchNorm1d(out_channels)

    def forward(self, features: Tensor, weights: Tensor) -> Tensor:
        """(B, C, L) and (B, c, L) -> (B, out_channels, L), not negative."""
        joined = torch.cat([self.features(features), self.weights(weights)], dim=1)
        return F.relu(self.norm(self.compress(joined)))


class CrossDomainEnhancedAlignment(nn.Module):
    """CEA: the aligned map that the CDA loss compares between the views (Sec. III-D)."""

    def __init__(self, de: DomainEnhancement, fat: FeatureAdaptiveTemperature, msf: MultiScaleFusion) -> None:
        super().__init__()
        self.de = de
        self.fat = fat
        self.msf = msf

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, aligned_channels, H * W)."""
        flat = features.flatten(2)
        aligned: Tensor = self.msf(flat, self.fat(self.de(flat)))
        return aligned


class GridEmbedding(nn.Module):
    """The map as a grid of cells, each projected to few numbers by one learnt layer. Not of the paper.

    The mean of a map forgets where in the picture something lies. A grid keeps it, for pictures that are north up; as
    all cells share the layer, a map that is turned by a quarter has the same cells in other places.
    """

    def __init__(self, channels: int, cells: int, cell_channels: int) -> None:
        super().__init__()
        self.cells = cells
        self.project = nn.Linear(channels, cell_channels)

    def pooled(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, cells * cells, C), the mean of each cell, row by row from the upper left."""
        return F.adaptive_avg_pool2d(features, self.cells).flatten(2).transpose(1, 2)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, cells * cells * cell_channels), the numbers of one cell side by side."""
        embedding: Tensor = self.project(self.pooled(features)).flatten(1)
        return embedding

    @torch.no_grad()
    def start_from(self, features: Tensor) -> None:
        """Begin with the principal directions of the cells of some maps (B, C, H, W), each of the same spread.

        Raises:
            ValueError: fewer cells than numbers are asked of one.
        """
        cells = self.pooled(features).flatten(0, 1).float()
        wanted = self.project.out_features
        if len(cells) < wanted:
            raise ValueError(f"{len(cells)} cells have no {wanted} principal directions.")
        mean = cells.mean(0)
        _, spread, directions = torch.linalg.svd(cells - mean, full_matrices=False)
        weight = directions[:wanted] / (spread[:wanted, None] / len(cells) ** 0.5).clamp_min(1e-6)
        self.project.weight.copy_(weight)
        self.project.bias.copy_(-weight @ mean)
