"""Pictures for training, read and brought to size in the data loader's processes."""

from __future__ import annotations

import hashlib
import logging
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from train_scripts.data.loading import weather
from train_scripts.data.loading.augmentation import augmentation, flipped_together, plain
from train_scripts.data.readers.dataset import Picture, TrainingPair, read_picture
from train_scripts.errors import BadPicture

log = logging.getLogger("train")

Unreadable = Literal["stop", "skip"]


@dataclass(frozen=True)
class Recipe:
    """How training pictures are made.

    Attributes:
        size_px: side of the square.
        augment: the published recipe; False only resizes.
        flip: probability that both views are mirrored.
        least_crop: see `augmentation`.
        weather: conditions of which one is drawn for each drone picture; empty leaves them as they are.
        unreadable: "stop" at a picture that cannot be read, or "skip" to another drone picture of its place.
    """

    size_px: int
    augment: bool = True
    flip: float = 0.5
    least_crop: float = 1.0
    weather: tuple[str, ...] = ()
    unreadable: Unreadable = "stop"


TrainingItem = tuple[Tensor, Tensor, int, int]
"""Drone and satellite (3, S, S) uint8, label, number of the pair."""


class TrainingPictures(Dataset[TrainingItem]):
    """Pairs of one epoch.

    What is drawn for a pair hangs on seed, epoch and pair alone: not on workers, nor on what came before.
    """

    def __init__(self, pairs: Sequence[TrainingPair], recipe: Recipe, seed: int, epoch: int) -> None:
        self.pairs = pairs
        self.recipe = recipe
        self.seed, self.epoch = seed, epoch
        size = recipe.size_px
        if recipe.augment:
            self.drone = augmentation("drone", size, recipe.least_crop)
            self.satellite = augmentation("satellite", size, recipe.least_crop)
        else:
            self.drone = self.satellite = plain(size)
        self.by_place: dict[int, list[int]] = {}
        for number, pair in enumerate(pairs):
            self.by_place.setdefault(pair.label, []).append(number)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitems__(self, numbers: Sequence[int]) -> list[TrainingItem] | BadPicture:
        """A batch for `collate`, or why there is none: torch wraps what its workers raise into their tracebacks."""
        try:
            return [self[number] for number in numbers]
        except BadPicture as error:
            return error

    def __getitem__(self, number: int) -> TrainingItem:
        pair = self.pairs[number]
        digest = hashlib.blake2b(f"{self.seed} {self.epoch} {number}".encode(), digest_size=7).digest()
        seed = int.from_bytes(digest, "big")
        with torch.random.fork_rng(devices=[]):  # the processes of the loader and the network's dropout stay untouched
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would touch the GPU's, too
            satellite = pair.satellites[int(torch.randint(len(pair.satellites), ()))]
            views = self._drone(number, seed), _tensor(np.asarray(self._read(satellite)))
            drone, tile = flipped_together(*views, self.recipe.flip if self.recipe.augment else 0.0)
            return self.drone(drone), self.satellite(tile), pair.label, number

    def _drone(self, number: int, seed: int) -> Tensor:
        picture = np.asarray(self._first_readable(number))
        if self.recipe.weather:
            condition = self.recipe.weather[int(torch.randint(len(self.recipe.weather), ()))]
            picture = weather.apply(condition, picture, seed)
        return _tensor(picture)

    def _first_readable(self, number: int) -> Image.Image:
        """The drone picture of a pair, or where it may be skipped the next one of the place that can be read."""
        for one in self._candidates(number):
            try:
                return self._read(self.pairs[one].drone)
            except BadPicture as error:
                if self.recipe.unreadable == "stop":
                    raise BadPicture(
                        f'{error} Repair or remove it, or set unreadable = "skip" to train without it.'
                    ) from error
                log.warning("%s Another picture of the place is taken.", error)
        place = self.pairs[number].place
        raise BadPicture(f"No drone picture of place {place} can be read. Remove its folder.")

    def _candidates(self, number: int) -> Iterator[int]:
        same = self.by_place[self.pairs[number].label]
        at = same.index(number)
        yield from same[at:] + same[:at]

    def _read(self, picture: Picture) -> Image.Image:
        whole = self.recipe.weather and picture.kind == "drone"  # weather comes before any resizing
        return read_picture(picture, None if whole else self.recipe.size_px)


def collate(items: list[TrainingItem] | BadPicture) -> Any:
    """The items of a batch as tensors, or the error in their place."""
    return items if isinstance(items, BadPicture) else default_collate(items)


def deaf(_: int) -> None:
    """Let a worker of the loader outlive requests to end, which may go to all processes: the training answers them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _tensor(picture: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 as a tensor (3, H, W)."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)
