"""The command line: python -m gallery build | search | track | inspect | info | check. A thin shell over the package.

The only module of this package that knows `mean_model`: it loads the model that the rest takes as an argument.
Heavy imports wait until a command runs, so that --help is quick.
"""

import argparse
import json
import logging
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gallery.errors import BuildError, GalleryError

if TYPE_CHECKING:
    from gallery.answers import Answer, PhotoProblem
    from gallery.areas import Area
    from gallery.build import Embedder, Progress
    from gallery.local_features import Matcher
    from gallery.search import Localizer

USER_MISTAKE = 2
INTERRUPTED = 130

SHOWN_PROBLEMS = 20

SORT_KEYS = ("margin", "metres", "rank", "score", "confidence", "altitude", "margin_change", "rank_change")
"""The keys of `inspection.filters.SORTS` that put errors in an order; the module itself is imported late."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        """One line on stderr, exit 2."""
        self.exit(USER_MISTAKE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns: the exit status (0, 2 for a user's mistake, 130 when interrupted)."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = parser().parse_args(_joined(given))
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        return options.run(options)
    except GalleryError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. The same command goes on where it was.\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone (head, less)
        sys.stderr.close()
        return 0


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = Parser(prog="python -m gallery", description="Build and search galleries of tiles with positions.")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=Parser)

    build = commands.add_parser(
        "build",
        help="make a gallery from rasters or folders of images",
        description="Make a gallery from rasters with a CRS (GeoTIFF, COG, JPEG 2000) and folders of images with "
        "positions. A build that was stopped goes on when the same command is given again.",
    )
    build.add_argument("sources", nargs="+", metavar="SOURCE", type=Path, help="a raster, or a folder of images")
    build.add_argument("--out", required=True, metavar="DIR", type=Path, help="the gallery's folder")
    _model_option(build, "starter", "starter")
    build.add_argument("--tile-size-m", type=float, default=100.0, metavar="M", help=_TILE_SIZE_HELP)
    build.add_argument("--overlap", type=float, default=0.5, metavar="SHARE", help=_OVERLAP_HELP)
    build.add_argument("--positions", type=Path, metavar="FILE", help=_POSITIONS_HELP)
    build.add_argument("--compile", action="store_true", help="compile the model first: worth it for long builds")
    _json_option(build)
    build.set_defaults(run=_build)

    search = commands.add_parser(
        "search",
        help="find where photos were taken",
        description="Find where photos were taken. A photo that cannot be read does not stop the others.",
    )
    search.add_argument("gallery", metavar="DIR", type=Path, help=_GALLERY_HELP)
    search.add_argument("photos", nargs="+", metavar="PHOTO", type=Path)
    search.add_argument("-k", type=int, default=5, metavar="N", help="how many tiles to show (default 5)")
    _search_options(search)
    search.add_argument("--trust", type=float, choices=(0.9, 0.95, 0.99), default=0.95, help=_TRUST_HELP)
    _model_option(search, None, "the gallery's own")
    output = search.add_mutually_exclusive_group()
    output.add_argument("--format", choices=("geojson", "csv", "kml"), help="print the answers for GIS tools")
    _json_option(output)
    search.set_defaults(run=_search)

    track = commands.add_parser(
        "track",
        help="find the way of a flight from its photos or its video",
        description="Find the way of a flight from many photos together: what one photo gets wrong, the others put "
        "right. Photos are put in the order of the times that they state. Ctrl-C ends the asking; the track of the "
        "photos asked so far follows.",
    )
    track.add_argument("gallery", metavar="DIR", type=Path, help=_GALLERY_HELP)
    track.add_argument("photos", nargs="+", metavar="PHOTOS", type=Path, help="photos, folders of photos, or one video")
    track.add_argument("--every", type=float, metavar="S", help=_EVERY_HELP)
    track.add_argument("--max-speed", type=float, default=20.0, metavar="M_S", help="metres a second (default 20)")
    _search_options(track)
    _model_option(track, None, "the gallery's own")
    track.add_argument("--out", type=Path, metavar="FILE", help="write there, as its ending says: .gpx, .kml, .geojson")
    output = track.add_mutually_exclusive_group()
    output.add_argument("--format", choices=("gpx", "kml", "geojson"), help="print the track for GIS tools")
    _json_option(output)
    track.set_defaults(run=_track)

    inspect = commands.add_parser(
        "inspect",
        help="why a model fails, from the report of an evaluation",
        description="Say what a report (train_scripts.evaluate --out) holds: figures with 95 % intervals, what "
        "explains the errors, and the worst queries.",
    )
    inspect.add_argument("report", metavar="REPORT", type=Path, help="that train_scripts.evaluate wrote")
    inspect.add_argument("--gallery", metavar="DIR", type=Path, help="that was evaluated: finds tiles that look alike")
    inspect.add_argument("--against", metavar="REPORT2", type=Path, help="an earlier report: what is fixed and broken")
    inspect.add_argument("--wrong", action="store_true", help="list wrong answers only")
    inspect.add_argument("--sort", choices=SORT_KEYS, default="margin", help="worst first by this (default margin)")
    inspect.add_argument("-n", type=_count, default=20, metavar="N", help="how many queries to list (default 20)")
    _json_option(inspect)
    inspect.set_defaults(run=_inspect)

    info = commands.add_parser("info", help="what a gallery holds", description="Say what a gallery holds.")
    info.add_argument("gallery", metavar="DIR", type=Path, help=_GALLERY_HELP)
    _json_option(info)
    info.set_defaults(run=_info)

    check = commands.add_parser(
        "check",
        help="look for damage",
        description="Check every file against its checksum; look for duplicates, tiles without position, sources that "
        "are gone, and (with --model) another model. Exit 2 when something is damaged; duplicates are remarks.",
    )
    check.add_argument("gallery", metavar="DIR", type=Path, help=_GALLERY_HELP)
    _model_option(check, None, "not compared")
    _json_option(check)
    check.set_defaults(run=_check)
    return top


_GALLERY_HELP = "the gallery's folder, or a dataset of the Hub user/name[@revision]"
_TILE_SIZE_HELP = "side of a raster's tiles on the ground; assumed for images of unknown extent (default 100)"
_OVERLAP_HELP = "share of a tile that its neighbour shows too (default 0.5)"
_POSITIONS_HELP = (
    "CSV (file,lon,lat[,west,south,east,north]) or KML with the images' positions; "
    "without it, file names like a@LON@LAT@.jpg or EXIF count"
)
_AREA_HELP = "search only tiles that touch the polygons of a GeoJSON, KML, GeoPackage or (zipped) Shapefile"
_TRUST_HELP = "share of the located answers that shall be right, where the model is calibrated (default 0.95)"
_ROTATIONS_HELP = (
    "turns to search of a photo without a known heading: 1 takes its upper side for north, 4 are its quarter turns, "
    "16 guess its pitch and height too (default 16)"
)
_NORTH_UP_HELP = (
    "use the pose that a photo states: from above by heading, pitch, height and focal length, or turned so that "
    "north is up by the heading alone (default); --no-north-up ignores it, for photos whose EXIF is wrong"
)
_EVERY_HELP = (
    "seconds between two photos, in the order of their names, in place of the times that they state; or between two "
    "frames that are taken of a video (default 4)"
)
_VERIFY_HELP = (
    "lay the photo on the ground around the best tiles by points found in both (default); --no-verify spares the time"
)

_MATCHER_HELP = (
    "find the points by the network XFeat with the weights in this file (pip install -r requirements-matchers.txt); "
    "default: SIFT, which needs none"
)


def _search_options(command: argparse.ArgumentParser) -> None:
    area = command.add_mutually_exclusive_group()
    area.add_argument("--near", metavar="LON,LAT,RADIUS_KM", type=_near, help="search only tiles around this point")
    area.add_argument("--bbox", metavar="W,S,E,N", type=_bbox, help="search only tiles in this box, degrees")
    area.add_argument("--area", metavar="FILE", type=_polygons, help=_AREA_HELP)
    command.add_argument("--rotations", type=int, choices=(1, 4, 16), default=16, help=_ROTATIONS_HELP)
    command.add_argument("--north-up", action=argparse.BooleanOptionalAction, default=True, help=_NORTH_UP_HELP)
    command.add_argument("--verify", action=argparse.BooleanOptionalAction, default=True, help=_VERIFY_HELP)
    command.add_argument("--matcher", metavar="xfeat:FILE", help=_MATCHER_HELP)


def _model_option(command: argparse.ArgumentParser, default: str | None, shown: str) -> None:
    command.add_argument(
        "--model",
        default=default,
        metavar="SOURCE",
        help=f"a folder, a .safetensors or .pth file (also of a method that the README names), timm:NAME[=FILE], "
        f"a Hub id user/name[@revision], or 'starter' (default: {shown})",
    )


def _json_option(command: Any) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON document")


def _joined(arguments: Sequence[str]) -> list[str]:
    """`--near -1,2,3` as `--near=-1,2,3`: argparse takes a value that begins with a minus for an option."""
    joined: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        value = next(rest, None) if argument in ("--near", "--bbox") else None
        if value is not None and re.match(r"-[\d.]", value):
            joined.append(f"{argument}={value}")
        else:
            joined += [argument] if value is None else [argument, value]
    return joined


def _numbers(text: str, names: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(names.split(",")):
        raise argparse.ArgumentTypeError(f"{text!r} is not {names} (numbers with decimal points, no spaces)")
    return numbers


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0")
    return int(text)


def _near(text: str) -> "Area":
    from gallery.areas import Near

    return _area(Near, *_numbers(text, "LON,LAT,RADIUS_KM"))


def _bbox(text: str) -> "Area":
    from gallery.geo import Bounds

    return _area(Bounds, *_numbers(text, "W,S,E,N"))


def _polygons(text: str) -> "Area":
    from gallery.areas import Polygons

    return _area(Polygons.read, text)


def _area(make: Callable[..., "Area"], *given: Any) -> "Area":
    try:
        return make(*given)
    except GalleryError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _load(source: str, **options: Any) -> "Embedder":
    """The model, its errors told as ours."""
    from mean_model import load_model
    from mean_model.errors import MeanModelError
    from mean_model.memory import keep_freed_memory

    keep_freed_memory()  # before torch comes: a batch then takes up to half the time
    try:
        return load_model(source, **options)
    except MeanModelError as error:
        raise GalleryError(str(error)) from error


def _matcher(source: str) -> "Matcher":
    """The matcher by a network, its errors told as ours."""
    from gallery.local_features import NetworkPoints
    from mean_model.errors import MeanModelError
    from mean_model.learned_features import load_points

    try:
        return NetworkPoints(load_points(source))
    except MeanModelError as error:
        raise GalleryError(str(error)) from error


def _localizer(options: argparse.Namespace, trust: float = 0.95) -> "Localizer":
    """What answers photos, as `_search_options` and the options for gallery and model say."""
    from gallery.search import Localizer
    from gallery.store import Gallery

    gallery = Gallery.open(_folder(options.gallery))
    matcher = None if options.matcher is None else _matcher(options.matcher)
    return Localizer(gallery, _load(options.model or gallery.model_source), matcher, trust=trust)


def _folder(gallery: Path) -> Path:
    """The gallery's folder; one of the Hub (user/name[@revision]) is fetched, unless the cache has it."""
    from gallery.store import FILES, require_own_imagery
    from mean_model.errors import HubError
    from mean_model.hub import folder_of

    try:
        folder = folder_of(gallery, FILES, ["*"])
    except HubError as error:
        raise GalleryError(str(error)) from error
    return folder if folder == gallery else require_own_imagery(folder)


