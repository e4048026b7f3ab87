"""What each loss gives where training is by simulated pairs: the same run with and without it, on worlds held out."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from gallery.intervals import share
from mean_model.errors import ConfigError
from mean_model.losses import UNIVERSITY_1652, LossWeights
from mean_model.network import MEAN
from train_scripts.data.simulator.pairs import Pool, load_pool, places_of, random_pairs
from train_scripts.training.grounds import open_worlds, prepared
from train_scripts.training.optimisation import averaged
from train_scripts.training.worlds import train
from train_scripts.training.worlds_config import WorldsConfig
from train_scripts.training.worlds_step import embeddings_of

log = logging.getLogger("train")

LOSSES: Mapping[str, LossWeights] = MappingProxyType(
    {
        "InfoNCE alone": replace(UNIVERSITY_1652, classification=0.0, alignment=0.0),
        "InfoNCE + classes": replace(UNIVERSITY_1652, alignment=0.0),
        "InfoNCE + CDA": replace(UNIVERSITY_1652, classification=0.0),
        "all of MEAN's": UNIVERSITY_1652,
    }
)
"""Rows of the table, with the paper's weights."""

ROUNDS = 4
"""Views of every held-out place that are asked."""

VIEWS_SEED = 20_000
"""Seed of the views that every row is asked."""


def runs_of(config: WorldsConfig, seeds: int) -> Iterator[tuple[str, WorldsConfig]]:
    """Name and config of every run: all rows of one seed, then of the next."""
    for seed in range(config.seed, config.seed + seeds):
        for name, weights in LOSSES.items():
            folder = re.sub(r"\W+", "_", name.lower())
            yield name, replace(config, weights=weights, seed=seed, out=str(Path(config.out) / f"{folder}_seed{seed}"))


@torch.no_grad()
def found(network: MEAN, pool: Pool, config: WorldsConfig) -> tuple[int, int]:
    """Views whose own tile is the best among one tile of every place of the worlds, and how many were asked.

    Args:
        network: on the device of the pool.
    """
    places = places_of(pool, config.flight)
    generator = torch.Generator().manual_seed(VIEWS_SEED)
    right = asked = 0
    for _ in range(ROUNDS):
        pairs = random_pairs(
            pool,
            places,
            config.model.image_size,
            config.flight,
            generator,
            worlds_per_batch=pool.worlds,
            steps=config.render_steps,
            photometry_strength=config.photometry,
        )
        drone, satellite = (
            torch.cat([embeddings_of(network, part, config) for part in view.split(config.batch)])
            for view in pairs.views
        )
        scores = (drone @ satellite.T).masked_fill(pairs.same, -torch.inf)
        right += int((scores.argmax(1) == torch.arange(len(scores), device=scores.device)).sum())
        asked += len(scores)
    return right, asked


def world_names(folder: Path) -> set[str]:
    """Packed worlds of a folder, named by their seeds."""
    return {file.name for file in folder.glob("world_*.npz")}


def table(rows: Mapping[str, list[tuple[int, int, int]]], minutes: float) -> str:
    """Text. Args: rows: for every seed, views found, views asked and steps; minutes: of a run."""
    lines = [f"{'':20}{'R@1, held out':>28}{'by seed':>28}{'steps':>8}"]
    for name, seeds in rows.items():
        right, asked = (sum(column) for column in list(zip(*seeds, strict=True))[:2])
        estimate = share(right, asked)
        each = ", ".join(f"{100 * one / of:.1f}" for one, of, _ in seeds)
        said = f"{estimate.value:.1f} % ({estimate.low:.1f}-{estimate.high:.1f})"
        lines.append(f"{name:20}{said:>28}{each:>28}{np.mean([steps for *_, steps in seeds]):8.0f}")
    return "\n".join([*lines, f"{minutes:g} minutes a run, whatever its steps cost"]) + "\n"


def ablate(config: WorldsConfig, held_out: Path, seeds: int, device: torch.device) -> str:
    """Train what is not trained yet, and say what every row finds.

    Raises:
        ConfigError: a world is both trained on and held out.
        MissingPart: there are no worlds, or none held out.
        MeanModelError: a loss that is not finite, or weights that do not fit.
    """
    both = sorted(world_names(Path(config.worlds)) & world_names(held_out))
    if both:
        raise ConfigError(f"{both[0]} would be trained on and held out: pack others, with another --first-seed.")
    grounds, config = open_worlds(config)
    pool = load_pool(held_out).to(device)
    grounds = grounds.to(device)
    config = prepared(config, grounds)
    rows: dict[str, list[tuple[int, int, int]]] = {name: [] for name in LOSSES}
    for name, one in runs_of(config, seeds):
        log.info("%s, seed %d", name, one.seed)
        run = train(one, grounds, device)
        rows[name].append((*found(averaged(run.network, run.average).eval(), pool, one), run.step))
    return table(rows, config.minutes)
