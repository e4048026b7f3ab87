"""Makes an answer's confidence a probability: `python -m train_scripts.calibrate ask|fit|measure …`.

`ask` searches photos whose place is known, each twice: in the whole gallery, and with the tiles around its place
hidden, so that nothing can be right. With --elsewhere the photos show places that the gallery lacks. What speaks for
its answers is written as a line for each photo (JSON lines); a run that was stopped goes on when the same command is
given again.

`fit` turns such files into calibration.json: put it into a gallery's folder to calibrate that gallery to its own
ground, or beside the weights. `measure` says how far a calibration is to be believed on other photos than it was fitted
to: area under the precision-recall curve, the share of answers that can be kept at a precision, calibration error.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gallery import Gallery, GalleryError, Localizer
from gallery.arguments import Parser
from gallery.constants import SHARES
from gallery.embedder import read_photo
from gallery.errors import UnreadablePhoto
from gallery.figures.embeddings import reliability_curves
from gallery.geo import LonLat, distances_m
from gallery.imagery.images import images_below
from gallery.intervals import wilson
from gallery.judge.calibration import CASES, Calibration, Logistic, case_of
from gallery.judge.calibration_fit import Reliability, fit, reliability_of
from gallery.judge.evidence import BEST, Evidence
from gallery.judge.geometry import PICTURE_PX
from gallery.judge.verdict import search_mode
from gallery.search.options import SearchOptions
from gallery.search.scales import typical_side_m
from mean_model.atomic_files import replace_text
from mean_model.errors import MeanModelError
from mean_model.photo import Photo
from train_scripts.arguments import program
from train_scripts.data.readers.listing import shown
from train_scripts.errors import BadRequest, DatasetError
from train_scripts.evaluation.photos import PoseError, disturbed
from train_scripts.evaluation.queries import asked_photos, below
from train_scripts.make_figures import SUFFIXES, save

HIDDEN_SIDES = 3.0
"""Distance from the truth within which tiles are hidden, in tile sides: the ground around those that stay shows nothing
of the photo's middle, nor do its outer squares fit them."""


@dataclass(frozen=True)
class Manner:
    """How photos are asked: as `Localizer.localize` has it, and what is added to their stated poses."""

    options: SearchOptions
    pose_error: PoseError = (0.0, 0.0, 0.0)


MANNERS: Mapping[str, Manner] = {
    "stated": Manner(SearchOptions(16, True)),
    "disturbed": Manner(SearchOptions(16, True), (10.0, 5.0, 20.0)),
    "guessed": Manner(SearchOptions(16, False)),
    "turned": Manner(SearchOptions(4, False)),
}
"""The conditions that figures are given for. A disturbed pose is one that a real drone may state."""


@dataclass(frozen=True)
class Judged:
    """One answer, and whether it is right, with the geometric check or without.

    Attributes:
        right: see `gallery.judge.evidence.is_right`.
        error_m: from the truth to the answer's place; None where the gallery lacks it.
        evidence: None where nothing tells the place from others.
    """

    photo: str
    manner: str
    case: str  # see `gallery.judge.calibration.case_of`
    lacking: bool  # the gallery has no tile of the place, or it was hidden
    right: bool
    error_m: float | None
    evidence: Evidence | None


def judged_of(row: Mapping[str, Any]) -> Judged:
    """The same from the file."""
    evidence = row["evidence"]
    return Judged(**{**row, "evidence": None if evidence is None else Evidence(**evidence)})


