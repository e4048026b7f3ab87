"""Measures a model on photos whose place is known, searched in a gallery of tiles: the kinds `gallery` and `world`.

A tile is right when its footprint covers the true point on the ground. That point stands in a table (`truth.csv` beside
the photos, or a file of positions), or it is the one that the photo's own EXIF states: where the camera looked by
heading, pitch and height over flat ground, else below the camera.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from gallery import Gallery, Localizer
from gallery.constants import SAMPLE
from gallery.embedder import read_photo
from gallery.errors import UnreadablePhoto
from gallery.geo import LonLat, distance_m
from gallery.intervals import wilson
from gallery.judge.calibration_fit import reliability_of
from gallery.judge.geometry import PICTURE_PX
from gallery.metrics import average_precision, position_scores
from gallery.paths import noted_path
from gallery.report.ground import OUTCOMES, ground_rank, outcome
from gallery.report.photo_quality import PictureFacts, picture_facts
from gallery.report.report import QueryRow, TrueTile, row_of, write_report
from gallery.report.tiles import Tiles, tiles_file, write_tiles
from gallery.search.answer import Answer
from gallery.search.options import SearchOptions
from gallery.store.manifest import MANIFEST
from gallery.telemetry.pose_files import read_poses
from gallery.telemetry.poses import Poses
from gallery.tiles import Ranking
from mean_model.photo import Photo
from train_scripts.arguments import check_out, one_of_several
from train_scripts.data.readers.dataset import BOTH_WAYS, Protocol
from train_scripts.data.readers.listing import shown
from train_scripts.errors import BadPicture, BadRequest, MissingPart
from train_scripts.evaluation import protocols
from train_scripts.evaluation.options import EvaluationOptions
from train_scripts.evaluation.places import WITHIN_M
from train_scripts.evaluation.queries import TRUTH, Asked, Query, asked_photos, below
from train_scripts.evaluation.reembedded import same_tiles
from train_scripts.evaluation.trial import SHOWN

if TYPE_CHECKING:
    from mean_model.embedder import Embedder

PoseError = tuple[float, float, float]
"""Standard deviations: heading in degrees, pitch in degrees, height in percent."""

FAR_OFF_M = 50.0
"""Metres beyond which a place that geometry claims is plainly wrong."""

PHOTOS = "photos"
"""The folder in a gallery's folder whose photos are asked by default."""


@dataclass(frozen=True)
class PhotosOptions(EvaluationOptions):
    """Photos to ask, and the gallery to search.

    Without a model the one that built the gallery is measured. `positions` holds the ground point that each photo
    shows; None takes truth.csv, else EXIF.

    Attributes:
        kind: "gallery" or "world", for the summary.
        photos: their folder.
        gallery: the folder of the gallery that is searched.
        again: where the tiles are embedded again by a model that did not build the gallery; None refuses it.
        rotations, north_up: as for `SearchOptions`.
        verify: check the best tiles by geometry, and let a place that fits lead.
        poses: a file that states the photos' poses, in place of what they state themselves.
        ground: lay the photos on the gallery's ground, let a place that it locates lead, and report what it said.
        pose_error: standard deviations of what is added to heading (degrees), pitch (degrees) and height (percent).
    """

    kind: str
    photos: Path
    gallery: Path
    again: Path | None = None
    rotations: int = 16
    north_up: bool = True
    verify: bool = False
    poses: Path | None = None
    ground: bool = False
    pose_error: PoseError = (0.0, 0.0, 0.0)


def of_world(folder: Path, gallery: Path | None = None, **options: Any) -> PhotosOptions:
    """Photos as `make_sample photos` writes them, with truth.csv, or a gallery with such photos in it.

    Args:
        gallery: None searches the folder itself or the one above it, if that is a gallery, else the bundled sample.
    """
    photos = folder if (folder / TRUTH).is_file() or not is_gallery(folder) else folder / PHOTOS
    if not folder.is_dir():
        raise MissingPart(f"There is no folder {shown(folder.name)}. Check its path.")
    if not (photos / TRUTH).is_file():
        raise MissingPart(
            f"{shown(photos.name)} has no {TRUTH}. Make photos with python -m train_scripts.make_sample photos, or "
            "write gallery:DIR for photos that state their position."
        )
    candidates = (folder, folder.absolute().parent)
    return PhotosOptions("world", photos, gallery or next(filter(is_gallery, candidates), SAMPLE), **options)


