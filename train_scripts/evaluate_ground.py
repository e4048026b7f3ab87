"""The whole product on ground of known truth: `python -m train_scripts.evaluate_ground ask|table|fit …`.

`ask` searches photos of known place in a gallery that has its ground, by points of the package where it is there, with
the pose that they state, with a disturbed one, without its heading, and with nothing stated. With --elsewhere they show
places that the gallery lacks. Each answer is a line of JSON in --out; a run that was stopped goes on when the same
command is given again. Cases of real photos are made by `train_scripts.cases`, rendered ones by
`train_scripts.make_sample photos`.

`table` prints what such files hold, a line for each set, half and manner, and stores it with --json FILE. Photos are
split by place: one half is for tuning, the other for reporting.

`fit` fits the weights of the likelihood, and the probability from which a place is located, to the tuning halves and
writes them to where the product reads them, with the number of searches of each set. Weights of a matcher that no file
has stay as they are.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gallery import Gallery, GalleryError, Localizer
from gallery.arguments import Parser
from gallery.embedder import read_photo
from gallery.errors import UnreadablePhoto
from gallery.geo import LonLat
from gallery.imagery.images import images_below
from gallery.judge.geometry import PICTURE_PX
from gallery.registration.combine import FITTED, SIFT, XFEAT, fitted
from mean_model.atomic_files import replace_text
from mean_model.errors import MeanModelError
from mean_model.photo import Photo
from train_scripts.arguments import program
from train_scripts.data.readers.listing import shown
from train_scripts.errors import BadRequest, DatasetError
from train_scripts.evaluation import ground_fit
from train_scripts.evaluation.ground_rows import MANNERS, TUNING, GroundRow, ask, figures, halves, text_of
from train_scripts.evaluation.queries import asked_photos, below


def read_rows(files: Sequence[Path]) -> list[GroundRow]:
    """What `ask` wrote; a line that was cut short by a stop is passed over.

    Raises:
        BadRequest: a file that `ask` did not write.
    """
    rows = []
    for file in files:
        try:
            whole = file.read_text("utf-8").splitlines(keepends=True)
            rows += [GroundRow.from_dict(json.loads(line)) for line in whole if line.endswith("\n")]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadRequest(f"{shown(file.name)} was not written by `evaluate_ground ask`.") from error
    return rows


def spread(names: Sequence[str], most: int) -> list[str]:
    """So many of the names at most, evenly spread over them."""
    ordered = sorted(names)
    step = max(1.0, len(ordered) / most)
    return [ordered[int(at * step)] for at in range(min(most, len(ordered)))]


def _ask(options: argparse.Namespace) -> None:
    from mean_model import load_model
    from mean_model.xfeat import package_points

    gallery = Gallery.open(options.gallery)
    points = None if options.sift else package_points()
    matcher = SIFT if points is None else XFEAT
    with load_model(gallery.model_source) as embedder:
        localizer = Localizer(gallery, embedder, points=points)
        if not localizer.on_ground:
            raise BadRequest(f"{shown(gallery.folder.name)} has no ground: python -m gallery ground DIR makes it.")

        def read(file: Path) -> Photo | None:
            try:
                return read_photo(embedder, file, PICTURE_PX)
            except UnreadablePhoto as error:
                sys.stderr.write(f"Left out: {error}\n")
                return None

        places: dict[str, LonLat | None]
        if options.elsewhere:
            places = {below(file, options.photos): None for file in images_below(options.photos)}
        else:
            queries = asked_photos(options.photos, options.positions, read).queries
            places = {below(query.file, options.photos): query.truth for query in queries}
        half_of = halves(list(places))
        done = {(row.set, row.photo, row.manner, row.matcher) for row in _begun(options.out)}
        todo = [
            (name, manner)
            for name in spread(list(places), options.most)
            for manner in options.manners
            if (options.name, name, manner, matcher) not in done
        ]
        with options.out.open("a", encoding="utf-8") as out:
            for name, manner in tqdm(todo, unit="photo", file=sys.stderr):
                photo = read(options.photos / name)
                if photo is None:
                    continue
                about = {"set": options.name, "kind": options.kind, "photo": name, "half": half_of[name]}
                row = ask(localizer, photo, places[name], manner, about, points is not None)
                out.write(json.dumps(asdict(row)) + "\n")
                out.flush()


def _begun(file: Path) -> list[GroundRow]:
    """What a file has already; a line that was cut short is taken away."""
    if not file.exists():
        return []
    lines = file.read_text("utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        replace_text(file, "".join(lines[:-1]))
    return read_rows([file])


def _table(options: argparse.Namespace) -> None:
    lines = figures(read_rows(options.rows))
    if options.json is not None:
        replace_text(options.json, json.dumps(lines, indent=1) + "\n")
    sys.stdout.write(text_of(lines))


def _fit(options: argparse.Namespace) -> None:
    rows = [row for row in read_rows(options.rows) if row.half == TUNING]
    document: dict[str, Any] = {
        "made by": "python -m train_scripts.evaluate_ground fit",
        "about": {},
        "weights": {matcher: asdict(fitted(matcher)) for matcher in (XFEAT, SIFT)},
    }
    if options.out.is_file():
        document["about"] = json.loads(options.out.read_text("utf-8"))["about"]
    for matcher in (XFEAT, SIFT):
        own = [row for row in rows if row.matcher == matcher]
        if not own:
            continue
        weights = ground_fit.fit(own, fitted(matcher))
        document["weights"][matcher] = asdict(weights)
        document["about"][matcher] = dict(sorted(Counter(one.set for one in own).items()))
        sys.stdout.write(f"{matcher}: {len(own)} searches; {json.dumps(asdict(weights))}\n")
    replace_text(options.out, json.dumps(document, indent=1) + "\n")


def parser() -> Parser:
    """The options."""
    top = program("evaluate_ground", __doc__)
    words = top.add_subparsers(dest="word", required=True)
    asking = words.add_parser("ask", help="search photos of known place")
    asking.add_argument("gallery", type=Path, metavar="GALLERY", help="with its ground")
    asking.add_argument("--photos", type=Path, required=True, metavar="FOLDER", help="with truth.csv, or EXIF")
    asking.add_argument("--positions", type=Path, metavar="FILE", help="where the photos' places stand, else")
    asking.add_argument("--name", required=True, help="of the set, in tables")
    asking.add_argument("--kind", choices=("real", "rendered"), required=True, help="of the photos")
    asking.add_argument("--elsewhere", action="store_true", help="the gallery lacks all places of the photos")
    asking.add_argument("--manner", action="append", choices=MANNERS, dest="manners", help="again for each; all")
    asking.add_argument("--most", type=int, default=10**9, metavar="N", help="photos, evenly spread (default all)")
    asking.add_argument("--sift", action="store_true", help="compare closely by SIFT, as without the package")
    asking.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON lines, gone on with if there")
    asking.set_defaults(run=_ask)
    for word, run, text in (("table", _table, "print figures"), ("fit", _fit, "fit the likelihood's weights")):
        one = words.add_parser(word, help=text)
        one.add_argument("rows", type=Path, nargs="+", metavar="FILE", help="of ask")
        one.set_defaults(run=run)
        if word == "fit":
            one.add_argument("--out", type=Path, default=FITTED, metavar="FILE", help="(default: the product's own)")
        else:
            one.add_argument("--json", type=Path, metavar="FILE", help="store the figures")
    return top


def main(argv: list[str] | None = None) -> None:
    """Do what the first word says."""
    top = parser()
    options = top.parse_args(argv)
    if options.word == "ask":
        options.manners = options.manners or list(MANNERS)
        if options.most < 1:
            top.error(f"{options.most} photos are too few: ask for at least 1.")
    try:
        options.run(options)
    except (DatasetError, GalleryError, MeanModelError) as error:
        top.error(shown(str(error)))


if __name__ == "__main__":
    main()