def ask(
    localizer: Localizer, photo: Photo, name: str, truth: LonLat | None, manner: str, random: np.random.Generator
) -> Iterator[Judged]:
    """What is found of a photo in one manner, with the tiles of its place and without them.

    Args: truth: None for a photo of elsewhere.
    """
    how = MANNERS[manner]
    photo = disturbed(photo, how.pose_error, random)
    gallery = localizer.gallery
    searched: list[np.ndarray | None] = [None]
    if truth is not None:
        away_m = distances_m(truth, *gallery.centres.T)
        searched.append(away_m > HIDDEN_SIDES * typical_side_m(gallery))
    for allowed in searched:
        views, ranking = localizer.rank(photo, BEST, how.options, allowed)
        if not len(ranking.rows):
            continue
        check, verified = localizer.verify(photo, views, ranking, math.inf)
        for one, order in ((check, verified), (None, ranking)):
            answer = localizer.judge(photo, views, order, 1, one)
            there = truth if allowed is None else None
            yield Judged(
                photo=name,
                manner=manner,
                case=case_of(search_mode(views), one is not None),
                lacking=there is None,
                right=there is not None and answer.is_right(there),
                error_m=None if there is None else answer.error_m(there),
                evidence=localizer.evidence(order, one),
            )


# --- fit and measure ---


@dataclass(frozen=True)
class Figures:
    """What a calibration does to the answers of one manner.

    Attributes:
        trust: of the probabilities, over photos of the gallery and of elsewhere.
        asked, located, wrong: photos whose place the gallery has; how many were located, and how many of these wrongly.
        wrong_interval95: 95 % interval of wrong among located, percent.
        median_error_m: of the located ones that are right.
        lacking, believed: photos whose place the gallery lacks, and how many were located all the same.
    """

    trust: Reliability
    asked: int
    located: int
    wrong: int
    wrong_interval95: Sequence[float] | None
    median_error_m: float | None
    lacking: int
    believed: int


def calibrated(judged: Sequence[Judged], fingerprint: str, about: str) -> Calibration:
    """A calibration for every way of searching that enough answers were judged of.

    Raises:
        GalleryError: too few for any.
    """
    ways: dict[str, Logistic] = {}
    refused = GalleryError("The files hold no answer to fit to.")
    for case in CASES:
        own = [(one, one.evidence) for one in judged if one.case == case]
        known = [(one, evidence) for one, evidence in own if evidence is not None]
        if not known:
            continue
        try:
            ways[case] = fit(
                [evidence for _, evidence in known],
                np.array([one.right for one, _ in known]),
                [one.photo for one, _ in known],
                np.array([one.lacking for one, _ in known]),
            )
        except GalleryError as error:
            refused = GalleryError(f"Searches of the kind {case!r}: {error}")
    if not ways:
        raise refused
    return Calibration(fingerprint, about, ways)


def figures_of(judged: Sequence[Judged], calibration: Calibration, trust: float) -> Figures | None:
    """Figures of answers of one manner; None where none of them can be given a probability."""
    known, probabilities, located = [], [], []
    for one in judged:
        way = None if one.evidence is None else calibration.ways.get(one.case)
        if way is None or one.evidence is None:
            continue
        known.append(one)
        probabilities.append(way.probability(one.evidence))
        least = way.located_at[trust]
        located.append(least is not None and probabilities[-1] >= least)
    if not known:
        return None
    there = [(one, sure) for one, sure in zip(known, located, strict=True) if not one.lacking]
    claimed = [one for one, sure in there if sure]
    wrong = sum(not one.right for one in claimed)
    errors_m = [one.error_m for one in claimed if one.right and one.error_m is not None]
    return Figures(
        trust=reliability_of(np.array(probabilities), np.array([one.right for one in known])),
        asked=len(there),
        located=len(claimed),
        wrong=wrong,
        wrong_interval95=wilson(wrong, len(claimed)) if claimed else None,
        median_error_m=float(np.median(errors_m)) if errors_m else None,
        lacking=len(known) - len(there),
        believed=sum(located) - len(claimed),
    )


# --- command line ---


