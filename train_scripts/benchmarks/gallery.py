"""Prints what galleries of any size take: `python -m train_scripts.benchmark gallery`.

- The build of a gallery from a raster, over what the bare network reaches in turn with it: of the starter weights, and
  of MEAN on ConvNeXt-Tiny at 384 px with random weights.
- Search and recall, the approximate index over the exact one in turn with it, for 25 queries at a time (the views of
  one photo), at several sizes; opening and memory, in a fresh process. The galleries are whole, but without imagery;
  their vectors are synthetic (`synthetic_vectors`), the queries resemble their tiles as photos do.
- With --paper FIGURES.json: the costs of larger areas, from the rates that an earlier run wrote by --json.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from tqdm import tqdm

from gallery.arguments import Parser
from gallery.constants import SAMPLE
from train_scripts.arguments import program
from train_scripts.benchmarks.extrapolation import PRICES, Prices, paper, table
from train_scripts.benchmarks.product import build_ratio
from train_scripts.benchmarks.synthetic_vectors import tile_vectors
from train_scripts.benchmarks.timing import alternating

SIZES = (1_000, 10_000, 100_000, 1_000_000)
VIEWS = 25
ASKED = 100  # as `gallery.search.ranking` asks for each view
QUERIES = 256
LIKENESS = 0.78  # median cosine of the starter's photos to their best tiles
AREA_SHARE = 0.1
STEP_DEG = 0.00045  # between tiles: 50 m
TINY_TILE_M = 320.0
LEAST = 1_000  # tiles that an approximate index needs


@dataclass(frozen=True)
class Searched:
    """What search takes at one size; milliseconds are medians for VIEWS queries."""

    tiles: int
    dimension: int
    exact_ms: float
    approximate_ms: float
    area_ms: float  # approximate, among the tiles of a square that holds AREA_SHARE of them
    recall_1: float  # share of the exact best one that is found
    recall_10: float
    truth_1: float  # share of queries whose own tile comes first, over the same of exact search
    truth_10: float
    nprobe: int
    lists: int
    reranked: int
    index_s: float  # to write the approximate index
    open_s: float  # of the gallery, in a fresh process
    first_ms: float  # the first search there
    own_mb: float  # memory that the process holds for it, without mapped files
    mapped_mb: float  # pages of mapped files that it has touched
    bytes_a_tile: dict[str, float]  # on disk, by file


def rows_of_grid(first: int, count: int, side: int) -> pa.Table:
    """Rows of a table of tiles, 100 m wide and half overlapping, that were cut from no imagery."""
    from gallery.store.tile_table import ROW_SCHEMA

    numbers = np.arange(first, first + count)
    lons, lats = STEP_DEG * (numbers % side), -STEP_DEG * (numbers // side)
    boxes = shapely.box(lons - STEP_DEG, lats - STEP_DEG, lons + STEP_DEG, lats + STEP_DEG)
    known = {
        "id": [f"synthetic/{number:09d}" for number in numbers],
        "lon": lons,
        "lat": lats,
        "metres_per_px": np.full(count, 0.25),
        "source": ["synthetic.tif"] * count,
        "placed": ["raster"] * count,
        "content": [f"{number:032x}" for number in numbers],
        "geometry": shapely.to_wkb(boxes),
    }
    lacking = {name: pa.nulls(count) for name in set(ROW_SCHEMA.names) - set(known)}
    return pa.table(known | lacking).select(ROW_SCHEMA.names).cast(ROW_SCHEMA)


def make_gallery(folder: Path, tiles: int, dimension: int, like: np.ndarray, bar: tqdm) -> None:
    """A whole gallery with synthetic vectors and an exact index."""
    from gallery.build.checkpoint import Block
    from gallery.build.write import write_gallery

    side = 1 + int(np.sqrt(tiles - 1))

    def blocks() -> Iterator[Block]:
        first = 0
        for vectors in tile_vectors(tiles, dimension, like):
            yield Block(rows_of_grid(first, len(vectors), side), vectors)
            first += len(vectors)
            bar.update(len(vectors))

    model = {"source": "synthetic", "name": "synthetic", "fingerprint": "0" * 16, "dimension": dimension}
    folder.mkdir()
    write_gallery(folder, "benchmark", blocks(), tiles, model, {}, {}, "exact")


def exchange_index(folder: Path) -> float:
    """Give a gallery an approximate index in place of its exact one. Returns: seconds to write it."""
    from gallery.index.vector_index import write_index
    from gallery.store.checksums import sealed
    from gallery.store.manifest import INDEX, MANIFEST, VECTORS, file_facts

    begun = time.perf_counter()
    facts = write_index(folder / INDEX, np.load(folder / VECTORS, mmap_mode="r"), "approximate")
    seconds = time.perf_counter() - begun
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest |= {"index": facts, "files": file_facts(folder)}
    (folder / MANIFEST).write_text(json.dumps(sealed(manifest)))
    return seconds


def held_mb() -> tuple[float, float]:
    """Memory of this process: its own, and pages of mapped files. Linux only."""
    facts = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(facts[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile"))  # type: ignore[return-value]


def opened(folder: Path, queries: np.ndarray) -> dict[str, float]:
    """Open a gallery and search it once, in a process that did nothing else."""
    from gallery.store.gallery import Gallery

    before = held_mb()
    begun = time.perf_counter()
    gallery = Gallery.open(folder)
    open_s = time.perf_counter() - begun
    begun = time.perf_counter()
    gallery.index.search(queries, ASKED)
    first_ms = 1e3 * (time.perf_counter() - begun)
    after = held_mb()
    return {"open_s": open_s, "first_ms": first_ms, "own_mb": after[0] - before[0], "mapped_mb": after[1] - before[1]}


def search_figures(tiles: int, dimension: int, like: np.ndarray, rounds: int, bar: tqdm) -> Searched:
    """Search of a gallery of so many tiles."""
    from gallery.index.approximate import held_out_queries, recall_at
    from gallery.index.exact import ExactIndex
    from gallery.store.gallery import Gallery
    from gallery.store.manifest import DATA_FILES, INDEX

    with tempfile.TemporaryDirectory() as temporary:
        folder, exact_file = Path(temporary) / "gallery", Path(temporary) / "exact.faiss"
        make_gallery(folder, tiles, dimension, like, bar)
        shutil.move(folder / INDEX, exact_file)
        index_s = exchange_index(folder)
        gallery, exact = Gallery.open(folder), ExactIndex.open(exact_file)
        queries, rows = held_out_queries(gallery.vectors, min(QUERIES, tiles), LIKENESS, seed=99)
        truth, found = exact.search(queries, ASKED)[1], gallery.index.search(queries, ASKED)[1]
        photo = queries[:VIEWS]
        exact_s, approximate_s = alternating(
            lambda: exact.search(photo, ASKED), lambda: gallery.index.search(photo, ASKED), rounds
        )
        side = 1 + int(np.sqrt(tiles - 1))
        reach = AREA_SHARE**0.5 * side
        allowed = (np.arange(tiles) % side < reach) & (np.arange(tiles) // side < reach)
        area_s, _ = alternating(lambda: gallery.index.search(photo, ASKED, allowed), lambda: None, rounds)
        with multiprocessing.get_context("spawn").Pool(1) as fresh:
            process = fresh.apply(opened, (folder, photo))
        facts = gallery.manifest["index"]

        def own_tile(answer: np.ndarray, k: int) -> float:
            return float((answer[:, :k] == rows[:, None]).any(axis=1).mean())

        return Searched(
            tiles=tiles,
            dimension=dimension,
            exact_ms=1e3 * exact_s,
            approximate_ms=1e3 * approximate_s,
            area_ms=1e3 * area_s,
            recall_1=recall_at(found, truth, 1),
            recall_10=recall_at(found, truth, 10),
            truth_1=own_tile(found, 1) / own_tile(truth, 1),
            truth_10=own_tile(found, 10) / own_tile(truth, 10),
            nprobe=facts["nprobe"],
            lists=facts["lists"],
            reranked=facts["reranked"],
            index_s=index_s,
            bytes_a_tile={name: (folder / name).stat().st_size / tiles for name in DATA_FILES},
            **process,
        )


def random_tiny(folder: Path) -> str:
    """MEAN as published, ConvNeXt-Tiny at 384 px, with random weights. Returns: what `load_model` takes."""
    import torch

    from mean_model import MEAN, MeanConfig
    from mean_model.checkpoint import save_model

    torch.manual_seed(0)
    config = MeanConfig()
    save_model(folder, MEAN.from_config(config), config)
    return str(folder)


def build_figures(tile_size_m: float, rounds: int, bar: tqdm) -> list[dict[str, Any]]:
    """`build_ratio` of the starter weights and of MEAN as published."""
    with tempfile.TemporaryDirectory() as temporary:
        cases = {
            "starter": ("starter", tile_size_m),
            "ConvNeXt-Tiny, 384 px, random weights": (random_tiny(Path(temporary) / "tiny"), TINY_TILE_M),
        }
        found = []
        for name, (source, side_m) in cases.items():
            found.append({"model": name, **build_ratio(source, rounds, side_m)})
            bar.update(1)
    return found


COLUMNS = {
    "tiles": lambda each: f"{each.tiles:,}",
    "exact": lambda each: f"{each.exact_ms:.1f} ms",
    "approximate": lambda each: f"{each.approximate_ms:.1f} ms",
    "ratio": lambda each: f"{each.approximate_ms / each.exact_ms:.3f}",
    "R@1, R@10 of exact": lambda each: f"{each.recall_1:.3f}, {each.recall_10:.3f}",
    "own tile 1st, in 10": lambda each: f"{each.truth_1:.3f}, {each.truth_10:.3f}",
    "in a tenth": lambda each: f"{each.area_ms:.1f} ms",
    "opened": lambda each: f"{1e3 * each.open_s:.0f} ms",
    "first search": lambda each: f"{each.first_ms:.0f} ms",
    "memory, own + mapped": lambda each: f"{each.own_mb:.0f} + {each.mapped_mb:.0f} MB",
    "index made": lambda each: f"{each.index_s:.0f} s",
}


def text(figures: dict[str, Any]) -> str:
    """The figures as tables."""
    lines = [
        f"gallery build / bare network   {built['build_rate_over_network']:.2f}   ({built['model']}: "
        f"{built['build_tiles_per_s']:.1f} / {built['network_images_per_s']:.1f} images/s, {built['tiles']} tiles; "
        f"of the build's core time, the network alone would take {built['network_share_of_core_time']:.2f})"
        for built in figures["build"]
    ]
    searched = [Searched(**each) for each in figures["search"]]
    if searched:
        lines += [f"{VIEWS} queries at a time, {searched[0].dimension} numbers each; times are medians", ""]
        lines += table(list(COLUMNS), ([tell(each) for tell in COLUMNS.values()] for each in searched))
    return "\n".join(lines) + "\n"


def arguments() -> Parser:
    """The options."""
    parser = program("benchmark gallery", __doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, metavar="TILES", help="galleries to search")
    parser.add_argument("--dimension", type=int, default=768, help="numbers of each vector (default 768)")
    parser.add_argument("--tile-size-m", type=float, default=160, help="of the starter's build (default 160)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    on_paper = parser.add_argument_group("costs of larger areas")
    on_paper.add_argument("--paper", type=Path, metavar="FIGURES.json", help="of an earlier --json; measures nothing")
    for name, meaning in PRICES.items():
        default = getattr(Prices, name)
        option = f"--{name.replace('_', '-')}"
        on_paper.add_argument(option, type=type(default), default=default, help=f"{meaning} (default {default:g})")
    return parser


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = arguments()
    options = parser.parse_args(argv)
    if options.paper:
        if not options.paper.is_file():
            parser.error(f"there is no file {options.paper.name}; --json writes one.")
        prices = Prices(**{name: getattr(options, name) for name in PRICES})
        sys.stdout.write(paper(json.loads(options.paper.read_text("utf-8")), prices))
        return
    if min(options.sizes, default=LEAST) < LEAST or options.rounds < 1:
        parser.error(f"sizes from {LEAST} on and at least one round can be measured.")
    from mean_model.malloc import keep_freed_memory

    keep_freed_memory()
    like = np.load(SAMPLE / "vectors.npy")
    with tqdm(total=sum(options.sizes) + 2, unit=" tiles", file=sys.stderr) as bar:
        built = build_figures(options.tile_size_m, options.rounds, bar)
        searched = [
            asdict(search_figures(tiles, options.dimension, like, options.rounds, bar)) for tiles in options.sizes
        ]
    figures = {"build": built, "search": searched}
    sys.stdout.write(json.dumps(figures, indent=1) + "\n" if options.json else text(figures))
