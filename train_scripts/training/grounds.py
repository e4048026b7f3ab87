"""The ground that simulated pairs are drawn from: packed worlds, and pictures of real places."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gallery import Gallery
from train_scripts.data.simulator.gallery_blocks import blocks_of
from train_scripts.data.simulator.orthophotos import SIDES, picture_pool
from train_scripts.data.simulator.pairs import (
    FlightRange,
    Pairs,
    Pool,
    at_scale,
    easier,
    joined,
    load_pool,
    places_of,
    random_pairs,
)
from train_scripts.training.worlds_config import WorldsConfig

log = logging.getLogger("train")


@dataclass(frozen=True)
class Grounds:
    """All that is trained on: worlds, and pictures of real ground if there are any."""

    worlds: Pool
    pictures: Pool | None = None

    def to(self, device: torch.device) -> Grounds:
        """The same ground on a device."""
        return Grounds(self.worlds.to(device), self.pictures and self.pictures.to(device))

    def places(self, flight: FlightRange) -> int:
        """Number of place classes."""
        return places_of(self.worlds, flight) + sum(places_of(pool, flight) for pool in self._sides(flight))

    def _sides(self, flight: FlightRange) -> list[Pool]:
        return [self.pictures.of_side(side * flight.tile_m) for side in SIDES] if self.pictures else []

    def pairs(self, config: WorldsConfig, difficulty: float, generator: torch.Generator) -> Pairs:
        """A batch: a share of it of pictures taken for ground of one of their sides, the rest of worlds."""
        flight = easier(config.flight, difficulty)

        def drawn(pool: Pool, count: int, worlds: int, steps: int) -> Pairs:
            return random_pairs(
                pool,
                count,
                config.model.image_size,
                flight,
                generator,
                worlds_per_batch=worlds,
                steps=steps,
                photometry_strength=config.photometry * difficulty,
            )

        sides = self._sides(flight)
        of_pictures = round(config.batch * config.pictures_share) if sides else 0
        first = places_of(self.worlds, flight)
        parts, firsts = [], []
        if config.batch - of_pictures:
            count = config.batch - of_pictures
            parts, firsts = [drawn(self.worlds, count, config.worlds_per_batch, config.render_steps)], [0]
        if of_pictures:
            number = int(torch.randint(len(sides), (), generator=generator))
            side = sides[number]
            enough = math.ceil(of_pictures * side.worlds / places_of(side, flight))
            parts.append(drawn(side, of_pictures, max(config.worlds_per_batch, enough), 1))
            firsts.append(first + sum(places_of(pool, flight) for pool in sides[:number]))
        return joined(parts, firsts)


def open_worlds(config: WorldsConfig) -> tuple[Grounds, WorldsConfig]:
    """What the config names, and the config for it: over a gallery all lengths are in proportion to its tiles."""
    pictures = None
    if config.pictures or config.flights:
        folders, flights = ([Path(one).expanduser() for one in many] for many in (config.pictures, config.flights))
        pictures = picture_pool(folders, flights, config.pictures_left_out, config.seed)
        log.info("%d pictures of real ground", pictures.worlds)
    kind, _, folder = config.worlds.partition(":")
    if kind != "gallery":
        return Grounds(load_pool(Path(config.worlds)), pictures), config
    region = blocks_of(Gallery.open(Path(folder).expanduser()), config.tile_m)
    log.info("blocks of %.0f m: %d trained on, %d held out", region.block_m, len(region.trained), len(region.held_out))
    pool = region.pool(config.model.image_size)
    flight = at_scale(config.flight, region.tile_m)
    filled = math.ceil(config.batch / (places_of(pool, flight) // pool.worlds))
    return Grounds(pool, pictures), replace(
        config, flight=flight, worlds_per_batch=max(config.worlds_per_batch, filled)
    )


def prepared(config: WorldsConfig, grounds: Grounds) -> WorldsConfig:
    """The config with what its model takes from the ground and the flights."""
    places = grounds.places(config.flight)
    return replace(config, model=replace(config.model, classes=places, from_above=config.flight.from_above > 0))
