"""The command `search`: where photos were taken."""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gallery.cli.loading import (
    gallery_folder,
    opened_gallery,
    opened_localizer,
    require_matcher,
    require_model,
    require_tiles_in,
)
from gallery.cli.options import (
    GALLERY_HELP,
    correction_of,
    examples,
    json_option,
    model_option,
    photo_path,
    pose_options,
    poses_option,
    search_options,
    searched_as,
)
from gallery.cli.output import INTERRUPTED, check_out, fail, say, say_json
from gallery.cli.progress import Bar
from gallery.constants import SHARES
from gallery.errors import GalleryError
from gallery.paths import printable
from gallery.search.options import require_k

if TYPE_CHECKING:
    from gallery.search.answer import Answer, PhotoProblem
    from gallery.store.gallery import Gallery

FILE_ENDINGS = (".geojson", ".csv", ".kml", ".gpkg")
"""`gallery.export.FILE_ENDINGS`; the module itself is imported late."""

_TRUST_HELP = "share of the located answers that shall be right, where the model is calibrated (default 0.95)"
_PHOTOS_HELP = "photos, and folders of photos with all that is below them"
_OUT_HELP = "write the answers there, as its ending says: .geojson, .csv, .kml, or .gpkg with a layer for each kind"


def add(commands: Any) -> None:
    """The command and its options."""
    search = commands.add_parser(
        "search",
        help="find where photos were taken",
        description="Find where photos were taken. A photo that cannot be read does not stop the others. Ctrl-C ends "
        "the search; the answers so far are written.",
        **examples(
            "search gallery/sample gallery/sample/photos/null_island_000.jpg",
            "search gallery/sample gallery/sample/photos --out answers.gpkg",
            "search my_area my_photos --near 7.45,46.95,3",
            "search my_area my_photos --poses poses.csv",
            "search my_area photo.jpg --heading 240 --height-m 80",
            "search my_area photo.jpg --json",
        ),
    )
    search.add_argument("gallery", metavar="DIR", type=Path, help=GALLERY_HELP)
    search.add_argument("photos", nargs="+", metavar="PHOTO", type=photo_path, help=_PHOTOS_HELP)
    search.add_argument("-k", type=int, default=5, metavar="N", help="how many tiles to show (default 5)")
    search_options(search)
    poses_option(search)
    pose_options(search)
    search.add_argument("--trust", type=float, choices=SHARES, default=0.95, help=_TRUST_HELP)
    model_option(search, None, "the gallery's own")
    search.add_argument("--out", type=Path, metavar="FILE", help=_OUT_HELP)
    output = search.add_mutually_exclusive_group()
    output.add_argument("--format", choices=("geojson", "csv", "kml"), help="print the answers for GIS tools")
    json_option(output)
    search.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    if options.out is not None:
        check_out(options.out, FILE_ENDINGS)
    require_k(options.k)
    how = replace(searched_as(options), correction=correction_of(options))
    photos = photos_of(options.photos)
    gallery_folder(options.gallery)  # all before the imports that take seconds
    require_model(options.model)
    require_matcher(options.matcher)
    from gallery.telemetry.pose_files import read_poses

    poses = None if options.poses is None else read_poses(options.poses)
    gallery = opened_gallery(options.gallery)
    area = options.near or options.bbox or options.area
    if area is not None:
        require_tiles_in(gallery, area)
    localizer = opened_localizer(gallery, options, options.trust)
    asked = localizer.stream(photos, options.k, area, how, batch=1, poses=poses)  # told as they come
    answers, stopped = _told(asked, len(photos), gallery, quiet=bool(options.json or options.format))
    return _written(answers, options) or (INTERRUPTED if stopped else 0)


def photos_of(paths: Sequence[Path]) -> list[Path]:
    """The photos that are named, and those in folders that are.

    Raises:
        GalleryError: there is none.
    """
    from gallery.imagery.images import images_below

    photos = [photo for path in paths for photo in (images_below(path) if os.path.isdir(path) else [path])]
    if not photos:
        raise GalleryError(f"There is no photo in {paths[0].name}. Give photos, or folders that hold some.")
    if not any(map(os.path.exists, photos)):
        raise GalleryError(f"There is no file {printable(photos[0].name)}: check the path.")
    return photos


def _told(
    asked: "Iterable[Answer | PhotoProblem]", count: int, gallery: "Gallery", quiet: bool
) -> "tuple[list[Answer | PhotoProblem], bool]":
    """The answers, each told as it comes, and whether somebody stopped."""
    answers: list[Answer | PhotoProblem] = []
    with Bar(" photos") as bar:
        try:
            if count > 1:
                bar.move(0, count)
            for answer in asked:
                answers.append(answer)
                if not quiet:
                    bar.say(_in_words(answer, gallery))
                if count > 1:
                    bar.move(len(answers), count)
        except KeyboardInterrupt:
            sys.stderr.write(f"\nStopped after {len(answers)} of {count} photos.\n")
            return answers, True
    return answers, False


def _written(answers: "Sequence[Answer | PhotoProblem]", options: argparse.Namespace) -> int:
    """Print or write what has come. Returns: the exit status."""
    from gallery.export import render, write
    from gallery.search.answer import PhotoProblem

    if options.json:
        say_json([answer.to_dict() for answer in answers])
    elif options.format:
        say(render(answers, options.format).rstrip("\n"))
    if options.out is not None:
        write(answers, options.out)
        if not (options.json or options.format):
            say(f"Written: {options.out}")
    problems = [answer for answer in answers if isinstance(answer, PhotoProblem)]
    if answers and len(problems) == len(answers):
        return fail(problems[0].error if len(problems) == 1 else "None of the photos can be read.")
    return 0


def _in_words(answer: "Answer | PhotoProblem", gallery: "Gallery") -> str:
    """An answer for reading."""
    from gallery.search.answer import PhotoProblem, taken_outside

    photo = printable(answer.photo)
    if isinstance(answer, PhotoProblem):
        return f"{photo}: {answer.error}"
    lines = [f"{photo}: {answer.verdict}"]
    if answer.position is not None:
        at = answer.position
        lines[0] += f" at {at.lon:.6f}, {at.lat:.6f} (lon, lat), within {at.radius_m:.0f} m"
    for match in answer.matches:
        centre = match.tile.centre
        lines.append(f"  {match.rank:>3}  {match.score:6.3f}  {centre.lon:11.6f} {centre.lat:11.6f}  {match.tile.id}")
    if answer.exif is not None:
        found = "this position" if answer.fit else "the centre of the best tile"
        lines.append(f"  By its EXIF, the photo is {answer.exif.error_m:.0f} m from {found}.")
    return "\n".join([*lines, *(f"  {note}" for note in (*taken_outside(gallery, answer), *answer.notes))])
