"""The command `ground`: what photos are laid on, made of a gallery's imagery without embedding again."""

import argparse
from pathlib import Path
from typing import Any

from gallery.cli.loading import ground_made, opened_gallery
from gallery.cli.options import GALLERY_HELP, examples, json_option
from gallery.cli.output import say, say_json


def add(commands: Any) -> None:
    """The command and its options."""
    ground = commands.add_parser(
        "ground",
        help="make the points that photos are laid on the ground by",
        description="Make the ground of a gallery: grey pictures at 0.6 m a pixel and their points, some 7 MB a square "
        "kilometre. A build does it itself; an older gallery, or one whose ground is damaged, gets it by this command.",
        **examples("ground my_area"),
    )
    ground.add_argument("gallery", metavar="DIR", type=Path, help=GALLERY_HELP)
    json_option(ground)
    ground.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    made = ground_made(opened_gallery(options.gallery))
    facts = {"km2": round(made.area_km2, 3), "points": len(made.keypoints), "pictures": len(made.sheets)}
    if options.json:
        say_json(facts)
    else:
        counts = f"{facts['points']:,} points, {facts['pictures']} pictures of ground"
        say(f"{options.gallery}: {facts['km2']:g} km², {counts}")
    return 0
