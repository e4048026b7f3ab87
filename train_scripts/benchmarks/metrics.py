"""Prints what the vectorised evaluation takes and gains over a loop: `python -m train_scripts.benchmark metrics`.

Random unit vectors at the two sizes of University-1652's full gallery. The loop is the published evaluation, one query
at a time in numpy; it is timed on a part of the queries, in turn with the vectorised evaluation of the same part. Times
depend on the machine and on who else uses it, the ratio much less.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import tracemalloc
from dataclasses import asdict, dataclass

import numpy as np

from gallery.metrics import JUNK, Evaluation, evaluate
from train_scripts.arguments import program
from train_scripts.benchmarks.timing import alternating

DIMENSIONS = 768  # of a vector, as ConvNeXt-Tiny gives it
PHOTOS_OF_A_PLACE = 54


@dataclass(frozen=True)
class Case:
    """Vectors and labels of one direction."""

    name: str
    queries: np.ndarray  # (Q, D) float32 rows of length 1
    query_labels: np.ndarray
    gallery: np.ndarray  # (G, D)
    gallery_labels: np.ndarray


@dataclass(frozen=True)
class CaseTimes:
    """What one case took."""

    name: str
    queries: int
    gallery: int
    dimensions: int
    seconds: float  # of the vectorised evaluation, median
    of_it_product_s: float  # the bare matrix product of the same vectors
    looped_queries: int
    loop_ms_a_query: float
    ratio: float  # loop over vectorised, on the looped queries in turn
    whole_ratio: float  # loop over vectorised a query, the vectorised on all queries
    peak_mib: float  # most that the vectorised evaluation held beyond its inputs
    inputs_mib: float


def university(
    name: str, dimensions: int, *, asked: int = 701, places: int = 951, photos: int = PHOTOS_OF_A_PLACE
) -> Case:
    """Random vectors in the shape of University-1652: one tile a place, many photos, and one photo more of the first.

    Photos lie around their place's tile, so that ranks are neither all first nor all chance.

    Args:
        name: "drone-to-satellite" or "satellite-to-drone".
        dimensions: of a vector.
        asked: places that are queried.
        places: places in the gallery.
        photos: of each place.
    """
    random = np.random.default_rng(0)
    tiles = random.standard_normal((places, dimensions), np.float32)
    shown = np.concatenate([[0], np.repeat(np.arange(places), photos)])
    drone = tiles[shown] + 2.5 * random.standard_normal((len(shown), dimensions), np.float32)
    for vectors in (tiles, drone):
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if name == "drone-to-satellite":
        rows = shown < asked
        return Case(name, drone[rows], shown[rows], tiles, np.arange(places))
    return Case(name, tiles[:asked], np.arange(asked), drone, shown)


def one_by_one(case: Case, rows: int) -> tuple[list[int], list[float]]:
    """The published evaluation of the first rows: 0-based rank of the first match (-1: none) and AP of each query."""
    first, aps = [], []
    for query, label in zip(case.queries[:rows], case.query_labels[:rows], strict=True):
        order = np.argsort(case.gallery @ query)[::-1]
        good, junk = np.flatnonzero(case.gallery_labels == label), np.flatnonzero(case.gallery_labels == JUNK)
        order = order[np.isin(order, junk, invert=True)]
        ranks = np.flatnonzero(np.isin(order, good))
        ap = 0.0
        for count, rank in enumerate(ranks):
            before = count / rank if rank else 1.0
            ap += 1.0 / len(ranks) * (before + (count + 1) / (rank + 1)) / 2
        first.append(int(ranks[0]) if len(ranks) else -1)
        aps.append(float(ap))
    return first, aps


def measure(case: Case, looped: int, rounds: int) -> CaseTimes:
    """Time one case. Args: looped: queries that the loop answers. rounds: of which medians are taken."""
    looped = min(looped, len(case.queries))

    def run(rows: int | None = None) -> Evaluation:
        return evaluate(case.queries[:rows], case.query_labels[:rows], case.gallery, case.gallery_labels)

    whole_s, product_s = alternating(run, lambda: product(case), rounds)
    loop_s, part_s = alternating(lambda: one_by_one(case, looped), lambda: run(looped), rounds)
    tracemalloc.start()
    try:
        run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return CaseTimes(
        case.name,
        len(case.queries),
        len(case.gallery),
        case.queries.shape[1],
        seconds=whole_s,
        of_it_product_s=product_s,
        looped_queries=looped,
        loop_ms_a_query=1e3 * loop_s / looped,
        ratio=loop_s / part_s,
        whole_ratio=(loop_s / looped) / (whole_s / len(case.queries)),
        peak_mib=peak / 2**20,
        inputs_mib=(case.queries.nbytes + case.gallery.nbytes) / 2**20,
    )


def product(case: Case) -> None:
    """All scores and nothing else, in parts that fit beside them."""
    rows = max(1, 4_000_000 // len(case.gallery))
    for start in range(0, len(case.queries), rows):
        case.queries[start : start + rows] @ case.gallery.T


def main(argv: list[str] | None = None) -> None:
    """Measure the evaluation, and print it."""
    parser = program("benchmark metrics", __doc__)
    parser.add_argument("--looped", type=int, default=200, help="queries that the loop answers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    for name in ("looped", "rounds"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1.")
    begun = time.perf_counter()
    measured = [
        measure(university(name, DIMENSIONS), options.looped, options.rounds)
        for name in ("drone-to-satellite", "satellite-to-drone")
    ]
    process_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if options.json:
        cases = [asdict(one) for one in measured]
        json.dump({"cases": cases, "process_peak_mib": process_mib}, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    for one in measured:
        sys.stdout.write(
            f"{one.queries:,} x {one.gallery:,}, {one.dimensions} dimensions ({one.name})\n"
            f"  vectorised         {one.seconds:8.2f} s   (the matrix product alone {one.of_it_product_s:.2f} s)\n"
            f"  loop               {one.loop_ms_a_query:8.2f} ms a query on {one.looped_queries} queries, "
            f"{one.loop_ms_a_query * one.queries / 1e3:.1f} s for all\n"
            f"  loop / vectorised  {one.ratio:8.1f}   on the same {one.looped_queries} queries in turn; "
            f"{one.whole_ratio:.1f} a query over the whole\n"
            f"  memory             {one.peak_mib:8.0f} MiB beyond the vectors' {one.inputs_mib:.0f}\n"
        )
    sys.stdout.write(f"process peak {process_mib:.0f} MiB, {time.perf_counter() - begun:.0f} s in all\n")
