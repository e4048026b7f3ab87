"""The command `repoint`: where a gallery's imagery lies now."""

import argparse
from pathlib import Path
from typing import Any

from gallery.cli.loading import load, opened_gallery, with_ground
from gallery.cli.options import examples, json_option
from gallery.cli.output import say, say_json
from gallery.errors import BuildError


def add(commands: Any) -> None:
    """The command and its options."""
    repoint = commands.add_parser(
        "repoint",
        help="tell a gallery where its imagery lies now",
        description="Tell a gallery where a raster or folder lies that was moved. Some tiles are compared: other "
        "ground and other pixels are refused. Nothing is embedded again. `build --pack` makes a gallery that needs "
        "none of this.",
        **examples("repoint my_area /disk2/orthophoto.tif", "repoint my_area maps/west.tif --source orthophoto.tif"),
    )
    repoint.add_argument("gallery", metavar="DIR", type=Path, help="the gallery's folder")
    repoint.add_argument("imagery", metavar="RASTER", type=Path, help="the raster, or folder of images, as it lies now")
    repoint.add_argument("--source", metavar="NAME", help="which source moved, where several could be meant")
    json_option(repoint)
    repoint.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    if not options.imagery.exists():
        raise BuildError(f"There is no raster or folder {options.imagery}. Check the path.")
    gallery = opened_gallery(options.gallery)
    from gallery.build.repoint import repoint

    moved = repoint(options.gallery, options.imagery, load(gallery.model_source), options.source)
    with_ground(moved)
    if options.json:
        say_json(moved.info())
    else:
        say(f"{options.gallery}: its tiles are read from {options.imagery}")
    return 0
