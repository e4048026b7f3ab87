"""What tests read from figures: their pixels."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageColor


def rendered(figure: Any) -> np.ndarray:
    """(H, W, 3) uint8 of a matplotlib figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=60)
    return np.asarray(Image.open(buffer).convert("RGB"))


def has_colour(pixels: np.ndarray, colour: str, within: int = 12) -> bool:
    """Whether any pixel has a colour, each channel within some levels."""
    return bool((np.abs(pixels.astype(int) - ImageColor.getrgb(colour)).max(-1) <= within).any())
