"""The command `photo`: what photos say of how they were taken, which tag says it, and what is not believed."""

import argparse
import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gallery.cli.loading import stated_by
from gallery.cli.options import examples, json_option, photo_path, poses_option
from gallery.cli.output import fail, say, say_json
from gallery.errors import GalleryError, UnreadablePhoto
from gallery.paths import printable
from gallery.plain_numbers import in_full

if TYPE_CHECKING:
    from gallery.telemetry.poses import Poses

LONGEST_VALUE = 60


def add(commands: Any) -> None:
    """The command and its options."""
    photo = commands.add_parser(
        "photo",
        help="what photos say of how they were taken",
        description="Say what is read of each photo's EXIF and XMP, from which tag, and what is refused and why; with "
        "--poses also what a file states in their place. Exit 2 when a photo cannot be read.",
        **examples(
            "photo gallery/sample/photos/null_island_000.jpg",
            "photo my_photos/*.jpg --json",
            "photo one.jpg --poses poses.csv",
        ),
    )
    photo.add_argument("photos", metavar="FILE", nargs="+", type=photo_path, help="photos")
    poses_option(photo)
    json_option(photo)
    photo.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    if not any(map(os.path.exists, options.photos)):  # before the imports that take a second
        raise GalleryError(f"There is no file {printable(options.photos[0].name)}: check the path.")
    from gallery.telemetry.pose_files import read_poses

    told: list[dict[str, Any]] = []
    poses = None if options.poses is None else read_poses(options.poses)
    for file in options.photos:
        try:
            said = stated_by(file)
            said = said if poses is None else _overridden(said, file.name, poses)
            told.append({"photo": str(file), "error": None, **said})
        except UnreadablePhoto as error:
            told.append({"photo": str(file), "error": str(error)})
    if options.json:
        say_json(told)
    else:
        for each in told:
            say("\n".join([f"{each['photo']}:", *(f"  {line}" for line in _lines(each))]))
    errors = [each["error"] for each in told if each["error"]]
    return fail(errors[0]) if errors else 0


def _overridden(said: dict[str, Any], name: str, poses: "Poses") -> dict[str, Any]:
    """What a photo says, and in its place what a file of poses says of it."""
    from gallery.photo.belief import PoseValues
    from gallery.telemetry.poses import QUANTITIES, merged

    taken_at = None if said["taken_at"] is None else datetime.fromisoformat(said["taken_at"])
    record = poses.of_photo(name, taken_at)
    if record is None:
        return {**said, "notes": [*said["notes"], f"{poses.source} does not tell this photo from others."]}
    own = None if said["pose"] is None else PoseValues(**said["pose"])
    pose, place = merged(own, record.pose), record.place
    values = {quantity: getattr(record.pose, name) for name, quantity in QUANTITIES.items()}
    if place is not None:
        values["position"] = f"{place.lat}, {place.lon}"
    stated = [
        {"quantity": each, "tag": f"{tag} in {poses.source}", "value": str(values[each]), "taken": True, "reason": ""}
        for each, tag in record.said_by.items()
    ]
    refused = {"taken": False, "reason": f"{poses.source} comes first"}
    overridden = set(record.said_by)
    overridden |= {"roll"} if overridden & {"heading", "pitch"} else set()  # it belongs to them
    own_statements = [each | (refused if each["quantity"] in overridden else {}) for each in said["statements"]]
    return {
        **said,
        "position": said["position"] if place is None else vars(place).copy(),
        "pose": None if pose == PoseValues() else vars(pose).copy(),
        "statements": [*stated, *own_statements],
        "notes": [*said["notes"], *poses.notes],
    }


def _printable(text: str) -> str:
    """A value of a file as one line that is not long."""
    line = "".join(letter if letter.isprintable() else "?" for letter in text.strip("\0 "))
    return line if len(line) <= LONGEST_VALUE else f"{line[:LONGEST_VALUE]}…"


def _lines(told: dict[str, Any]) -> list[str]:
    """What is said of one photo, a line each."""
    if told["error"]:
        return [told["error"]]
    read = {**(told["position"] or {}), **(told["pose"] or {}), "taken_at": told["taken_at"]}
    known = {name: value for name, value in read.items() if value not in (None, ())}
    lines = [f"{name}: {in_full(value) if isinstance(value, float) else value}" for name, value in known.items()]
    for each in told["statements"]:
        what = f"{each['quantity']} {_printable(each['value'])} of {each['tag']}"
        reason = f": {each['reason']}" if each["reason"] else ""
        lines.append(f"{'read' if each['taken'] else 'refused'}: {what}{reason}")
    return [*lines, *told["notes"]] or ["It says nothing of how it was taken."]