def _build(options: argparse.Namespace) -> int:
    from gallery.build import build_gallery

    for source in options.sources:
        if not source.exists():
            raise BuildError(f"There is no raster or folder {source}. Check the path.")
    embedder = _load(options.model, compile=options.compile)
    with _Bar() as bar:
        gallery = build_gallery(
            options.sources,
            options.out,
            embedder,
            tile_size_m=options.tile_size_m,
            overlap=options.overlap,
            positions=options.positions,
            progress=bar,
            model_source=options.model,
        )
    if options.json:
        _print_json(gallery.info())
    else:
        left_out = "".join(f"; left out: {count} {reason}" for reason, count in gallery.manifest["skipped"].items())
        _print(f"{options.out}: {len(gallery)} tiles{left_out}")
    return 0


def _search(options: argparse.Namespace) -> int:
    from gallery.answers import PhotoProblem
    from gallery.export import render

    localizer = _localizer(options, options.trust)
    area = options.near or options.bbox or options.area
    answers = localizer.localize_many(
        options.photos, options.k, area, options.rotations, options.north_up, options.verify
    )
    if options.json:
        _print_json([answer.to_dict() for answer in answers])
    elif options.format:
        _print(render(answers, options.format).rstrip("\n"))
    else:
        for answer in answers:
            _print(_told(answer))
    problems = [answer for answer in answers if isinstance(answer, PhotoProblem)]
    if len(problems) == len(answers):
        return _fail(problems[0].error if len(problems) == 1 else "None of the photos can be read.")
    return 0


