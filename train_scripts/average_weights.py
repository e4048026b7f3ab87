"""The mean of trained weights: `python -m train_scripts.average_weights OUT MODEL=SHARE MODEL=SHARE ...`.

Weights that went on from others are often better averaged with them than by themselves, and lose less of what the
others knew (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022). MODEL is anything that `--model`
takes elsewhere; the shares are scaled to 1. Only weights that descend from one another can be averaged so: measure what
comes out. Config and input size are those of the first; OUT is for inference.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from mean_model.checkpoint import load_network, save_model
from mean_model.config import MeanConfig
from mean_model.errors import CheckpointError, MeanModelError
from mean_model.network import MEAN
from train_scripts.arguments import program


def average(parts: Sequence[tuple[str, float]]) -> tuple[MEAN, MeanConfig]:
    """The backbone whose every weight is the weighted mean of those of others, and the config of the first.

    Args:
        parts: weights as `mean_model.load_model` takes them, and their share, at least 0; shares need not sum to 1.

    Raises:
        CheckpointError: fewer than two, shares that make no mean, or weights of another backbone.
        MeanModelError: as `mean_model.load_model` raises.
    """
    total = sum(share for _, share in parts)
    if len(parts) < 2 or any(not 0 <= share < float("inf") for _, share in parts) or not 0 < total < float("inf"):
        raise CheckpointError("Name at least two models, with finite shares of which none is below 0 and one is above.")
    loaded = [load_network(source) for source, _ in parts]
    _, network, config, _ = loaded[0]
    for name, _, other, _ in loaded:
        if other.backbone != config.backbone:
            raise CheckpointError(
                f"{name} has the backbone {other.backbone}, and the first has {config.backbone}: "
                "only weights of one network can be averaged."
            )
    states = [one.inference_state_dict() for _, one, _, _ in loaded]
    with torch.no_grad():
        for key, value in states[0].items():
            weighted = (share / total * state[key].double() for (_, share), state in zip(parts, states, strict=True))
            value.copy_(sum(weighted, torch.zeros((), dtype=torch.double)))
    return network, config


def part(text: str) -> tuple[str, float]:
    """MODEL=SHARE; the last sign of equality counts, as names may hold one.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    source, _, share = text.rpartition("=")
    try:
        number = float(share)
    except ValueError:
        number = -1.0
    if not source or not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no MODEL=SHARE, such as runs/region/model=0.7.")
    return source, number


def main(argv: Sequence[str] | None = None) -> None:
    """Average and save."""
    parser = program("average_weights", __doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="the model folder to write")
    parser.add_argument("parts", type=part, nargs="+", metavar="MODEL=SHARE")
    options = parser.parse_args(argv)
    try:
        network, config = average(options.parts)
        save_model(options.out, network, config)
    except MeanModelError as error:
        parser.error(str(error))
    sys.stdout.write(f"{options.out}: the mean of {len(options.parts)} models\n")


if __name__ == "__main__":
    main()
