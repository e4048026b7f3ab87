"""What a camera and the air do to a view: haze, light, lens and noise, as batched tensor code."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def _uniform(count: int, low: float, high: float, generator: torch.Generator, device: torch.device) -> Tensor:
    return (low + (high - low) * torch.rand(count, generator=generator)).to(device)[:, None, None, None]


def add_haze(pictures: Tensor, distances_m: Tensor, visibility_m: Tensor) -> Tensor:
    """Blend towards a bright sky by Koschmieder's law.

    Args:
        pictures: (B, 3, H, W) 0..255.
        distances_m: (B, H, W) metres from camera to ground.
        visibility_m: (B,) meteorological visibility, where 2 % of the contrast are left.
    """
    kept = torch.exp(-3.912 * distances_m / visibility_m[:, None, None])[:, None]
    sky = torch.tensor([196.0, 205.0, 216.0], device=pictures.device)[None, :, None, None]
    return pictures * kept + sky * (1 - kept)


def blur(pictures: Tensor, sigma_px: float) -> Tensor:
    """Gaussian blur of one width for the whole batch."""
    if sigma_px < 0.05:
        return pictures
    radius = max(1, round(2.5 * sigma_px))
    x = torch.arange(-radius, radius + 1, device=pictures.device, dtype=pictures.dtype)
    kernel = torch.exp(-0.5 * (x / sigma_px) ** 2)
    kernel = (kernel / kernel.sum()).expand(3, 1, -1)
    padded = F.pad(pictures, (radius,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, kernel[:, :, None], groups=3), kernel[:, :, :, None], groups=3)


def photometry(pictures: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """Random exposure, contrast, gamma, white balance, saturation, vignette, blur and noise.

    Args:
        pictures: (B, 3, H, W) 0..255.
        generator: CPU generator; the same state gives the same pictures on every device.
        strength: 0 leaves the pictures alone, 1 is a drone camera on a changing day.

    Returns:
        (B, 3, H, W) 0..255.
    """
    if strength == 0:
        return pictures
    count, _, height, width = pictures.shape
    device, s = pictures.device, strength
    x = (pictures / 255).clamp(0, 1)
    x = x.clamp_min(1e-4) ** torch.exp(_uniform(count, -0.3 * s, 0.3 * s, generator, device))
    x = x * torch.exp(_uniform(count, -0.3 * s, 0.25 * s, generator, device))
    balance = torch.exp((torch.rand(count, 3, generator=generator) - 0.5) * 0.24 * s).to(device)
    x = x * balance[:, :, None, None]
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * torch.exp(_uniform(count, -0.3 * s, 0.25 * s, generator, device))
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * _uniform(count, 1 - 0.5 * s, 1 + 0.3 * s, generator, device)
    radius = torch.hypot(
        torch.linspace(-1, 1, height, device=device)[:, None], torch.linspace(-1, 1, width, device=device)[None]
    )
    x = x * (1 - _uniform(count, 0, 0.22 * s, generator, device) * radius**2)
    x = blur(x, float(torch.rand((), generator=generator)) * 0.9 * s)
    noise = torch.randn(x.shape, generator=generator).to(device)
    x = x + noise * _uniform(count, 0.002, 0.03 * s, generator, device)
    return (x * 255).clamp(0, 255)
