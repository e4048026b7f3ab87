"""A model that is small: its answers mean nothing, but they are answers."""

from pathlib import Path

import torch

from mean_model import MEAN, MeanConfig, save_model


def save_tiny(folder: Path, image_size: int = 32, classes: int = 3, seed: int = 0) -> Path:
    """Write a MEAN of the smallest backbone with random weights. Args: image_size: pixels. Returns: its folder."""
    torch.manual_seed(seed)
    config = MeanConfig(backbone="convnext_atto", image_size=image_size, classes=classes)
    save_model(folder, MEAN.from_config(config), config)
    return folder
