"""What simple means find of the same photos: `python -m train_scripts.baselines GALLERY PHOTOS [--with NAME ...]`.

PHOTOS is a folder whose photos have a known place, as `train_scripts.evaluate` takes it, and a tile is right when its
footprint covers that place. NAME is

  random     the starter's network with random weights
  histogram  colours, 8 x 8 x 8 of them, compared by the Hellinger distance
  sift       every tile is matched by SIFT (1,000 points of the photo, 400 of a tile), and ranked by the points that
             agree on a homography (RANSAC)
  SOURCE     any weights that `--model` takes elsewhere; default are the three and the starter

All see the same pictures: ground squares where a photo states its pose, else its turns. SIFT bears turns and sizes by
itself, and looks at the photo as it is where no pose is stated. Figures of rendered and of real photos are never mixed
in one run, as a folder is one or the other.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from gallery import Gallery, GalleryError, Localizer
from gallery.embedder import read_photo
from gallery.imagery.warp import NOT_SEEN
from gallery.intervals import wilson
from gallery.judge.geometry import ALIKE_DEG, ALIKE_OCTAVES, PICTURE_PX, WITHIN_PX
from gallery.judge.local_features import Features, alike, mutual_matches, root_sift
from gallery.photo.pose import complete_pose
from gallery.photo.rectify import seen_from_above
from gallery.search.options import ROTATIONS, SearchOptions
from gallery.search.scales import typical_side_m
from mean_model import MEAN, MeanModelError, PhotoError, load_model, load_photo
from mean_model.checkpoint import load_network
from mean_model.embedder import Embedder, WeightsFacts
from mean_model.photo import Photo, read_position
from mean_model.photo_metadata import PhotoPosition
from train_scripts.arguments import program
from train_scripts.errors import DatasetError
from train_scripts.evaluation.queries import Query, asked_photos
from train_scripts.evaluation.reembedded import same_tiles
from train_scripts.text_table import as_text

DEFAULT = ("random", "histogram", "sift", "starter")
KS = (1, 5, 10)
BINS = 8  # of each colour
SIFT_TILE_PX = 256
SIFT_PHOTO_PX = 512
SIFT_TILE_POINTS, SIFT_PHOTO_POINTS = 400, 1000  # spread evenly over those that are found
RANSAC_TRIALS = 500


RankTiles = Callable[[Photo], np.ndarray]
"""Rows of the gallery for a photo, the best first."""


@dataclass(frozen=True)
class Result:
    """What one contender found. Recall and its 95 % interval in percent, by K."""

    name: str
    photos: int
    tiles: int
    recall: dict[str, float]
    interval95: dict[str, list[float]]
    seconds: float  # median of a photo, without reading it


class ColourHistogram:
    """An embedder without a network: square roots of the shares of colours; ground that is not seen has no colour."""

    name, fingerprint, dimension = "colour histogram", f"histogram-{BINS}", BINS**3
    image_size, from_above, calibration, photo_errors = 96, True, None, (PhotoError,)
    precision = "float32"

    def read(self, source: Any, least_px: int = 0) -> Photo:
        """Read a photo as the networks' embedder does."""
        return load_photo(source, max(self.image_size, least_px // 2))

    def position(self, source: Path) -> PhotoPosition | None:
        """Where a photo says that it was taken."""
        return read_position(source)

    def embed(self, images: Sequence[Any]) -> np.ndarray:
        """(N, D) float32, rows of length 1."""
        return np.stack([self._row(image.image if isinstance(image, Photo) else image) for image in images])

    def _row(self, image: Image.Image) -> np.ndarray:
        sampled = image.convert("RGB").resize((self.image_size, self.image_size), Image.Resampling.NEAREST)
        pixels = np.asarray(sampled).reshape(-1, 3)
        seen = pixels[(pixels != NOT_SEEN).any(axis=1)]
        bins = (seen // (256 // BINS)) @ np.array([BINS**2, BINS, 1])
        counts = np.bincount(bins, minlength=BINS**3) + 1e-6
        return np.sqrt(counts / counts.sum()).astype(np.float32)


def random_network() -> Embedder:
    """The starter's network as it was before any training."""
    _, _, config, _ = load_network("starter")
    torch.manual_seed(0)
    return Embedder(MEAN.from_config(config), config, WeightsFacts("random weights"), precision="float32")


class BruteForceSift:
    """Matches a photo with every tile of a gallery."""

    def __init__(self, gallery: Gallery) -> None:
        self._side_m = typical_side_m(gallery)
        rows = tqdm(range(len(gallery)), unit="tile", desc="SIFT", file=sys.stderr)
        self._tiles = [thinned(root_sift(_picture(gallery, row)), SIFT_TILE_POINTS) for row in rows]

    def __call__(self, photo: Photo) -> np.ndarray:
        """Tiles by the points that agree, then by the pairs of points."""
        pose = complete_pose(photo.pose)
        if pose is None:
            picture = photo.image.copy()
            picture.thumbnail((SIFT_PHOTO_PX, SIFT_PHOTO_PX))
            features = root_sift(np.asarray(picture))
        else:
            ground = seen_from_above(photo.image, pose, 2 * self._side_m)
            size = (2 * SIFT_TILE_PX, 2 * SIFT_TILE_PX)
            held = cv2.resize(ground.held.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
            features = root_sift(np.asarray(ground.image.resize(size, Image.Resampling.BICUBIC)), held)
        few = thinned(features, SIFT_PHOTO_POINTS)
        scores = np.array([_agreeing(few, tile, pose is not None) for tile in self._tiles])
        return np.lexsort((-scores[:, 1], -scores[:, 0]))


def _picture(gallery: Gallery, row: int) -> np.ndarray:
    picture = gallery.image(gallery.tile(row), SIFT_TILE_PX)
    grown = SIFT_TILE_PX / max(picture.size)
    return np.asarray(picture.resize((round(picture.width * grown), round(picture.height * grown))))


def thinned(features: Features, most: int) -> Features:
    """Points spread evenly over a picture's own, at most so many."""
    kept = slice(None, None, math.ceil(len(features) / most) or 1)
    angles, sizes = (None if part is None else part[kept] for part in (features.angles_deg, features.sizes_px))
    return Features(features.points[kept], features.descriptors[kept], angles, sizes)


def _agreeing(photo: Features, tile: Features, on_ground: bool) -> tuple[int, int]:
    """Points that agree on a homography, and pairs."""
    pairs = mutual_matches(photo, tile)
    if on_ground:
        pairs = pairs[alike(photo, tile, pairs, ALIKE_DEG, ALIKE_OCTAVES)]
    if len(pairs) < 5:  # four always agree
        return 0, len(pairs)
    seen, there = photo.points[pairs[:, 0]], tile.points[pairs[:, 1]]
    _, inside = cv2.findHomography(seen, there, cv2.RANSAC, WITHIN_PX, maxIters=RANSAC_TRIALS)
    return (0 if inside is None else int(inside.sum())), len(pairs)


@contextmanager
def rankers(name: str, gallery: Gallery, options: SearchOptions) -> Iterator[dict[str, RankTiles]]:
    """What a contender ranks by, under its name in the table; a network also with the check by geometry if asked for.

    Raises:
        MeanModelError, GalleryError: no such weights, or imagery that is gone.
    """
    if name == "sift":
        yield {"SIFT and RANSAC": BruteForceSift(gallery)}
        return
    embedder: Any = ColourHistogram() if name == "histogram" else random_network() if name == "random" else None
    with tempfile.TemporaryDirectory(prefix="tiles-") as folder, _closing(embedder or load_model(name)) as opened:
        localizer = Localizer(same_tiles(gallery, opened, Path(folder), name), opened)

        def rank(photo: Photo) -> np.ndarray:
            return localizer.rank(photo, len(gallery), options)[1].rows

        def checked(photo: Photo) -> np.ndarray:
            views, ranking = localizer.rank(photo, len(gallery), options)
            return localizer.verify(photo, views, ranking, math.inf)[1].rows

        yield {
            opened.name: rank,
            **({f"{opened.name}, checked": checked} if options.verify and embedder is None else {}),
        }


@contextmanager
def _closing(embedder: Any) -> Iterator[Any]:
    try:
        yield embedder
    finally:
        if isinstance(embedder, Embedder):
            embedder.close()


def measure(name: str, rank: RankTiles, queries: Sequence[Query], gallery: Gallery, *, progress: bool = True) -> Result:
    """Rank the tiles for each photo, and count."""
    reader = ColourHistogram()
    covering = gallery.covering([query.truth for query in queries])
    firsts, seconds = [], []
    pairs = list(zip(queries, covering, strict=True))
    for query, right in tqdm(pairs, unit="photo", desc=name, file=sys.stderr, disable=not progress):
        photo = read_photo(reader, query.file, PICTURE_PX)
        begun = time.perf_counter()
        rows = rank(photo)
        seconds.append(time.perf_counter() - begun)
        firsts.append(next(iter(np.flatnonzero(np.isin(rows, right))), len(rows)))
    hits = {str(k): int((np.array(firsts) < k).sum()) for k in KS}
    recall = {k: 100 * count / len(firsts) for k, count in hits.items()}
    intervals = {k: wilson(count, len(firsts)) for k, count in hits.items()}
    return Result(name, len(firsts), len(gallery), recall, intervals, float(np.median(seconds)))


def table(results: Sequence[Result]) -> str:
    """A row for each contender."""
    head = ["", *(f"R@{k} % (95 %)" for k in KS), "s/photo"]
    rows = [head, *map(_cells, results)]
    return f"{results[0].photos} photos against {results[0].tiles:,} tiles\n\n{as_text(rows)}\n"


def _cells(one: Result) -> list[str]:
    shares = (f"{one.recall[k]:.1f} ({one.interval95[k][0]:.1f}-{one.interval95[k][1]:.1f})" for k in one.recall)
    return [one.name, *shares, f"{one.seconds:.3g}"]


def main(argv: list[str] | None = None) -> None:
    """Rank the tiles by each means, and print what it finds."""
    parser = program("baselines", __doc__)
    parser.add_argument("gallery", type=Path, metavar="GALLERY")
    parser.add_argument("folder", type=Path, metavar="PHOTOS")
    parser.add_argument("--with", dest="names", action="append", metavar="NAME", help="see above; again for each")
    parser.add_argument("--photos", type=int, default=60, metavar="N", help="at most, spread evenly (default 60)")
    parser.add_argument("--rotations", type=int, choices=ROTATIONS, default=16, help="turns of a photo without heading")
    parser.add_argument("--verify", action="store_true", help="networks also with the check by geometry")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(argv)
    try:
        gallery = Gallery.open(options.gallery)
        asked = asked_photos(options.folder, None, lambda file: read_photo(ColourHistogram(), file)).queries
        step = max(1, len(asked) / max(1, options.photos))
        queries = [asked[int(number * step)] for number in range(min(len(asked), max(1, options.photos)))]
        results = []
        for name in options.names or DEFAULT:
            with rankers(name, gallery, SearchOptions(options.rotations, verify=options.verify)) as named:
                for label, rank in named.items():
                    results.append(measure(label, rank, queries, gallery))
                    tqdm.write("  ".join(_cells(results[-1])), file=sys.stderr)  # the next one may take long, or fail
    except (GalleryError, MeanModelError, DatasetError) as error:
        parser.error(str(error))
    if options.json:
        json.dump([asdict(one) for one in results], sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(table(results))


if __name__ == "__main__":
    main()
