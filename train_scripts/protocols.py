"""What a measured figure says of itself: its protocol and direction, how much was asked and ranked, and what differs
from the published counts.

What the protocols are stands at `train_scripts.data.places.PROTOCOLS`: on University-1652 a drone photo is searched
among 701 satellite tiles or among all 951.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gallery.metrics import Evaluation
from train_scripts.data.places import Direction, Kind, Protocol, Retrieval, views_of


@dataclass(frozen=True)
class Counts:
    """Size of a measurement."""

    queries: int
    ranked: int  # gallery images that stand in the ranking
    removed: int  # gallery images that the protocol takes out; R@1% counts them all the same


@dataclass(frozen=True)
class _Views:
    """Pictures of the test part by view: of the places that are asked, and of the distractors."""

    asked: Mapping[Kind, int]
    distractors: Mapping[Kind, int]


_PUBLISHED: Mapping[str, _Views] = {
    # 701 places with 54 drone photos each, place 0000 with 55; 250 places more stand in the gallery only. That the
    # gallery has the same street pictures of the 701 places as the queries follows from nothing but their number.
    "university1652": _Views(
        {"drone": 37_855, "satellite": 701, "street": 2_579}, {"drone": 13_500, "satellite": 250, "street": 342}
    ),
    # at one height: 80 test places with 50 drone photos each; the 120 training places stand in the gallery too
    "sues200": _Views({"drone": 4_000, "satellite": 80}, {"drone": 6_000, "satellite": 120}),
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
    """What a complete copy holds, for SUES-200 at one height; None where no counts are published."""
    views = _PUBLISHED.get(dataset)
    asking, searched = views_of(direction)
    if views is None or not {asking, searched} <= views.asked.keys():
        return None
    right, wrong = views.asked[searched], views.distractors[searched]
    return Counts(views.asked[asking], *((right, wrong) if protocol == "paper" else (right + wrong, 0)))


def deviations(dataset: str, task: Retrieval) -> list[str]:
    """In words, where a task differs from the published one; empty where it does not, or nothing is published."""
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


def name_unmatched(rows: np.ndarray, names: Sequence[str], shown: int = 5) -> str:
    """One sentence on queries that no gallery image answers; empty where there is none.

    Args:
        rows: of these queries, as `Evaluation.unmatched` gives them.
        names: of all queries.
        shown: how many to name.
    """
    if not len(rows):
        return ""
    named = ", ".join(names[int(row)] for row in rows[:shown])
    rest = f" and {len(rows) - shown:,} more" if len(rows) > shown else ""
    return f"{len(rows):,} of {len(names):,} queries have no match in the gallery and count as failures: {named}{rest}."
