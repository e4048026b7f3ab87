"""What a camera and the air do to a view: haze, light, lens and noise, as batched tensor code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def uniform(count: int, low: float, high: float, generator: torch.Generator, device: torch.device) -> Tensor:
    """(B, 1, 1, 1) random numbers, drawn by the CPU generator."""
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
    x = x.clamp_min(1e-4) ** torch.exp(uniform(count, -0.3 * s, 0.3 * s, generator, device))
    x = x * torch.exp(uniform(count, -0.3 * s, 0.25 * s, generator, device))
    balance = torch.exp((torch.rand(count, 3, generator=generator) - 0.5) * 0.24 * s).to(device)
    x = x * balance[:, :, None, None]
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * torch.exp(uniform(count, -0.3 * s, 0.25 * s, generator, device))
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * uniform(count, 1 - 0.5 * s, 1 + 0.3 * s, generator, device)
    radius = torch.hypot(
        torch.linspace(-1, 1, height, device=device)[:, None], torch.linspace(-1, 1, width, device=device)[None]
    )
    x = x * (1 - uniform(count, 0, 0.22 * s, generator, device) * radius**2)
    x = blur(x, float(torch.rand((), generator=generator)) * 0.9 * s)
    x = x + on_device(generator, device, torch.randn, x.shape) * uniform(count, 0.002, 0.03 * s, generator, device)
    return (x * 255).clamp(0, 255)


def on_device(
    generator: torch.Generator, device: torch.device, draw: Callable[..., Tensor], shape: Sequence[int]
) -> Tensor:
    """Random values drawn where they are used: millions of them drawn by the CPU would keep a GPU waiting.

    Args:
        generator: CPU generator. On a CPU it draws; on another device it seeds one of that device, whose values differ.
        draw: torch.rand or torch.randn.
    """
    if device.type == "cpu":
        return draw(shape, generator=generator)
    seed = int(torch.randint(2**62, (), generator=generator))
    return draw(shape, generator=torch.Generator(device).manual_seed(seed), device=device)


def another_sensor(pictures: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Some of the pictures as a web map may show them: coarse, then sharpened, tones stretched, colours pale or none.

    Args:
        pictures: (B, 3, H, W) 0..255; they are not changed.
        generator: CPU generator.
        share: of the pictures that are changed, 0 to 1.

    Returns:
        (B, 3, H, W) 0..255.
    """
    if not share:
        return pictures
    struck = (torch.rand(len(pictures), generator=generator) < share).nonzero()[:, 0].to(pictures.device)
    if not len(struck):
        return pictures
    x, count, device = pictures[struck], len(struck), pictures.device
    coarse = blur(x, 0.4 + 1.2 * float(torch.rand((), generator=generator)))
    x = torch.lerp(x, coarse, uniform(count, 0.3, 1.0, generator, device))
    x = x + uniform(count, 0.0, 1.5, generator, device) * (x - blur(x, 1.5))
    every = x.flatten(1)[:, ::7]  # enough of the values to know where they end
    low, high = (every.quantile(at, dim=1)[:, None, None, None] for at in (0.01, 0.99))
    stretched = (x - low) / (high - low).clamp_min(20) * 255
    x = torch.lerp(x, stretched, uniform(count, 0.0, 1.0, generator, device)).clamp(0, 255)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * uniform(count, -0.3, 1.3, generator, device).clamp_min(0)
    balance = (1 + 0.2 * (torch.rand(count, 3, generator=generator) - 0.5)).to(device)[:, :, None, None]
    result = pictures.clone()
    result[struck] = (x * balance).clamp(0, 255)
    return result


STRUCK_AGAIN = 0.35
"""Share of the pictures in weather that are changed a second time, by any of the kinds."""


