"""Networks that train in seconds, and a comparison of what a training keeps."""

from dataclasses import replace

import torch

from mean_model.config import MeanConfig
from tests.helpers import ROOT

CONFIGS = ROOT / "train_scripts" / "configs"
SMALL = MeanConfig("convnext_atto", 32, classes=6, embedding_channels=16, aligned_channels=16)
STEADY = replace(SMALL, deg_dropout=0.0, dec_dropout=0.0, de_dropout=0.0)


def alike(one: object, other: object, path: str = "") -> None:
    """Equal in every tensor, list and number."""
    if isinstance(one, torch.Tensor):
        assert isinstance(other, torch.Tensor) and torch.equal(one, other), path
    elif isinstance(one, dict):
        assert isinstance(other, dict) and one.keys() == other.keys(), path
        for key in one:
            alike(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, list | tuple):
        assert isinstance(other, list | tuple) and len(one) == len(other), path
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            alike(a, b, f"{path}[{number}]")
    else:
        assert one == other, path
