"""The command `search`: where photos were taken."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gallery.cli.loading import open_localizer
from gallery.cli.options import GALLERY_HELP, json_option, model_option, search_options, searched_as
from gallery.cli.output import fail, say, say_json
from gallery.constants import SHARES
from gallery.paths import printable

if TYPE_CHECKING:
    from gallery.search.answer import Answer, PhotoProblem

_TRUST_HELP = "share of the located answers that shall be right, where the model is calibrated (default 0.95)"


def add(commands: Any) -> None:
    """The command and its options."""
    search = commands.add_parser(
        "search",
        help="find where photos were taken",
        description="Find where photos were taken. A photo that cannot be read does not stop the others.",
    )
    search.add_argument("gallery", metavar="DIR", type=Path, help=GALLERY_HELP)
    search.add_argument("photos", nargs="+", metavar="PHOTO", type=Path)
    search.add_argument("-k", type=int, default=5, metavar="N", help="how many tiles to show (default 5)")
    search_options(search)
    search.add_argument("--trust", type=float, choices=SHARES, default=0.95, help=_TRUST_HELP)
    model_option(search, None, "the gallery's own")
    output = search.add_mutually_exclusive_group()
    output.add_argument("--format", choices=("geojson", "csv", "kml"), help="print the answers for GIS tools")
    json_option(output)
    search.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    from gallery.export import render
    from gallery.search.answer import PhotoProblem

    localizer = open_localizer(options, options.trust)
    area = options.near or options.bbox or options.area
    answers = localizer.localize_many(options.photos, options.k, area, searched_as(options))
    if options.json:
        say_json([answer.to_dict() for answer in answers])
    elif options.format:
        say(render(answers, options.format).rstrip("\n"))
    else:
        for answer in answers:
            say(_in_words(answer))
    problems = [answer for answer in answers if isinstance(answer, PhotoProblem)]
    if len(problems) == len(answers):
        return fail(problems[0].error if len(problems) == 1 else "None of the photos can be read.")
    return 0


def _in_words(answer: "Answer | PhotoProblem") -> str:
    """An answer for reading."""
    from gallery.search.answer import PhotoProblem

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
    return "\n".join([*lines, *(f"  {note}" for note in answer.notes)])