def weather(pictures: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Fog, darkness, glare, rain, snow or a shaken camera on some of the pictures, as batched tensor code.

    Rougher than `train_scripts.data.loading.weather`, the benchmark's recipe, which training does not see: what is
    measured there is weather of another making.

    Args:
        pictures: (B, 3, H, W) 0..255; they are not changed.
        generator: CPU generator.
        share: of the pictures that are changed, 0 to 1.

    Returns:
        (B, 3, H, W) 0..255.
    """
    if not share:
        return pictures
    result = pictures.clone()
    struck = torch.rand(len(pictures), generator=generator) < share
    for _ in range(2):
        kinds = torch.randint(len(KINDS), (len(pictures),), generator=generator)
        for number, kind in enumerate(KINDS):
            members = (struck & (kinds == number)).nonzero()[:, 0].to(pictures.device)
            if len(members):
                result[members] = kind(result[members], generator).clamp(0, 255)
        struck &= torch.rand(len(pictures), generator=generator) < STRUCK_AGAIN
    return result


def smooth_noise(pictures: Tensor, generator: torch.Generator, cells: int) -> Tensor:
    """(B, 1, H, W) smooth noise, most of it within 0..1."""
    coarse = torch.rand(len(pictures), 1, cells, cells, generator=generator).to(pictures.device)
    return F.interpolate(coarse, size=pictures.shape[2:], mode="bicubic", align_corners=False)


def _fog(x: Tensor, generator: torch.Generator) -> Tensor:
    cover = uniform(len(x), 0.35, 0.75, generator, x.device) + 0.25 * (smooth_noise(x, generator, 5) - 0.3)
    air = uniform(len(x), 190, 235, generator, x.device) + 25 * (smooth_noise(x, generator, 7) - 0.5)
    cover = cover.clamp(0, 0.9)
    return x * (1 - cover) + air * cover


def _dark(x: Tensor, generator: torch.Generator) -> Tensor:
    return x * uniform(len(x), 0.1, 0.5, generator, x.device) + uniform(len(x), -8, 45, generator, x.device)


def _glare(x: Tensor, generator: torch.Generator) -> Tensor:
    return x * uniform(len(x), 0.8, 1.6, generator, x.device) + uniform(len(x), 20, 90, generator, x.device)


def _specks(x: Tensor, generator: torch.Generator, least: float, most: float) -> Tensor:
    """(B, 1, H, W), one where a drop or flake is. Args: least, most: share of a picture that they cover."""
    cover = uniform(len(x), least, most, generator, x.device)
    return (on_device(generator, x.device, torch.rand, (len(x), 1, *x.shape[2:])) < cover).float()


def _rain(x: Tensor, generator: torch.Generator) -> Tensor:
    drops = _specks(x, generator, 0.02, 0.12)
    reach = 2 * int(torch.randint(1, max(x.shape[2] // 24, 2), (), generator=generator)) + 1
    streaks = F.avg_pool2d(drops, (reach, 1), 1, (reach // 2, 0)) * uniform(len(x), 1.0, 3.0, generator, x.device)
    share = streaks.clamp(0, 0.8)
    return x * (1 - share) + uniform(len(x), 120, 240, generator, x.device) * share


def _snow(x: Tensor, generator: torch.Generator) -> Tensor:
    flakes = _specks(x, generator, 0.01, 0.1)
    flakes = F.max_pool2d(flakes, 2, 1, 1)[..., : x.shape[2], : x.shape[3]] * (
        0.4 + 0.6 * smooth_noise(x, generator, 6)
    )
    return torch.maximum(x + 60 * flakes, 250 * flakes.clamp(0, 1))


def _shake(x: Tensor, generator: torch.Generator) -> Tensor:
    reach = 2 * int(torch.randint(1, max(x.shape[2] // 20, 2), (), generator=generator)) + 1
    diagonal, upright = torch.eye(reach), torch.zeros(reach, reach)
    upright[:, reach // 2] = 1
    lines = (diagonal, diagonal.flip(0), upright, upright.T)
    line = lines[int(torch.randint(len(lines), (), generator=generator))].to(x.device) / reach
    padded = F.pad(x, (reach // 2,) * 4, mode="reflect")
    return F.conv2d(padded, line.expand(3, 1, reach, reach), groups=3)


KINDS: tuple[Callable[[Tensor, torch.Generator], Tensor], ...] = (_fog, _dark, _glare, _rain, _snow, _shake)
"""What `weather` chooses from."""
