"""What each loss gives: `python -m train_scripts.ablate CONFIG.toml [--seeds N] [key=value ...]`.

With a config of places (`dataset = "KIND:PATH"`) the paper's Table VII: every row (losses and branches from
`configs/table7_*.toml`, all else from CONFIG) is trained once for each seed, in a folder of its own below `out`, and
tested after the last epoch. Printed are mean and standard deviation over the seeds beside the paper's figures.

With a config of simulated pairs (`worlds = "FOLDER"`) the losses of MEAN with the paper's weights: InfoNCE alone, with
classification, with CDA, with both, each for `minutes` (branches take time, so that a run with them makes fewer steps),
measured with --held-out, a folder of worlds that were packed with other seeds.

What is finished is not trained again and what was cut goes on: repeat the command.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mean_model.errors import ConfigError
from train_scripts.data.readers.dataset import BOTH_WAYS
from train_scripts.evaluation.paper_tables import ABLATIONS, PAPER
from train_scripts.train import read_config, start
from train_scripts.training import ablate_worlds
from train_scripts.training.places import run_config
from train_scripts.training.places_config import PlacesConfig
from train_scripts.training.worlds_config import WorldsConfig

log = logging.getLogger("train")

ROWS = sorted((Path(__file__).parent / "configs").glob("table7_*.toml"))
"""The configs of the table's rows, in its order."""

FIGURES = ("D2S R@1", "D2S AP", "S2D R@1", "S2D AP")


def runs_of(config: PlacesConfig, seeds: int) -> Iterator[tuple[int, PlacesConfig]]:
    """Row (0 to 5) and config of every run: all rows of one seed, then of the next."""
    same = replace(config, directions=BOTH_WAYS, protocols=("paper",), evaluate_every=config.epochs)
    for seed in range(config.seed, config.seed + seeds):
        for row, file in enumerate(ROWS):
            parts = read_config(file)
            assert isinstance(parts, PlacesConfig)
            out = str(Path(config.out) / f"{file.stem}_seed{seed}")
            yield row, replace(same, weights=parts.weights, terms=parts.terms, seed=seed, out=out)


def figures_of(history: Sequence[Mapping[str, Any]]) -> list[float]:
    """`FIGURES` after the last epoch of a run, of the first set that it was tested on."""
    tested = next(iter(history[-1]["results"].values()))
    of = {one["direction"]: one for one in tested}
    return [value for direction in BOTH_WAYS for value in (of[direction]["recall"]["1"], of[direction]["ap"])]


def table(found: np.ndarray) -> str:
    """The rows with mean and standard deviation, the paper's below each, and where a row does not improve.

    Args:
        found: (6, seeds, 4) percentages, in the order of `FIGURES`.
    """
    seeds = found.shape[1]
    mean = found.mean(axis=1)
    spread = found.std(axis=1, ddof=1) if seeds > 1 else np.full_like(mean, np.nan)
    lines = [f"{'':24}" + "".join(f"{name:>16}" for name in FIGURES)]
    for name, row, deviation, printed in zip(ABLATIONS, mean, spread, PAPER["VII"].blocks[0].rows, strict=True):
        cells = (f"{a:.2f} ± {b:.2f}" if seeds > 1 else f"{a:.2f}" for a, b in zip(row, deviation, strict=True))
        lines.append(f"{name:24}" + "".join(f"{cell:>16}" for cell in cells))
        lines.append(f"{'  paper':24}" + "".join(f"{value:16.2f}" for score in printed.scores for value in score))
    lines.append("")
    for column, name in enumerate(FIGURES):
        steps = found[1:, :, column] - found[:-1, :, column]
        said = [
            f"{ABLATIONS[row + 1]} {step.mean():+.2f} (up with {(step > 0).sum()} of {seeds} seeds)"
            for row, step in enumerate(steps)
        ]
        lines.append(f"{name}, each row against the one above: {', '.join(said)}")
    return "\n".join(lines) + "\n"


def run(config: WorldsConfig | PlacesConfig, options: argparse.Namespace) -> None:
    """Train what is not trained yet, and print the table."""
    if options.seeds < 1:
        raise ConfigError("--seeds must be 1 or more.")
    if isinstance(config, WorldsConfig):
        if options.held_out is None:
            raise ConfigError("Simulated pairs are measured on other worlds: give --held-out FOLDER.")
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        sys.stdout.write(ablate_worlds.ablate(config, options.held_out, options.seeds, device))
        return
    if options.held_out:
        raise ConfigError("--held-out belongs to a config of worlds; a dataset has a part to test on.")
    found: list[list[list[float]]] = [[] for _ in ROWS]
    for row, one in runs_of(config, options.seeds):
        log.info("row %d of %d, %s, seed %d", row + 1, len(ROWS), ABLATIONS[row], one.seed)
        found[row].append(figures_of(run_config(one).history))
    sys.stdout.write(table(np.array(found)))


def main(argv: list[str] | None = None) -> None:
    """Train the rows of a table, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="runs of every row (default 3)")
    parser.add_argument("--held-out", type=Path, metavar="FOLDER", help="packed worlds to measure simulated pairs with")
    start(parser, argv, run)


if __name__ == "__main__":
    main()
