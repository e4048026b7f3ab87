"""The command `photo`: what photos say of how they were taken, which tag says it, and what is not believed."""

import argparse
from pathlib import Path
from typing import Any

from gallery.cli.loading import stated_by
from gallery.cli.options import examples, json_option
from gallery.cli.output import fail, say, say_json
from gallery.errors import UnreadablePhoto
from gallery.plain_numbers import in_full

LONGEST_VALUE = 60


def add(commands: Any) -> None:
    """The command and its options."""
    photo = commands.add_parser(
        "photo",
        help="what photos say of how they were taken",
        description="Say what is read of each photo's EXIF and XMP, from which tag, and what is refused and why. "
        "Exit 2 when a photo cannot be read.",
        **examples("photo gallery/sample/photos/null_island_000.jpg", "photo my_photos/*.jpg --json"),
    )
    photo.add_argument("photos", metavar="FILE", nargs="+", type=Path, help="photos")
    json_option(photo)
    photo.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    told: list[dict[str, Any]] = []
    for file in options.photos:
        try:
            told.append({"photo": str(file), "error": None, **stated_by(file)})
        except UnreadablePhoto as error:
            told.append({"photo": str(file), "error": str(error)})
    if options.json:
        say_json(told)
    else:
        for each in told:
            say("\n".join([f"{each['photo']}:", *(f"  {line}" for line in _lines(each))]))
    errors = [each["error"] for each in told if each["error"]]
    return fail(errors[0]) if errors else 0


def _printable(text: str) -> str:
    """A value of a file as one line that is not long."""
    line = "".join(letter if letter.isprintable() else "?" for letter in text.strip("\0 "))
    return line if len(line) <= LONGEST_VALUE else f"{line[:LONGEST_VALUE]}…"


def _lines(told: dict[str, Any]) -> list[str]:
    """What is said of one photo, a line each."""
    if told["error"]:
        return [told["error"]]
    read = {**(told["position"] or {}), **(told["pose"] or {}), "taken_at": told["taken_at"]}
    known = {name: value for name, value in read.items() if value is not None}
    lines = [f"{name}: {in_full(value) if isinstance(value, float) else value}" for name, value in known.items()]
    for each in told["statements"]:
        what = f"{each['quantity']} {_printable(each['value'])} of {each['tag']}"
        reason = f": {each['reason']}" if each["reason"] else ""
        lines.append(f"{'read' if each['taken'] else 'refused'}: {what}{reason}")
    return [*lines, *told["notes"]] or ["It says nothing of how it was taken."]
