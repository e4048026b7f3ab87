"""The ground that simulated pairs are drawn from: packed worlds, and pictures of real places."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from train_scripts.data.simulator.orthophotos import SIDES
from train_scripts.data.simulator.pairs import (
    FlightRange,
    Pairs,
    Pool,
    easier,
    joined,
    places_of,
    random_pairs,
)
from train_scripts.training.worlds_config import TrainConfig


@dataclass(frozen=True)
class Grounds:
    """All that is trained on: worlds, and pictures of real ground if there are any."""

    worlds: Pool
    pictures: Pool | None = None

    def to(self, device: torch.device) -> Grounds:
        return Grounds(self.worlds.to(device), self.pictures and self.pictures.to(device))

    def places(self, flight: FlightRange) -> int:
        """Number of place classes."""
        return places_of(self.worlds, flight) + sum(places_of(pool, flight) for pool in self._sides(flight))

    def _sides(self, flight: FlightRange) -> list[Pool]:
        return [self.pictures.of_side(side * flight.tile_m) for side in SIDES] if self.pictures else []

    def pairs(self, config: TrainConfig, difficulty: float, generator: torch.Generator) -> Pairs:
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
