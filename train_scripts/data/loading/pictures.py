"""Pictures for training, read and brought to size in the data loader's processes."""

from __future__ import annotations

import hashlib
import logging
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mean_model.config import Resize
from mean_model.embedder import resized
from train_scripts.data.loading import weather
from train_scripts.data.loading.augmentation import View, augmented
from train_scripts.data.readers.dataset import Picture, TrainingPair, read_pixels
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
        least_crop: see `augmented`.
        resize: how pictures become squares, as the network's photos do: see `mean_model.config.Resize`.
        weather: conditions of which one is drawn for each drone picture; empty leaves them as they are.
        unreadable: "stop" at a picture that cannot be read, or "skip" to another drone picture of its place.
    """

    size_px: int
    augment: bool = True
    flip: float = 0.5
    least_crop: float = 1.0
    resize: Resize = "bicubic"
    weather: tuple[str, ...] = ()
    unreadable: Unreadable = "stop"


VIEWS: tuple[View, View] = ("drone", "satellite")

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
        random = np.random.default_rng(seed)
        satellite = pair.satellites[int(random.integers(len(pair.satellites)))]
        views = [self._drone(number, seed, random), self._read(satellite)]
        if self.recipe.augment and random.random() < self.recipe.flip:  # both: a mirrored place is another one
            views = [cv2.flip(one, 1) for one in views]
        drone, tile = (self._made(one, view, random) for one, view in zip(views, VIEWS, strict=True))
        return drone, tile, pair.label, number

    def _made(self, picture: np.ndarray, view: View, random: np.random.Generator) -> Tensor:
        recipe = self.recipe
        if recipe.augment:
            made = augmented(picture, view, recipe.size_px, random, least_crop=recipe.least_crop, resize=recipe.resize)
        else:
            made = resized(picture, recipe.size_px, recipe.resize)
        return torch.from_numpy(np.ascontiguousarray(made)).permute(2, 0, 1)

    def _drone(self, number: int, seed: int, random: np.random.Generator) -> np.ndarray:
        picture = self._first_readable(number)
        if self.recipe.weather:
            condition = self.recipe.weather[int(random.integers(len(self.recipe.weather)))]
            picture = weather.apply(condition, picture, seed)
        return picture

    def _first_readable(self, number: int) -> np.ndarray:
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

    def _read(self, picture: Picture) -> np.ndarray:
        whole = self.recipe.weather and picture.kind == "drone"  # weather comes before any resizing
        return read_pixels(picture, None if whole else self.recipe.size_px)


def collate(items: list[TrainingItem] | BadPicture) -> Any:
    """The items of a batch as tensors, or the error in their place. Channels come last in memory, as on the disk."""
    if isinstance(items, BadPicture):
        return items
    drone, satellite, labels, numbers = zip(*items, strict=True)
    views = (torch.stack([one.permute(1, 2, 0) for one in view]).permute(0, 3, 1, 2) for view in (drone, satellite))
    return [*views, torch.tensor(labels), torch.tensor(numbers)]


def deaf(_: int) -> None:
    """Let a worker of the loader outlive requests to end, which may go to all processes: the training answers them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
