"""What training does to its pictures: the published recipe on torchvision's transforms.

The paper names random cropping, horizontal flips and rotation. The code published with it does more and crops nothing:
JPEG artefacts, colour jitter, blur or sharpening, holes, quarter turns of the satellite picture, and one flip for both
views of a pair. This is the code's recipe; `least_crop` below 1 adds the cropping. Two steps are stand-ins for
albumentations' with the same ranges: a Gaussian for `AdvancedBlur`, and rectangles for `CoarseDropout`.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import v2

View = Literal["drone", "satellite"]

CONTRAST = {"drone": 0.7, "satellite": 0.3}
"""Largest change of the contrast by colour jitter; only here and in the quarter turns are the views treated
differently."""


class QuarterTurn(v2.Transform):
    """Turn by 0, 90, 180 or 270 degrees."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw what this call does, as `v2.Transform` asks."""
        return {"turns": int(torch.randint(4, ()))}

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """The picture (..., H, W) with what was drawn done to it."""
        return torch.rot90(inpt, params["turns"], (-2, -1))


class Sharpen(v2.Transform):
    """Mix in the picture minus its surroundings, as albumentations' `Sharpen`: share 0.2 to 0.5, lightness 0.5 to 1."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw what this call does, as `v2.Transform` asks."""
        return {"share": _uniform(0.2, 0.5), "lightness": _uniform(0.5, 1.0)}

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """The picture (..., H, W) with what was drawn done to it."""
        share = params["share"]
        kernel = torch.full((3, 3), -share)
        kernel[1, 1] = (1 - share) + share * (8 + params["lightness"])
        padded = F.pad(inpt.float().unsqueeze(0), (1, 1, 1, 1), mode="reflect")
        sharp = F.conv2d(padded, kernel.expand(len(inpt), 1, 3, 3), groups=len(inpt))
        return sharp[0].round().clamp(0, 255).to(torch.uint8)


class GridDropout(v2.Transform):
    """Black squares on a grid: 0.4 of each cell's side, cells of 2 pixels to a tenth of the picture."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw what this call does, as `v2.Transform` asks."""
        side = flat_inputs[0].shape[-1]
        return {"cell": int(torch.randint(2, max(3, side // 10 + 1), ()))}

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """The picture (..., H, W) with what was drawn done to it."""
        cell = params["cell"]
        hole = max(1, round(0.4 * cell))
        rows, columns = (torch.arange(side) % cell < hole for side in inpt.shape[-2:])
        return inpt.masked_fill(rows[:, None] & columns[None, :], 0)


class CoarseDropout(v2.Transform):
    """10 to 25 black rectangles, each side a tenth to a fifth of the picture's."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw what this call does, as `v2.Transform` asks."""
        side = flat_inputs[0].shape[-1]
        count = int(torch.randint(10, 26, ()))
        sizes = torch.randint(max(1, side // 10), max(2, side // 5 + 1), (count, 2))
        corners = (torch.rand(count, 2) * (side - sizes + 1)).long()
        return {"holes": torch.cat([corners, corners + sizes], dim=1).tolist()}

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """The picture (..., H, W) with what was drawn done to it."""
        result = inpt.clone()
        for top, left, bottom, right in params["holes"]:
            result[..., top:bottom, left:right] = 0
        return result


def augmentation(view: View, size_px: int, least_crop: float = 1.0) -> v2.Transform:
    """The transform of a picture (3, H, W) uint8 to the training picture (3, S, S) uint8, drawn by torch's generator.

    Args:
        view: whose recipe.
        size_px: side S of the square.
        least_crop: smallest share of the area that a random crop keeps; 1 keeps all, as the published code does.
    """
    square = (
        v2.RandomResizedCrop(size_px, scale=(least_crop, 1.0), ratio=(0.9, 1.1), antialias=True)
        if least_crop < 1
        else v2.Resize((size_px, size_px), antialias=True)
    )
    steps: list[v2.Transform] = [
        v2.RandomApply([v2.JPEG((90, 100))], p=0.5),
        square,
        v2.RandomApply([v2.ColorJitter(0.15, CONTRAST[view], 0.3, 0.3)], p=0.5),
        v2.RandomApply([v2.RandomChoice([v2.GaussianBlur(7, (0.2, 1.0)), Sharpen()])], p=0.3),
        v2.RandomApply([v2.RandomChoice([GridDropout(), CoarseDropout()])], p=0.3),
    ]
    return v2.Compose([*steps, QuarterTurn()] if view == "satellite" else steps)


def plain(size_px: int) -> v2.Transform:
    """Only the resizing."""
    return v2.Resize((size_px, size_px), interpolation=v2.InterpolationMode.BICUBIC, antialias=True)


def flipped_together(drone: Tensor, satellite: Tensor, probability: float) -> tuple[Tensor, Tensor]:
    """Both views mirrored left to right, or neither: a mirrored drone picture shows no place of an unmirrored tile."""
    if torch.rand(()) < probability:
        return drone.flip(-1), satellite.flip(-1)
    return drone, satellite


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))
