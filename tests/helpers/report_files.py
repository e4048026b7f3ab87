"""Reports made up for tests: queries on a grid of tiles, with embeddings, from a seed."""

from pathlib import Path

import numpy as np

from gallery.geo import LonLat, distances_m, moved
from gallery.report.report import QueryRow, write_report
from gallery.report.tiles import Tiles, write_tiles

STEP_M = 100.0
SIDE = 12
"""Tiles in a row and in a column."""

CONDITIONS = ("normal", "fog", None)
ALTITUDES = (60.0, 100.0, 150.0, 240.0, None)
SHOWN = 10


def made_tiles(seed: int = 0, dimension: int = 16) -> Tiles:
    """A grid of tiles around a point, two of them nearly alike (t000_000 and t006_006), each a place of its own."""
    random = np.random.default_rng(seed)
    points = [moved(LonLat(10, 50), x * STEP_M, y * STEP_M) for y in range(SIDE) for x in range(SIDE)]
    vectors = unit(random.standard_normal((SIDE * SIDE, dimension)))
    vectors[6 * SIDE + 6] = unit(vectors[0] + 0.01 * random.standard_normal(dimension))
    ids = np.array([f"t{y:03}_{x:03}" for y in range(SIDE) for x in range(SIDE)], object)
    return Tiles(
        ids,
        vectors.astype(np.float16),
        np.array([point.lon for point in points]),
        np.array([point.lat for point in points]),
        np.array([name.replace("t", "place ") for name in ids], object),
    )


def made_rows(
    count: int, seed: int = 0, *, noise: float = 0.9, tiles: Tiles | None = None, places: bool = True
) -> list[QueryRow]:
    """Queries of random tiles, their vectors disturbed; what is written of them is worked out from these vectors."""
    tiles = tiles or made_tiles()
    random = np.random.default_rng((seed, 1))
    true = np.random.default_rng(7).integers(0, len(tiles.ids), count)  # the same queries for every seed
    tile_vectors = tiles.vectors.astype(np.float32)
    disturbed = tile_vectors[true] + noise * random.standard_normal((count, tile_vectors.shape[1])) / 4
    vectors = unit(disturbed).astype(np.float16)
    scores = vectors.astype(np.float32) @ tile_vectors.T
    order = np.argsort(-scores, axis=1)
    rows = []
    for number in range(count):
        mine, ranked = int(true[number]), order[number, :SHOWN]
        rank = int(np.flatnonzero(order[number] == mine)[0]) + 1
        best_false = scores[number, order[number, 1 if rank == 1 else 0]]
        point = LonLat(float(tiles.lons[mine]), float(tiles.lats[mine]))
        metres = distances_m(point, tiles.lons[ranked], tiles.lats[ranked])
        rows.append(
            QueryRow(
                id=f"q{number:05}",
                image=f"photos/q{number:05}.jpg",
                tile_ids=list(tiles.ids[ranked]),
                scores=scores[number, ranked].tolist(),
                true_lon=point.lon,
                true_lat=point.lat,
                lon=float(tiles.lons[ranked[0]]),
                lat=float(tiles.lats[ranked[0]]),
                altitude_m=ALTITUDES[number % 5],
                condition=CONDITIONS[number % 3],
                true_tile_id=str(tiles.ids[mine]),
                truth_rank=rank,
                margin=float(scores[number, mine] - best_false),
                error_m=float(metres[0]),
                place=str(tiles.places[mine]) if places and tiles.places is not None else None,
                ap=1.0 if rank == 1 else 1 / (2 * rank),
                covered=True,
                tile_true=(ranked == mine).tolist(),
                tile_lons=tiles.lons[ranked].tolist(),
                tile_lats=tiles.lats[ranked].tolist(),
                tile_m=metres.tolist(),
                tile_overlap=np.clip(1 - metres / 150, 0, 1).tolist(),
                tile_places=tiles.places[ranked].tolist() if places and tiles.places is not None else None,
                verdict="unsure",
                sharpness=float(np.exp(random.normal(6, 0.3))) / (1000 if number % 29 == 3 else 1),
                brightness=float(random.normal(120, 10)) - (90 if number % 31 == 5 else 0),
                thumbnail=b"not a picture" if number < 2 else None,
                vector=vectors[number],
            )
        )
    return rows


def made_report(file: Path, count: int = 60, seed: int = 0, **options: object) -> Path:
    """Write such a report and its tiles. Returns: the file."""
    tiles = made_tiles()
    write_report(file, made_rows(count, seed, tiles=tiles, **options), {"protocol": "paper", "model": f"seed {seed}"})  # type: ignore[arg-type]
    write_tiles(file, tiles)
    return file


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
