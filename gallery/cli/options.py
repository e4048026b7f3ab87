"""Options that several commands share, and the values that they take."""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gallery.arguments import path_of
from gallery.errors import GalleryError
from gallery.photo.correction import PoseCorrection
from gallery.search.options import ROTATIONS, SearchOptions

if TYPE_CHECKING:
    from gallery.areas import Area

GALLERY_HELP = "the gallery's folder, or a dataset of the Hub user/name[@revision]"
_NUMBER = r"\d+(?:\.\d+)?"
_POLYGON_FILES = "a GeoJSON, KML, GeoPackage or (zipped) Shapefile"
_ROTATIONS_HELP = (
    "turns to search of a photo without a known heading: 1 takes its upper side for north, 4 are its quarter turns, "
    "16 guess its pitch and height too (default 16)"
)
_NORTH_UP_HELP = (
    "use the pose that a photo states: from above by heading, pitch, height and focal length, or turned so that "
    "north is up by the heading alone (default); --no-north-up ignores it, for photos whose EXIF is wrong"
)
_VERIFY_HELP = (
    "lay the photo on the ground around the best tiles by points found in both (default); --no-verify spares the time"
)
_USE_EXIF_HELP = (
    "let the position in a photo's own EXIF count as a weak hint: it settles between places, and may be wrong"
)
_POSES_HELP = (
    "what this file states of the camera, in place of what photos state themselves: by their names a table (Pix4D, "
    "exiftool, UAV-VisLoc, OpenDroneMap's geo.txt, KML), by time a video's subtitles (.srt) or a log (Litchi, Airdata)"
)
_MATCHER_HELP = "find the points by the network XFeat with the weights in this file; default: SIFT, which needs none"


def examples(*lines: str) -> dict[str, Any]:
    """What `add_parser` is given so that a command's help ends in lines to copy. Args: lines: without the program."""
    text = "\n".join(["examples:", *(f"  python -m gallery {line}" for line in lines)])
    return {"epilog": text, "formatter_class": Help}


class Help(argparse.HelpFormatter):
    """Help whose epilog keeps its lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith("examples:") else super()._fill_text(text, width, indent)


def area_options(group: Any, what: str) -> None:
    """--near, --bbox and --area. Args: what: is done with the area, for the help."""
    group.add_argument("--near", metavar="LON,LAT,RADIUS_KM", type=near, help=f"{what} the circle around this point")
    group.add_argument("--bbox", metavar="W,S,E,N", type=bbox, help=f"{what} this box, degrees")
    group.add_argument("--area", metavar="FILE", type=polygons, help=f"{what} the polygons of {_POLYGON_FILES}")


def search_options(command: argparse.ArgumentParser) -> None:
    """Where and how photos are searched."""
    area_options(command.add_mutually_exclusive_group(), "search only tiles that touch")
    command.add_argument("--rotations", type=int, choices=ROTATIONS, default=16, help=_ROTATIONS_HELP)
    command.add_argument("--north-up", action=argparse.BooleanOptionalAction, default=True, help=_NORTH_UP_HELP)
    command.add_argument("--verify", action=argparse.BooleanOptionalAction, default=True, help=_VERIFY_HELP)
    command.add_argument("--use-exif-position", action="store_true", help=_USE_EXIF_HELP)
    command.add_argument("--matcher", metavar="xfeat:FILE", help=_MATCHER_HELP)


def searched_as(options: argparse.Namespace) -> SearchOptions:
    """How the command was asked to search."""
    return SearchOptions(options.rotations, options.north_up, options.verify, options.use_exif_position)


def pose_options(command: argparse.ArgumentParser) -> None:
    """--heading, --pitch, --height-m and --focal-35mm."""
    group = command.add_argument_group("pose of the camera, in place of what all of the photos state")
    group.add_argument(
        "--heading", type=float, metavar="DEG", help="clockwise from north, that their upper side points to"
    )
    group.add_argument("--pitch", type=float, metavar="DEG", help="-90 looks straight down")
    group.add_argument("--height-m", type=float, metavar="M", help="above the ground")
    group.add_argument("--focal-35mm", type=float, metavar="MM", help="focal length for 35 mm film")


def correction_of(options: argparse.Namespace) -> PoseCorrection:
    """What `pose_options` set.

    Raises:
        GalleryError: a value that no drone photo has.
    """
    return PoseCorrection(options.heading, options.pitch, options.height_m, options.focal_35mm)


def poses_option(command: argparse.ArgumentParser) -> None:
    """--poses."""
    command.add_argument("--poses", metavar="FILE", type=Path, help=_POSES_HELP)


def model_option(command: argparse.ArgumentParser, default: str | None, shown: str) -> None:
    """--model. Args: shown: what help calls the default."""
    command.add_argument(
        "--model",
        default=default,
        metavar="SOURCE",
        help=f"a folder, a .safetensors or .pth file (also of a method in docs/methods.md), timm:NAME[=FILE], "
        f"a Hub id user/name[@revision], 'starter' or 'real-ground' (default: {shown})",
    )


def json_option(command: Any) -> None:
    """--json, of a command or of a group of options."""
    command.add_argument("--json", action="store_true", help="print one JSON document")


def joined(arguments: Sequence[str]) -> list[str]:
    """`--near -1,2,3` as `--near=-1,2,3`: argparse takes a value that begins with a minus for an option.

    Raises:
        GalleryError: several sizes of tiles stand with spaces between, of which argparse would call the second unknown.
    """
    if spaced := re.search(rf" --tile-size-m ({_NUMBER}(?: {_NUMBER})+) ", f" {' '.join(arguments)} "):
        raise GalleryError(f"Several sizes have commas between them: --tile-size-m {','.join(spaced[1].split())}")
    joined: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        value = next(rest, None) if argument in ("--near", "--bbox", "--bounds") else None
        if value is not None and re.match(r"-[\d.]", value):
            joined.append(f"{argument}={value}")
        else:
            joined += [argument] if value is None else [argument, value]
    return joined


def numbers(text: str, names: str) -> list[float]:
    """Numbers with commas between. Args: names: what they are, in their order."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != len(names.split(",")):
        raise argparse.ArgumentTypeError(f"{text!r} is not {names} (numbers with decimal points, no spaces)")
    return found


def photo_path(text: str) -> Path:
    """A path as it is, even one that cannot be: each photo is answered for itself."""
    return Path(text)


def near(text: str) -> "Area":
    """LON,LAT,RADIUS_KM as a circle."""
    from gallery.areas import Near

    lon, lat, radius_km = numbers(text, "LON,LAT,RADIUS_KM")
    try:
        return Near(lon, lat, radius_km)
    except GalleryError as error:
        hint = f" Longitude comes first: try {swapped(text)}" if abs(lat) > 90 >= abs(lon) else ""
        raise argparse.ArgumentTypeError(f"{error}{hint}") from error


def swapped(text: str) -> str:
    """LON,LAT,… with the first two exchanged, and W,S,E,N with each two."""
    parts = text.split(",")
    parts[:2] = parts[1::-1]
    parts[2:4] = parts[3:1:-1] if len(parts) == 4 else parts[2:4]
    return ",".join(parts)


def bbox(text: str) -> "Area":
    """W,S,E,N as a box."""
    from gallery.geo import Bounds

    return _area(Bounds, *numbers(text, "W,S,E,N"))


def polygons(text: str) -> "Area":
    """The polygons of a file."""
    from gallery.areas import Polygons

    return _area(Polygons.read, path_of(text))


def _area(make: Callable[..., "Area"], *given: Any) -> "Area":
    try:
        return make(*given)
    except GalleryError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
