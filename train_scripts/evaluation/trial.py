"""One trial of an evaluation on pictures of places, and all that its figures are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gallery.metrics import Evaluation, nearest
from gallery.report.photo_quality import PictureFacts
from train_scripts.data.readers.dataset import Retrieval
from train_scripts.evaluation import protocols

SHOWN = 10
"""Pictures per query in a report."""


@dataclass(frozen=True)
class Measured:
    """One trial and all that its figures are made of.

    Attributes:
        task: what was asked and searched; under multi-query the first picture of each place asks for all of them.
        result: its figures.
        query_vectors: (Q, D) rows of length 1.
        gallery_vectors: (G, D) rows of length 1.
        left_out: where the pictures lie that could not be read.
        facts: of the queries' pictures, where they were measured.
    """

    task: Retrieval
    result: Evaluation
    query_vectors: np.ndarray
    gallery_vectors: np.ndarray
    left_out: tuple[str, ...]
    facts: tuple[PictureFacts, ...] | None = None

    @cached_property
    def ranked(self) -> np.ndarray:
        """(Q, K) rows of the gallery, best first, K at most `SHOWN`."""
        return nearest(self.query_vectors, self.gallery_vectors, SHOWN, self.task.gallery_labels)

    def remarks(self) -> list[str]:
        """Queries without a match, and positions that are not known of all, in words."""
        unmatched = protocols.name_unmatched(self.result.unmatched, [picture.name for picture in self.task.queries])
        placed = [picture.position is not None for picture in (*self.task.queries, *self.task.gallery)]
        partly = "Distances are measured only where all ranked pictures have a position, for queries that have one."
        return [*([unmatched] if unmatched else []), *([partly] if any(placed) and not all(placed) else [])]
