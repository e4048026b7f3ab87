"""What a measured figure says of itself: protocol, direction, counts, and how these differ from the published ones.

What the protocols are stands at `train_scripts.data.readers.dataset.PROTOCOLS`: on University-1652 a drone photo is
searched among 701 satellite tiles or among all 951.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gallery.metrics import Evaluation
from train_scripts.data.readers.dataset import Direction, Protocol, Retrieval, views_of
from train_scripts.data.readers.expected import DENSEUAV, SUES200_SPLIT, UNIVERSITY1652, Expected
from train_scripts.data.readers.listing import some


@dataclass(frozen=True)
class Counts:
    """Size of a measurement."""

    queries: int
    ranked: int  # gallery images that stand in the ranking
    removed: int  # gallery images that the protocol takes out; R@1% counts them all the same


_TEST_PARTS: Mapping[str, tuple[str, Mapping[str, Expected]]] = {
    "university1652": ("test", UNIVERSITY1652),
    "sues200": ("Testing/150", SUES200_SPLIT),  # all heights hold as many
    "denseuav": ("test", DENSEUAV),
}


def summary(task: Retrieval, result: Evaluation) -> dict[str, Any]:
    """What `train_scripts.evaluate --json` says of a measurement, and `train_scripts.tables` reads; percentages.

    Args:
        result: of `gallery.metrics.evaluate` on the task's labels.
    """
    return {
        "recall": {str(key): value for key, value in result.recall.items()},
        "ap": result.ap,
        "queries": result.queries,
        "gallery": result.ranked,
        "gallery_removed": result.removed,
        "without_match": result.without_match,
        "tied": result.tied,
        "protocol": task.protocol,
        "direction": task.direction,
    }


def published_counts(dataset: str, protocol: Protocol, direction: Direction) -> Counts | None:
    """What a complete copy holds, for SUES-200 at one height; None where no counts are published.

    The gallery is taken to hold as many pictures of the places that are asked as there would be the other way round.
    """
    folder, parts = _TEST_PARTS.get(dataset, ("", {}))
    asking, searched = views_of(direction)
    names = f"query_{asking}", f"query_{searched}", f"gallery_{searched}"
    queries, right, gallery = (part.pictures if (part := parts.get(f"{folder}/{name}")) else None for name in names)
    if queries is None or right is None or gallery is None:
        return None
    return Counts(queries, right, gallery - right) if protocol == "paper" else Counts(queries, gallery, 0)


def deviations(dataset: str, task: Retrieval) -> list[str]:
    """What a task differs in from the published one, in words; empty where it does not, or nothing is published."""
    wanted = published_counts(dataset, task.protocol, task.direction)
    if wanted is None:
        return []
    pairs = {
        "queries": (len(task.queries), wanted.queries),
        "ranked gallery images": (task.ranked, wanted.ranked),
        "removed gallery images": (len(task.gallery) - task.ranked, wanted.removed),
    }
    return [
        f"{task.direction}, {task.protocol} protocol: {is_:,} {what}, published {should:,} ({is_ - should:+,})"
        for what, (is_, should) in pairs.items()
        if is_ != should
    ]


def name_unmatched(rows: np.ndarray, names: Sequence[str]) -> str:
    """One sentence on queries that no gallery image answers; empty where there is none.

    Args:
        rows: of these queries, as `Evaluation.unmatched` gives them.
        names: of all queries.
    """
    if not len(rows):
        return ""
    named = some([names[int(row)] for row in rows])
    return f"{len(rows):,} of {len(names):,} queries have no match in the gallery and count as failures: {named}."