def read_rows(files: Sequence[Path]) -> tuple[str, list[Judged]]:
    """The fingerprint of the weights that were asked, and what `ask` wrote.

    Raises:
        BadRequest: a file that `ask` did not write, or files of different weights.
    """
    fingerprints, judged = set(), []
    for file in files:
        try:
            head, *rows = map(json.loads, file.read_text("utf-8").splitlines())
            fingerprints.add(head["fingerprint"])
            judged += [judged_of(answer) for row in rows for answer in row]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadRequest(f"{shown(file.name)} was not written by `calibrate ask`, or is cut short.") from error
    if len(fingerprints) != 1:
        raise BadRequest("The files were asked with different weights: give those of one model.")
    return fingerprints.pop(), judged


def _ask(options: argparse.Namespace) -> None:
    from mean_model import load_model

    gallery = Gallery.open(options.gallery)
    with load_model(options.model or gallery.model_source, precision="float32") as embedder:
        localizer = Localizer(gallery, embedder)

        def read(file: Path) -> Photo | None:
            try:
                return read_photo(embedder, file, PICTURE_PX)
            except UnreadablePhoto as error:
                sys.stderr.write(f"Left out: {error}\n")
                return None

        places: dict[Path, LonLat | None]
        if options.elsewhere:
            places = dict.fromkeys(images_below(options.photos))
        else:
            queries = asked_photos(options.photos, options.positions, read).queries
            places = {query.file: query.truth for query in queries}
        head = {"fingerprint": embedder.fingerprint, "gallery": gallery.folder.name, "photos": options.photos.name}
        done = _begun(options.out, head)
        todo = [
            (manner, file, truth)
            for manner in options.manners
            for file, truth in list(places.items())[: options.most]
            if (manner, below(file, options.photos)) not in done
        ]
        with options.out.open("a", encoding="utf-8") as out:
            for manner, file, truth in tqdm(todo, unit="photo", file=sys.stderr):
                photo = read(file)
                if photo is None:
                    continue
                name = below(file, options.photos)
                random = np.random.default_rng(list(name.encode()))
                answers = [asdict(one) for one in ask(localizer, photo, name, truth, manner, random)]
                out.write(json.dumps(answers) + "\n")
                out.flush()