def _told(answer: "Answer | PhotoProblem") -> str:
    """An answer for reading."""
    from gallery.answers import PhotoProblem

    photo = "".join(letter if letter.isprintable() else "?" for letter in answer.photo)
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
    return "\n".join([*lines, *(f"  {note}" for note in answer.notes)])


def _track(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from gallery.track import command, files
    from gallery.track.flight import Sighting, sightings, track
    from gallery.track.motion import Motion

    if options.out is not None:
        command.check_out(options.out)
    motion = Motion(max_speed_m_s=options.max_speed)
    flight = command.flight_of(options.photos, options.every)
    localizer = _localizer(options)
    area = options.near or options.bbox or options.area
    seen: list[Sighting] = []
    asked = sightings(localizer, flight.frames, area, options.rotations, options.north_up, options.verify)
    stopped = False
    try:
        for sighting in tqdm(asked, total=flight.count, unit=" photos", file=sys.stderr, dynamic_ncols=True):
            seen.append(sighting)
    except KeyboardInterrupt:
        stopped = True
        sys.stderr.write(f"\nStopped after {len(seen)} of {flight.count} photos; this is their track.\n")
    if stopped and not seen:
        return INTERRUPTED
    found = track(localizer, seen, motion, options.every if flight.photos else None, area)
    if options.out is not None:
        command.write(found, options.out)
    if options.json:
        _print_json(found.to_dict())
    elif options.format:
        _print(files.render(found, options.format).rstrip("\n"))
    else:
        _print(command.text(found))
    return INTERRUPTED if stopped else 0


def _inspect(options: argparse.Namespace) -> int:
    from gallery.inspection import command
    from gallery.inspection.comparison import compare
    from gallery.inspection.table import open_inspection

    gallery = None if options.gallery is None else _folder(options.gallery)
    inspection = open_inspection(options.report, gallery)
    comparison = compare(open_inspection(options.against), inspection) if options.against else None
    if comparison is None and options.sort.endswith("_change"):
        raise GalleryError(f"--sort {options.sort} needs a second report: add --against REPORT2.")
    table = inspection.table if comparison is None else comparison.table
    rows = command.worst(table, wrong=options.wrong, sort=options.sort, count=options.n)
    if options.json:
        _print_json(command.document(inspection, rows, comparison))
    else:
        _print(command.text(inspection, rows, comparison).rstrip("\n"))
    return 0


def _info(options: argparse.Namespace) -> int:
    from gallery.store import Gallery

    info = Gallery.open(_folder(options.gallery)).info()
    if options.json:
        _print_json(info)
    else:
        for key, value in info.items():
            _print(f"{key}: {json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value}")
    return 0


def _check(options: argparse.Namespace) -> int:
    from gallery.store import Gallery, read_manifest, standing_folder

    folder = standing_folder(_folder(options.gallery))
    gallery = Gallery(folder, read_manifest(folder))
    fingerprint = _load(options.model).fingerprint if options.model is not None else None
    problems = sorted(gallery.check(fingerprint), key=lambda problem: not problem.damage)
    damage = sum(problem.damage for problem in problems)
    if options.json:
        found = [{"kind": each.kind, "damage": each.damage, "message": each.message} for each in problems]
        _print_json({"ok": not damage, "tiles": len(gallery), "problems": found})
    else:
        for problem in problems[:SHOWN_PROBLEMS]:
            _print(problem.message)
        if len(problems) > SHOWN_PROBLEMS:
            _print(f"and {len(problems) - SHOWN_PROBLEMS} more; --json lists them all")
        _print(f"{options.gallery}: {len(gallery)} tiles, {damage} damaged, {len(problems) - damage} remarks.")
    return _fail(f"{options.gallery} is damaged: {problems[0].message}.") if damage else 0


class _Bar:
    """A progress bar on stderr from the first progress on: count, rate and what was left out."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, progress: "Progress") -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=progress.total, initial=progress.resumed, unit=" tiles", file=sys.stderr, dynamic_ncols=True
            )
        if progress.skipped:
            self._bar.set_postfix_str(f"{progress.skipped} left out", refresh=False)
        self._bar.update(progress.done - self._bar.n)


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _print_json(value: Any) -> None:
    _print(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2))


def _fail(message: str) -> int:
    sys.stderr.write(f"python -m gallery: {' '.join(message.split())}\n")
    return USER_MISTAKE


if __name__ == "__main__":
    sys.exit(main())
