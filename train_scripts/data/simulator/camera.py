"""Pinhole cameras above the ground: batches of poses, the rays of their pixels, and random flights.

Frame: x east, y north, z up, metres. Heading is clockwise from north; pitch is -90 straight down and 0 at the horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# A 24 mm equivalent lens, the usual wide camera of a small drone, sees 73.7 degrees across a 4:3 frame's long side.
DRONE_HFOV_DEG = 73.7
ASPECT = 0.75  # height of its photos over their width


@dataclass(frozen=True)
class Cameras:
    """A batch of pinhole cameras.

    Attributes:
        position: (B, 3) metres east, north, above sea level.
        heading_deg: (B,) clockwise from north.
        pitch_deg: (B,) from -90 (nadir) to 0 (horizon).
        roll_deg: (B,) clockwise as the camera sees it.
        hfov_deg: (B,) horizontal field of view.
    """

    position: Tensor
    heading_deg: Tensor
    pitch_deg: Tensor
    roll_deg: Tensor
    hfov_deg: Tensor

    def __len__(self) -> int:
        return self.position.shape[0]


def rotation(cameras: Cameras) -> Tensor:
    """(B, 3, 3) matrices whose columns are the camera's right, down and forward axes in the world frame."""
    heading, pitch, roll = (torch.deg2rad(a) for a in (cameras.heading_deg, cameras.pitch_deg, cameras.roll_deg))
    zero = torch.zeros_like(heading)
    forward = torch.stack(
        [torch.sin(heading) * torch.cos(pitch), torch.cos(heading) * torch.cos(pitch), torch.sin(pitch)], -1
    )
    right = torch.stack([torch.cos(heading), -torch.sin(heading), zero], -1)
    down = torch.linalg.cross(forward, right)
    cos, sin = torch.cos(roll)[:, None], torch.sin(roll)[:, None]
    return torch.stack([cos * right + sin * down, cos * down - sin * right, forward], -1)


def rays(cameras: Cameras, pixels: Tensor, width: int) -> Tensor:
    """Directions of pixels, not normalised.

    Args:
        cameras: B cameras.
        pixels: (P, 2) offsets from the image centre in pixels, right and down.
        width: image width in pixels, spanned by the horizontal field of view.

    Returns:
        (B, P, 3) directions in the world frame.
    """
    focal_px = 0.5 * width / torch.tan(0.5 * torch.deg2rad(cameras.hfov_deg))
    local = torch.cat(
        [pixels[None] / focal_px[:, None, None], torch.ones(len(cameras), pixels.shape[0], 1, device=pixels.device)], -1
    )
    return local @ rotation(cameras).transpose(1, 2)


def ground_grid_rays(
    believed: Cameras, true: Cameras, centre: Tensor, side_m: Tensor, size_px: int
) -> tuple[Tensor, Tensor]:
    """Directions in which a camera saw the points of a north-up square on flat ground, as far as it knows its pose.

    A photo is brought to the ground plane by the pose that it states; where that errs, other rays end up in the square.

    Args:
        believed, true: B cameras as stated, and as they were; their image centres differ little.
        centre: (B, 3) middle of the square.
        side_m: (B,) side of the square.
        size_px: pixels along it.

    Returns:
        (B, size_px ** 2, 3) directions from the true camera, and (B, size_px ** 2) which of them its picture holds.
    """
    grid = pixel_grid(size_px, size_px, centre.device) / size_px
    offsets = torch.stack([grid[:, 0], -grid[:, 1], torch.zeros_like(grid[:, 0])], -1)
    local = (centre[:, None] + offsets * side_m[:, None, None] - believed.position[:, None]) @ rotation(believed)
    ahead = local[..., 2:]
    slopes = local[..., :2] / ahead.clamp_min(1e-3)
    half = torch.tan(0.5 * torch.deg2rad(believed.hfov_deg))[:, None]
    held = (ahead[..., 0] > 0) & (slopes[..., 0].abs() <= half) & (slopes[..., 1].abs() <= half * ASPECT)
    zoom = torch.tan(0.5 * torch.deg2rad(true.hfov_deg))[:, None] / half
    seen = torch.cat([slopes * zoom[..., None], torch.ones_like(ahead)], -1)
    return seen @ rotation(true).transpose(1, 2), held


def pixel_grid(width: int, height: int, device: torch.device | str = "cpu") -> Tensor:
    """(height * width, 2) centres of all pixels, row by row, as offsets from the image centre."""
    y = torch.arange(height, device=device, dtype=torch.float32) + 0.5 - height / 2
    x = torch.arange(width, device=device, dtype=torch.float32) + 0.5 - width / 2
    yy, xx = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([xx, yy], -1).reshape(-1, 2)


def looking_at(
    target: Tensor,
    altitude_m: Tensor,
    heading_deg: Tensor,
    pitch_deg: Tensor,
    roll_deg: Tensor | None = None,
    hfov_deg: float | Tensor = DRONE_HFOV_DEG,
) -> Cameras:
    """Cameras whose image centre shows `target` (B, 3) from `altitude_m` (B,) above it.

    Pitch must lie below the horizon; the camera stands back from the target against its heading.
    """
    back = altitude_m / torch.tan(torch.deg2rad(-pitch_deg))
    heading = torch.deg2rad(heading_deg)
    position = torch.stack(
        [target[:, 0] - back * torch.sin(heading), target[:, 1] - back * torch.cos(heading), target[:, 2] + altitude_m],
        -1,
    )
    hfov = torch.as_tensor(hfov_deg, dtype=torch.float32, device=target.device).expand(len(target))
    roll = torch.zeros_like(pitch_deg) if roll_deg is None else roll_deg
    return Cameras(position, heading_deg, pitch_deg, roll, hfov)
