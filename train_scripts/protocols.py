"""The two evaluation protocols of the field, always named: what each removes from the gallery, and how much is left.

Code of the Sample4Geo family, MEAN's included, removes every gallery image of a place that no query shows; the older
University-1652 code ranks them all. The same weights score higher under the first, so a figure without its protocol
says little. On University-1652 a drone photo is searched among 701 satellite tiles or among all 951.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from gallery.errors import GalleryError
from gallery.metrics import JUNK, Evaluation

Protocol = Literal["paper", "full"]
Direction = Literal["drone-to-satellite", "satellite-to-drone"]

PROTOCOLS: Mapping[Protocol, str] = {
    "paper": "gallery without the places that no query shows",
    "full": "whole gallery",
}
"""What each protocol ranks, in words."""

VIEWS: Mapping[Direction, tuple[str, str]] = {
    "drone-to-satellite": ("query_drone", "gallery_satellite"),
    "satellite-to-drone": ("query_satellite", "gallery_drone"),
}
"""Query and gallery folder of each direction, as University-1652 and SUES-200 name them."""


@dataclass(frozen=True)
class Trial:
    """One protocol in one direction: the labels to hand to `gallery.metrics.evaluate`, and what they hold."""

    protocol: Protocol
    direction: Direction
    query_labels: np.ndarray  # (Q,) integers
    gallery_labels: np.ndarray  # (G,) integers, -1 for what the protocol removes

    @property
    def counts(self) -> Counts:
        """How much is asked and ranked."""
        removed = int(np.count_nonzero(self.gallery_labels == JUNK))
        return Counts(len(self.query_labels), len(self.gallery_labels) - removed, removed)

    def __str__(self) -> str:
        counts = self.counts
        gone = f", {counts.removed:,} removed" if counts.removed else ""
        return (
            f"{self.direction}, {self.protocol} protocol ({PROTOCOLS[self.protocol]}): "
            f"{counts.queries:,} queries against {counts.ranked:,}{gone}"
        )


@dataclass(frozen=True)
class Counts:
    """Size of a trial."""

    queries: int
    ranked: int  # gallery images that stand in the ranking
    removed: int  # gallery images that the protocol takes out; R@1% counts them all the same


_PUBLISHED: Mapping[str, Mapping[Direction, Counts]] = {
    # 701 places with 54 drone photos each, place 0000 with 55; 250 places more stand in the gallery only
    "university1652": {
        "drone-to-satellite": Counts(37_855, 701, 250),
        "satellite-to-drone": Counts(701, 37_855, 13_500),
    },
    # at one height: 80 test places with 50 drone photos each; the 120 training places stand in the gallery too
    "sues200": {
        "drone-to-satellite": Counts(4_000, 80, 120),
        "satellite-to-drone": Counts(80, 4_000, 6_000),
    },
}


def check_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        GalleryError: there is none.
    """
    for known in get_args(Protocol):
        if name == known:
            return known
    raise GalleryError(f"There is no protocol {name!r}; choose {' or '.join(PROTOCOLS)}.")


def check_direction(name: str) -> Direction:
    """The direction of that name.

    Raises:
        GalleryError: there is none.
    """
    for known in get_args(Direction):
        if name == known:
            return known
    raise GalleryError(f"There is no direction {name!r}; choose {' or '.join(VIEWS)}.")


def restrict(protocol: Protocol, query_labels: np.ndarray, gallery_labels: np.ndarray) -> np.ndarray:
    """Labels of the gallery under a protocol: what it removes becomes -1.

    Args:
        query_labels: (Q,) integers, the place of each query.
        gallery_labels: (G,) integers; -1 stays -1.

    Returns: (G,), the same integers or -1.
    """
    labels = np.array(gallery_labels)
    if check_protocol(protocol) == "paper":
        labels[~np.isin(labels, query_labels)] = JUNK
    return labels


def trial(protocol: Protocol, direction: Direction, labels: Mapping[str, np.ndarray]) -> Trial:
    """One protocol in one direction.

    Args:
        labels: for each folder of the direction (see `VIEWS`) the place of each image, integers.

    Raises:
        GalleryError: a folder is missing.
    """
    query, gallery = VIEWS[check_direction(direction)]
    for folder in (query, gallery):
        if folder not in labels:
            raise GalleryError(
                f"{direction} needs the images of {folder}; {', '.join(sorted(labels)) or 'nothing'} given."
            )
    asked = np.asarray(labels[query])
    return Trial(protocol, direction, asked, restrict(protocol, asked, labels[gallery]))


def trials(labels: Mapping[str, np.ndarray]) -> Iterator[Trial]:
    """Both protocols in every direction whose folders are there. Args: labels: see `trial`."""
    for direction, folders in VIEWS.items():
        if all(folder in labels for folder in folders):
            for protocol in PROTOCOLS:
                yield trial(protocol, direction, labels)


def summary(found: Trial, result: Evaluation) -> dict[str, Any]:
    """What `train_scripts.evaluate --json` says of a trial, and `train_scripts.tables` reads; percentages.

    Args:
        result: of `gallery.metrics.evaluate` on the trial's labels.
    """
    return {
        "recall": {str(key): value for key, value in result.recall.items()},
        "ap": result.ap,
        "queries": result.queries,
        "gallery": result.ranked,
        "gallery_removed": result.removed,
        "without_match": result.without_match,
        "tied": result.tied,
        "protocol": found.protocol,
        "direction": found.direction,
    }


def published_counts(dataset: str, protocol: Protocol, direction: Direction) -> Counts | None:
    """What a complete copy holds, for SUES-200 at one height; None for a dataset without published counts."""
    by_direction = _PUBLISHED.get(dataset)
    if by_direction is None:
        return None
    paper = by_direction[direction]
    return paper if protocol == "paper" else Counts(paper.queries, paper.ranked + paper.removed, 0)


def deviations(dataset: str, found: Trial) -> list[str]:
    """In words, where a trial differs from the published one; empty where it does not, or nothing is published."""
    wanted = published_counts(dataset, found.protocol, found.direction)
    if wanted is None:
        return []
    counts = found.counts
    pairs = {
        "queries": (counts.queries, wanted.queries),
        "ranked gallery images": (counts.ranked, wanted.ranked),
        "removed gallery images": (counts.removed, wanted.removed),
    }
    return [
        f"{found.direction}, {found.protocol} protocol: {is_:,} {what}, published {should:,} ({is_ - should:+,})"
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
