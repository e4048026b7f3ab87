"""How other methods take a picture apart: from the backbone's map or tokens to one feature for each part.

Each class is called with the last map (B, C, H, W), a transformer's tokens on their grid, and the feature of the whole
picture (B, C), and returns a list of features (B, C).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import ConfigError


class MapMean(nn.Module):
    """The one part of MuSe-Net and of DenseUAV's baseline: the mean of the map; a class token is left out."""

    def forward(self, features: Tensor, pooled: Tensor) -> list[Tensor]:
        """One feature (B, C)."""
        return [features.mean((2, 3))]


class HeatRegions(nn.Module):
    """FSRA's partition: the tokens in the order of their mean value, cut into equal regions; then the whole.

    The last region takes what is left over (Dai et al., TCSVT 2022).
    """

    def __init__(self, regions: int) -> None:
        super().__init__()
        self.regions = regions

    def forward(self, features: Tensor, pooled: Tensor) -> list[Tensor]:
        """`regions` + 1 features (B, C)."""
        patches = features.flatten(2).transpose(1, 2)
        order = patches.mean(2).argsort(dim=1, descending=True)
        hottest_first = patches.gather(1, order[:, :, None].expand_as(patches))
        each = patches.shape[1] // self.regions
        sizes = [each] * (self.regions - 1)
        regions = hottest_first.split([*sizes, patches.shape[1] - sum(sizes)], dim=1)
        return [*(region.mean(1) for region in regions), pooled]


class SquareRings(nn.Module):
    """LPN's partition: the mean over each square ring of the map, from the middle to the border.

    As published, a ring's sum is divided by the area of the whole square that it bounds, and map sides are even.
    """

    def __init__(self, rings: int) -> None:
        super().__init__()
        self.rings = rings

    def forward(self, features: Tensor, pooled: Tensor) -> list[Tensor]:
        """`rings` features (B, C). Raises: ConfigError: the map is too small for as many rings."""
        height, width = features.shape[2:]
        step = height // 2 // self.rings
        if not step:
            raise ConfigError(
                f"A map of {height} x {width} has no {self.rings} square rings: take a larger image_size, a smaller "
                "output_stride, or fewer parts."
            )
        sums, areas = [torch.zeros_like(features[:, :, 0, 0])], []
        for ring in range(1, self.rings + 1):
            margin = 0 if ring == self.rings else height // 2 - ring * step
            square = features[:, :, margin : height - margin, margin : width - margin]
            sums.append(square.sum((2, 3)))
            areas.append(square.shape[2] * square.shape[3])
        return [(sums[i + 1] - sums[i]) / area for i, area in enumerate(areas)]


DENSE_PARTS = 10  # of four rings: 4 alone, 3 and 2 joined from neighbours, and the outer one once more


