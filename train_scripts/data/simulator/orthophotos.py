"""Pictures of real ground from above as worlds to train on: orthophoto cells, photos that look straight down.

Nobody has to know where they were taken or how large a pixel is: a picture is taken as flat ground of any side. There
is one day of each; other days are made by colour (`other_days`).
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import torch
from PIL import ImageOps
from torch import Tensor
from tqdm import tqdm

from gallery.imagery.images import images_below, read_picture
from train_scripts.data.simulator.pairs import Pool
from train_scripts.data.simulator.renderer import Surfaces
from train_scripts.data.simulator.sensor import smooth_noise
from train_scripts.errors import BadRequest

SIDE_PX = 768
SIDES = (4.8, 3.2, 2.4)
"""Sides of ground that a picture is taken for, in sides of a tile: for 9, 1 or 1 places."""

DAYS = 3
"""Appearances of each picture, the first as it is."""


def picture_pool(
    folders: Sequence[Path], flights: Sequence[Path], leave_out: Sequence[str] = (), seed: int = 0
) -> Pool:
    """The squares in the middle of all pictures, as worlds of one metre a pixel; `Pool.of_side` makes others of them.

    Args:
        folders: of pictures that show different ground each.
        flights: folders of photos that overlap: of one flight, one photo takes part in a batch.
        leave_out: names of pictures that are not to be trained on, as in a shell: `nepal*`.
        seed: of the other days.

    Raises:
        BadRequest: a folder holds no picture.
        GalleryError: a picture cannot be read.
    """
    files: list[Path] = []
    kin: list[int] = []
    for number, folder in enumerate((*folders, *flights)):
        found = [file for file in images_below(folder) if not any(fnmatch(file.name, one) for one in leave_out)]
        if not found:
            raise BadRequest(f"There is no picture to train on in {folder.name}.")
        own = number < len(folders)
        kin += [len(files) + place if own else -1 - number for place in range(len(found))]
        files += found
    generator = torch.Generator().manual_seed(seed)
    days = [_days(file, generator) for file in tqdm(files, unit="picture", leave=False)]
    pixels = torch.cat(days)
    flat = torch.zeros(pixels.shape[:3], dtype=torch.float16)
    suns = torch.tensor([[0.0, 0.0, 1.0]] * len(pixels))
    surfaces = Surfaces.stack(pixels, flat, 1.0, [0.0] * len(pixels), [0.0] * len(pixels))
    return Pool(surfaces, suns, len(files), DAYS, SIDE_PX, tuple(kin)).of_side(SIDE_PX)


def _days(file: Path, generator: torch.Generator) -> Tensor:
    """(DAYS, SIDE_PX, SIDE_PX, 3) uint8, the square in the middle of a picture."""
    square = np.array(ImageOps.fit(read_picture(file, 2 * SIDE_PX), (SIDE_PX, SIDE_PX)))
    picture = torch.from_numpy(square).permute(2, 0, 1)[None].float()
    days = torch.cat([picture, other_days(picture.expand(DAYS - 1, -1, -1, -1), generator)])
    return days.permute(0, 2, 3, 1).round().to(torch.uint8)


def other_days(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures as on another day: light, tone and tint, plants that turn brown, pale or dark, shadows of clouds, snow.

    Wide on purpose and not like any real season: what the network is to learn is to look at shapes and not at colours.

    Args:
        pictures: (B, 3, H, W) 0..255.
        generator: CPU generator.

    Returns:
        (B, 3, H, W) 0..255.
    """
    count = len(pictures)

    def uniform(low: float, high: float, channels: int = 1) -> Tensor:
        return low + (high - low) * torch.rand(count, channels, 1, 1, generator=generator)

    x = (pictures / 255).clamp(0, 1)
    red, green, blue = x.split(1, dim=1)
    plants = torch.sigmoid(25 * (2 * green - red - blue) - 1)
    grey = x.mean(1, keepdim=True)
    turned = grey * uniform(0.5, 1.5) * uniform(0.8, 1.2, 3)
    x = torch.lerp(x, turned, plants * uniform(0.0, 0.9))
    snow = uniform(-2.0, 0.8).clamp_min(0) * (0.6 + 0.8 * (smooth_noise(pictures, generator, 9) - 0.5)).clamp(0, 1)
    x = torch.lerp(x, 0.75 + 0.25 * grey, snow * (1 - (grey < 0.18).float()))
    x = x.clamp(1e-3, 1) ** torch.exp(uniform(-0.1, 0.1, 3) + uniform(-0.4, 0.4))
    shade = torch.sigmoid(14 * (smooth_noise(pictures, generator, 4) - uniform(0.6, 1.3)))
    light = uniform(0.75, 1.2) * uniform(0.9, 1.1, 3)
    return (255 * x * light * (1 - uniform(0.1, 0.45) * shade)).clamp(0, 255)
