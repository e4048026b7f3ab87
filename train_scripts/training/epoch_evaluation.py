"""The test after an epoch of training: as `train_scripts.evaluate` measures, its work shared by the processes."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import torch

from mean_model.embedder import Embedder, WeightsFacts
from train_scripts.data.readers.dataset import Dataset, Picture
from train_scripts.evaluation.picture_vectors import CLEAR, PictureVectors
from train_scripts.evaluation.places import measure
from train_scripts.evaluation.protocols import summary
from train_scripts.evaluation.trial import Measured
from train_scripts.training.checkpoint import PlacesRun
from train_scripts.training.distributed import Processes, all_objects
from train_scripts.training.logging import Results
from train_scripts.training.step import precision_of


def evaluate_on(run: PlacesRun, tests: Sequence[Dataset]) -> Results:
    """Every direction under every protocol, as `train_scripts.evaluate` measures it.

    The network computes in bfloat16 where it is trained in half precision.
    """
    config = run.config
    half = precision_of(config, run.mine.device) != torch.float32
    with Embedder(
        copy.deepcopy(run.network),
        config.embeds,
        WeightsFacts("the network in training", "none"),
        device=run.mine.device,
        precision="bfloat16" if half else "float32",
    ) as embedder:
        vectors = SharedVectors(embedder, run.mine, skip_unreadable=config.unreadable == "skip")
        trials = list(product(config.directions, config.protocols))
        return {data.name: [_summary(measure(data, vectors, *trial), data) for trial in trials] for data in tests}


def _summary(found: Measured, data: Dataset) -> dict[str, Any]:
    return {**summary(found.task, found.result), "dataset": data.name}


class SharedVectors(PictureVectors):
    """Vectors of pictures, embedded by all processes together: each asks for the same ones and does its part."""

    how_to_skip = 'set unreadable = "skip"'

    def __init__(self, embedder: Embedder, mine: Processes, *, skip_unreadable: bool) -> None:
        super().__init__(embedder, skip_unreadable=skip_unreadable, progress=mine.first and sys.stderr.isatty())
        self._mine = mine

    def embed(self, pictures: Iterable[Picture], condition: str = CLEAR) -> None:
        """See `PictureVectors.embed`."""
        asked = [one for one in dict.fromkeys(pictures) if (one, condition) not in self._keys]
        if not asked:
            return
        super().embed(asked[self._mine.rank :: self._mine.count], condition)
        for keys, rows in all_objects((self._keys, self._vectors)):
            self._keys.update(keys)
            self._vectors.update(rows)