class DenseRings(nn.Module):
    """SDPL's shifted dense partition: rings about three centres, joined with their neighbours, weighed and added.

    As its public code computes it (C-water/SDPL_release, model_LPN_Gem_denseLPN.py), which differs from the paper:
    the pooling's exponent is 3 and not what was learnt; what a centre takes out of the outer ring is missing for the
    centres after it; the outer ring lies about its own centre where others are joined to it; and the tenth part, the
    whole map in the paper, is the outer ring.
    """

    shifts = (-1, 0, 1)  # of the centre along both axes, in sixteenths of the map's side
    least_side = 8  # of a map

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, 1024, 1)
        self.shares = nn.Sequential(nn.Linear(1024, 512), nn.Linear(512, 512), nn.Linear(512, len(self.shifts)))

    def forward(self, features: Tensor, pooled: Tensor) -> list[Tensor]:
        """`DENSE_PARTS` features (B, C). Raises: ConfigError: the map is too small."""
        if min(features.shape[2:]) < self.least_side:
            raise ConfigError(
                f"A map of {features.shape[2]} x {features.shape[3]} is too small for dense rings: they need "
                f"{self.least_side} x {self.least_side}, by a larger image_size or a smaller output_stride."
            )
        shares = self.shares(self.reduce(features).relu().mean((2, 3))).softmax(1)  # (B, 3)
        step, middle = features.shape[2] // 8, features.shape[2] // 2
        shifted = []
        for sixteenths in self.shifts:
            shift = sixteenths * max(1, features.shape[2] // 16)
            rings = []
            for ring in (1, 2, 3):
                low, high = middle - ring * step + shift, middle + ring * step + shift
                square = features[:, :, low:high, low:high].clone()
                if ring > 1:
                    square[:, :, step:-step, step:-step] = 0
                rings.append(square)
            features = features.clone()
            features[:, :, low:high, low:high] = 0
            shifted.append(torch.stack([_cube_mean(part) for part in self._joined([*rings, features])], dim=1))
        parts = (torch.stack(shifted, dim=1) * shares[:, :, None, None]).sum(1)
        return list(parts.unbind(1))

    @staticmethod
    def _joined(rings: list[Tensor]) -> list[Tensor]:
        def join(outer: Tensor, inner: Tensor) -> Tensor:
            margin = (outer.shape[2] - inner.shape[2]) // 2
            return outer + F.pad(inner, [margin] * 4)

        first, second, third, outer = rings
        two, middle_two = join(second, first), join(third, second)
        return [*rings, two, middle_two, join(outer, third), join(third, two), join(outer, middle_two), outer]


def _cube_mean(square: Tensor) -> Tensor:
    """GeM with exponent 3: (B, C, H, W) -> (B, C)."""
    return square.clamp(min=1e-6).pow(3).mean((2, 3)).pow(1 / 3)


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


class DeviationGate(nn.Module):
    """CCR's gate: a map weighted by a 7 x 7 convolution of its mean and its standard deviation, in learnt shares."""

    def __init__(self) -> None:
        super().__init__()
        self.shares = nn.Parameter(torch.zeros(2))
        self.conv = nn.Conv2d(1, 1, 7, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) of the same shape; which axis is called C is the caller's choice."""
        shares = 0.5 + self.shares.sigmoid()
        summary = shares[0] * features.std(1, keepdim=True) + shares[1] * features.mean(1, keepdim=True)
        weights: Tensor = self.norm(self.conv(summary)).sigmoid()
        return features * weights


def _gated(rows: nn.Module, columns: nn.Module, features: Tensor) -> tuple[Tensor, Tensor]:
    """The map seen along its rows and along its columns, each (B, C, H, W)."""
    return (
        rows(features.transpose(1, 2)).transpose(1, 2),
        columns(features.transpose(1, 3)).transpose(1, 3),
    )


class TripletAttention(nn.Module):
    """MCCG's parts: the means of the map seen along its rows and along its columns, and the pooled feature."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.columns = Gate(), Gate()

    def forward(self, features: Tensor, pooled: Tensor) -> list[Tensor]:
        """Three features (B, C)."""
        return [*(gated.mean((2, 3)) for gated in _gated(self.rows, self.columns, features)), pooled]


ATTENTION_MAPS = 32  # M of CCR as published


class AttentionPooling(nn.Module):
    """CCR's parts: the map seen along rows and along columns, each pooled under M attention maps; the pooled feature.

    Bilinear attention pooling with a signed square root, brought to length 1. The counterfactual branch, which pools
    under random attention, is training only.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rows, self.columns = DeviationGate(), DeviationGate()
        self.attention = nn.Conv2d(channels, ATTENTION_MAPS, 1, bias=False)
        self.norm = nn.BatchNorm2d(ATTENTION_MAPS, eps=1e-3)

    def forward(self, features: Tensor, pooled: Tensor) -> list[Tensor]:
        """Two features (B, M C) and one (B, C)."""
        return [*(self._pooled(gated) for gated in _gated(self.rows, self.columns, features)), pooled]

    def _pooled(self, features: Tensor) -> Tensor:
        attention = self.norm(self.attention(features)).relu()
        locations = features.shape[2] * features.shape[3]
        means = torch.einsum("bmhw,bchw->bmc", attention, features).flatten(1) / locations
        return F.normalize(means.sign() * (means.abs() + 1e-6).sqrt(), dim=1)