def of_gallery(folder: Path, photos: Path | None = None, **options: Any) -> PhotosOptions:
    """A gallery and photos of its ground. Args: photos: None takes those in the gallery's folder."""
    where = photos or folder / PHOTOS
    if is_gallery(folder) and not where.is_dir():
        hint = "Check its path." if photos else f"Put photos there, or give --{PHOTOS} FOLDER."
        raise MissingPart(f"There is no folder {shown(where.name)}{'' if photos else f' in {folder.name}'}. {hint}")
    return PhotosOptions("gallery", where, folder, **options)


def is_gallery(folder: Path) -> bool:
    """Whether a folder looks like a gallery; opening it says what may be wrong with it."""
    return (folder / MANIFEST).is_file()


def disturbed(photo: Photo, error: PoseError, random: np.random.Generator) -> Photo:
    """The photo with normal errors added to its stated pose; what it does not state stays so."""
    heading, pitch, height = random.standard_normal(3) * error
    stated = photo.pose
    if stated is None:
        return photo
    pose = replace(
        stated,
        heading_deg=None if stated.heading_deg is None else (stated.heading_deg + heading) % 360,
        pitch_deg=None if stated.pitch_deg is None else float(np.clip(stated.pitch_deg + pitch, -90, 90)),
        height_m=None if stated.height_m is None else stated.height_m * (1 + height / 100),
    )
    return replace(photo, pose=pose)


# --- the measurement ---


@dataclass(frozen=True)
class Found:
    """One photo's ranking under one protocol.

    Attributes:
        first: 0-based rank of the first right tile, -1 where no tile covers the truth.
        ap: trapezoidal average precision, 0 to 1.
        margin: score of the best right tile minus that of the best wrong one; None where there is not both.
        right: the row of the best right tile, None where there is none.
        by_embedding: `first`, before geometry or the ground moved a tile to the front.
        facts, vector: of the photo, and of its middle view; None where no report is asked for.
    """

    query: Query
    answer: Answer
    rows: np.ndarray  # best tiles
    first: int
    ap: float
    margin: float | None
    right: int | None
    by_embedding: int = -1
    facts: PictureFacts | None = None
    vector: np.ndarray | None = None


def run(options: PhotosOptions) -> Iterator[dict[str, Any]]:
    """Measure, and write the report where asked; a summary for each protocol.

    Raises:
        DatasetError, MeanModelError, GalleryError: one sentence on what is wrong and what to do.
    """
    from mean_model import load_model
    from mean_model.xfeat import package_points

    check_out(options.out)
    gallery = Gallery.open(options.gallery)
    with load_model(options.model or gallery.model_source, precision=options.precision) as embedder:
        searched = same_tiles(gallery, embedder, options.again, options.model or "", progress=options.progress)
        localizer = Localizer(searched, embedder, points=package_points() if options.ground else None)
        if options.ground and not localizer.on_ground:
            raise BadRequest(
                f"{shown(gallery.folder.name)} has no ground to lay photos on. "
                "Make it once: python -m gallery ground DIR"
            )
        poses = None if options.poses is None else read_poses(options.poses)
        read = partial(_read, options, embedder, poses)
        asked = asked_photos(options.photos, options.positions, read, progress=options.progress)
        covering = gallery.covering([query.truth for query in asked.queries])
        if not any(map(len, covering)):
            raise BadRequest(
                f"None of the {len(asked.queries)} photos lies on a tile of {shown(gallery.folder.name)}. Choose the "
                "gallery of their area, and check that longitude and latitude are not exchanged."
            )
        ranked = {"full": np.ones(len(gallery), bool), "paper": np.zeros(len(gallery), bool)}
        ranked["paper"][np.concatenate(covering)] = True
        kept = {protocol: ranked[protocol] for protocol in options.protocols}
        found: dict[Protocol, list[Found]] = {protocol: [] for protocol in kept}
        unreadable, random = list(asked.unreadable), np.random.default_rng(0)
        pairs = list(zip(asked.queries, covering, strict=True))
        for query, right in tqdm(pairs, unit="photo", file=sys.stderr, disable=not options.progress):
            photo = read(query.file)
            if photo is None:
                unreadable.append(below(query.file, options.photos))
                continue
            photo = disturbed(photo, options.pose_error, random)
            for protocol, one in _ask(options, localizer, query, photo, right, kept).items():
                found[protocol].append(one)
        about = _about(options, gallery, embedder, asked, unreadable)
    if not found[options.protocols[0]]:
        raise MissingPart(f"None of the {len(pairs)} photos with a known position can be read.")
    for protocol, of in found.items():
        summary = {**summary_of(of, gallery, protocol, int(kept[protocol].sum())), **about}
        lost = np.flatnonzero([one.first < 0 for one in of])
        unmatched = protocols.name_unmatched(lost, [below(one.query.file, options.photos) for one in of])
        summary["notes"] = [*asked.notes, *([unmatched] if unmatched else [])]
        if options.out is not None:
            file = one_of_several(options.out, protocol) if len(found) > 1 else options.out
            _write(file, of, summary, options.photos, gallery, searched)
            summary["report"] = file.name
        yield summary