def _begun(file: Path, head: dict[str, str]) -> set[tuple[str, str]]:
    """What a file has of this run already, by manner and photo; it is begun if there is none."""
    if not file.exists():
        replace_text(file, json.dumps(head) + "\n")
        return set()
    lines = file.read_text("utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):  # cut in the middle of a line
        lines.pop()
        replace_text(file, "".join(lines))
    if not lines or json.loads(lines[0]) != head:
        raise BadRequest(f"{shown(file.name)} holds another run: name another file, or remove it.")
    return {(row[0]["manner"], row[0]["photo"]) for row in map(json.loads, lines[1:]) if row}


def _fit(options: argparse.Namespace) -> None:
    fingerprint, judged = read_rows(options.rows)
    calibration = calibrated(judged, fingerprint, options.about)
    replace_text(options.out, json.dumps(calibration.to_dict(), indent=1) + "\n")
    for case, way in calibration.ways.items():
        bounds = ", ".join(f"{share:.0%} from {least:.2f}" for share, least in way.located_at.items() if least)
        told = f"{case}: {way.photos} answers, {way.elsewhere} of them without a right tile; {bounds or 'no bound'}"
        sys.stdout.write(f"{told}\n")


def _measure(options: argparse.Namespace) -> None:
    if options.plot is not None and options.plot.suffix not in SUFFIXES:
        raise BadRequest(f"{shown(options.plot.name)} is no figure: give a name that ends in {', '.join(SUFFIXES)}.")
    fingerprint, judged = read_rows(options.rows)
    calibration = Calibration.read(options.calibration)
    if calibration.fingerprint != fingerprint:
        raise BadRequest(f"The calibration is of weights {calibration.fingerprint}, the answers of {fingerprint}.")
    found: dict[str, Figures] = {}
    for manner in MANNERS:
        for checked in (True, False):
            own = [one for one in judged if one.manner == manner and one.case.endswith("checked") == checked]
            figures = figures_of(own, calibration, options.trust)
            if figures is not None:
                found[case_of(manner, checked)] = figures
    if options.plot is not None and found:
        save(reliability_curves({name: figures.trust for name, figures in found.items()}), options.plot)
    if options.json:
        json.dump({name: asdict(figures) for name, figures in found.items()}, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(table_of(found))


def table_of(found: Mapping[str, Figures]) -> str:
    """Figures as a Markdown table."""
    lines = [
        "| asked | located | of these wrong | median error | located though not in the gallery | AUC-PR | kept at 95 % "
        "| kept at 99 % | ECE |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        bounds = "" if one.wrong_interval95 is None else " ({:.1f}-{:.1f} %)".format(*one.wrong_interval95)
        error = "" if one.median_error_m is None else f"{one.median_error_m:.1f} m"
        auc = "" if one.trust.auc_pr is None else f"{one.trust.auc_pr:.3f}"
        kept = [f"{100 * one.trust.coverage[str(share)]:.1f} %" for share in SHARES[1:]]
        located = f"{one.located} of {one.asked} | {one.wrong}{bounds} | {error} | {one.believed} of {one.lacking}"
        lines.append(f"| {name} | {located} | {auc} | {' | '.join(kept)} | {one.trust.calibration_error:.3f} |")
    return "".join(f"{line}\n" for line in lines)


def _manners(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = next((name for name in names if name not in MANNERS), None)
    if unknown is not None:
        raise argparse.ArgumentTypeError(f"there is no {unknown!r}; choose from {', '.join(MANNERS)}")
    return names


def parser() -> Parser:
    """The options."""
    top = program("calibrate", __doc__)
    parts = top.add_subparsers(required=True, metavar="ask|fit|measure")
    one = parts.add_parser("ask", help="search photos of known place")
    one.add_argument("photos", type=Path, metavar="FOLDER", help="photos, with truth.csv (file, lon, lat) or EXIF")
    one.add_argument("--gallery", type=Path, required=True, metavar="DIR", help="what is searched")
    one.add_argument("--positions", type=Path, metavar="FILE", help="CSV or KML with the photos' places")
    one.add_argument("--elsewhere", action="store_true", help="the gallery holds none of the places")
    one.add_argument("--model", metavar="SOURCE", help="default: what built the gallery")
    one.add_argument(
        "--manners", type=_manners, default=tuple(MANNERS), metavar="A,B", help=f"of {', '.join(MANNERS)}; default all"
    )
    one.add_argument("--most", type=int, metavar="N", help="only the first N photos")
    one.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON lines")
    one.set_defaults(run=_ask)
    two = parts.add_parser("fit", help="make calibration.json")
    two.add_argument("rows", type=Path, nargs="+", metavar="FILE", help="what `ask` wrote")
    two.add_argument("--about", default="photos of known place", metavar="TEXT", help="what the photos are")
    two.add_argument("--out", type=Path, required=True, metavar="FILE", help="the calibration")
    two.set_defaults(run=_fit)
    three = parts.add_parser("measure", help="how far a calibration is to be believed")
    three.add_argument("rows", type=Path, nargs="+", metavar="FILE", help="what `ask` wrote of other photos")
    three.add_argument("--calibration", type=Path, required=True, metavar="FILE")
    three.add_argument("--trust", type=float, choices=SHARES, default=0.95, help="of located answers (default 0.95)")
    three.add_argument("--plot", type=Path, metavar="FILE", help="draw the reliability: .png, .pdf or .svg")
    three.add_argument("--json", action="store_true", help="print one JSON document, reliability included")
    three.set_defaults(run=_measure)
    return top


def main(argv: list[str] | None = None) -> None:
    """Run a command."""
    top = parser()
    options = top.parse_args(argv)
    try:
        options.run(options)
    except (DatasetError, GalleryError, MeanModelError) as error:
        top.error(shown(str(error)))
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. The same command goes on where it was.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