def _read(options: PhotosOptions, embedder: Embedder, poses: Poses | None, file: Path) -> Photo | None:
    """The photo; None for one that is to be left out."""
    try:
        photo = read_photo(embedder, file, PICTURE_PX if options.verify or options.ground else 0)
        return photo if poses is None else poses.applied(photo)
    except UnreadablePhoto as error:
        if options.skip_unreadable:
            return None
        raise BadPicture(
            f"{below(file, options.photos)} cannot be used. {error} To leave such photos out, give --skip-unreadable."
        ) from error


def _ask(
    options: PhotosOptions,
    localizer: Localizer,
    query: Query,
    photo: Photo,
    right: np.ndarray,
    kept: Mapping[Protocol, np.ndarray],
) -> dict[Protocol, Found]:
    """What is found for a photo under each protocol. Args: right: rows of its tiles; kept: (N,) tiles to rank."""
    asked = SearchOptions(options.rotations, options.north_up)
    views, ranking = localizer.rank(photo, len(localizer.gallery), asked)
    facts = vector = None
    if options.out is not None:
        facts = picture_facts(photo.image, options.thumbnail_px)
        vector = localizer.embedder.embed([views.views[0].image])[0]
    found = {}
    for protocol, stays in kept.items():
        left = stays[ranking.rows]
        best, check = Ranking(ranking.rows[left], ranking.scores[left]), None
        by_embedding = _first_right(best, right)
        laid = localizer.register(photo, best, asked) if options.ground else None
        if options.verify and (laid is None or not laid.located):
            check, best = localizer.verify(photo, views, best, math.inf)
        answer = localizer.judge(photo, views, best, SHOWN, check, laid)
        one = _compared(query, answer, localizer.led(best, laid), right)
        found[protocol] = replace(one, facts=facts, vector=vector, by_embedding=by_embedding)
    return found


def _about(
    options: PhotosOptions, gallery: Gallery, embedder: Embedder, asked: Asked, unreadable: list[str]
) -> dict[str, Any]:
    """What a summary says of how it was measured."""
    return {
        "dataset": options.kind,
        "photos": options.photos.name,
        "searched": "the bundled sample gallery" if options.gallery.resolve() == SAMPLE else gallery.folder.name,
        "truth": asked.truth_from,
        "rotations": options.rotations,
        "north_up": options.north_up,
        "verify": options.verify,
        "poses": None if options.poses is None else options.poses.name,
        "ground": options.ground,
        "pose_error": list(options.pose_error),
        "model": embedder.name,
        "fingerprint": embedder.fingerprint,
        "precision": embedder.precision,
        "unplaced": list(asked.unplaced),
        "unreadable": sorted(unreadable),
    }


def _write(
    file: Path, found: Sequence[Found], summary: dict[str, Any], photos: Path, gallery: Gallery, searched: Gallery
) -> None:
    """The report, and beside it the tiles as they were searched if another model than the gallery's embedded them."""
    rows = [_row(one, gallery, photos, file) for one in found]
    write_report(file, rows, {**summary, "root": noted_path(gallery.folder, file.parent)})
    tiles_file(file).unlink(missing_ok=True)  # of an earlier report of this name
    if searched is not gallery:
        write_tiles(file, Tiles(gallery.tiles["id"].to_numpy(object), searched.vectors, *gallery.centres.T))


def _first_right(ranking: Ranking, right: np.ndarray) -> int:
    """0-based rank of the first right tile, -1 where there is none."""
    hits = np.flatnonzero(np.isin(ranking.rows, right))
    return int(hits[0]) if len(hits) else -1


def _compared(query: Query, answer: Answer, ranking: Ranking, right: np.ndarray) -> Found:
    hits = np.isin(ranking.rows, right)
    best_hit, best_miss = (np.flatnonzero(which)[:1] for which in (hits, ~hits))
    both = len(best_hit) and len(best_miss)
    return Found(
        query,
        answer,
        ranking.rows[:SHOWN],
        int(best_hit[0]) if len(best_hit) else -1,
        float(average_precision(hits[None])[0]),
        float(ranking.scores[best_hit[0]] - ranking.scores[best_miss[0]]) if both else None,
        int(ranking.rows[best_hit[0]]) if len(best_hit) else None,
    )


def summary_of(found: Sequence[Found], gallery: Gallery, protocol: Protocol, ranked: int) -> dict[str, Any]:
    """The figures of one protocol, percentages. Args: ranked: tiles that the protocol leaves in the gallery."""
    first = np.array([one.first for one in found])
    ks: dict[str, int] = {"1": 1, "5": 5, "10": 10, "1%": round(len(gallery) * 0.01) + 1}
    hits = {name: int(((first >= 0) & (first < k)).sum()) for name, k in ks.items()}
    points = np.array([(one.query.truth.lon, one.query.truth.lat) for one in found])
    best = np.stack([one.rows for one in found])
    errors_m = [distance_m(one.query.truth, gallery.tile(int(one.rows[0])).centre) for one in found]
    figures: dict[str, Any] = {
        "recall": {name: 100 * hit / len(found) for name, hit in hits.items()},
        "interval95": {name: wilson(hit, len(found)) for name, hit in hits.items()},
        "ap": 100 * float(np.mean([one.ap for one in found])),
        "queries": len(found),
        "gallery": ranked,
        "gallery_removed": len(gallery) - ranked,
        "without_match": int((first < 0).sum()),
        "protocol": protocol,
        "direction": BOTH_WAYS[0],
        "median_error_m": float(np.median(errors_m)),
        "positions": position_scores(points, gallery.centres, best, within_m=WITHIN_M).to_dict(),
    }
    if protocol == "full":  # what is left by the paper's lies together by itself
        dared = [(one.answer.position, one.query.truth) for one in found if one.answer.position is not None]
        figures["trust"] = _trust(found)
        figures["located"] = len(dared)
        figures["located_right"] = sum(distance_m(LonLat(at.lon, at.lat), truth) <= at.radius_m for at, truth in dared)
    laid = [one for one in found if one.answer.ground is not None]
    if laid:
        figures["on_ground"] = _on_ground(laid)
    fits = [(one.answer.check.fit, one.query.truth) for one in found if one.answer.check is not None]
    if fits:
        off_m = [(distance_m(fit.point, truth), fit.radius_m) for fit, truth in fits if fit is not None]
        figures["verified"] = len(off_m)
        figures["verified_within_radius"] = sum(error_m <= radius_m for error_m, radius_m in off_m)
        figures["verified_median_error_m"] = float(np.median([error_m for error_m, _ in off_m])) if off_m else None
        figures["verified_far_off"] = sum(error_m > FAR_OFF_M for error_m, _ in off_m)
    return figures


def _on_ground(laid: Sequence[Found]) -> dict[str, int]:
    """How many photos came to which of `gallery.report.ground.OUTCOMES`."""
    counts = dict.fromkeys(OUTCOMES, 0)
    for one in laid:
        assert one.answer.ground is not None
        rank = ground_rank(one.answer.ground, one.query.truth)
        counts[outcome(True, math.nan if rank is None else rank, one.by_embedding + 1 or math.nan)] += 1
    return {name: count for name, count in counts.items() if name != "unlaid"}


def _trust(found: Sequence[Found]) -> dict[str, Any] | None:
    """How far the answers' confidences are to be believed; None where there are none."""
    known = [
        (one.answer.confidence, one.answer.is_right(one.query.truth))
        for one in found
        if one.answer.confidence is not None
    ]
    return reliability_of(*map(np.array, zip(*known, strict=True))).to_dict() if known else None


def _row(found: Found, gallery: Gallery, photos: Path, report: Path) -> QueryRow:
    """The report's row; the truth's rank is that in the whole ranking, not only in what is shown."""
    query, best = found.query, None if found.right is None else gallery.tile(found.right)
    row = row_of(
        found.answer,
        below(query.file, photos),
        noted_path(query.file, report.parent),
        query.truth,
        altitude_m=query.altitude_m,
        condition=query.condition,
        true_tile=TrueTile(best, found.first + 1 if best else None, found.margin, found.ap),
        embedding_rank=found.by_embedding + 1 or None,
    )
    if found.facts is None:
        return row
    return replace(
        row,
        sharpness=found.facts.sharpness,
        brightness=found.facts.brightness,
        thumbnail=found.facts.thumbnail,
        vector=found.vector,
    )
