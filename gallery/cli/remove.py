"""The command `remove`: tiles out of a gallery."""

import argparse
from pathlib import Path
from typing import Any

from gallery.cli.loading import with_ground
from gallery.cli.options import area_options, examples, json_option
from gallery.cli.output import say, say_json


def add(commands: Any) -> None:
    """The command and its options."""
    remove = commands.add_parser(
        "remove",
        help="take an area or a source out of a gallery",
        description="Take tiles out of a gallery; nothing is embedded again, and other files in its folder stay.",
        **examples("remove my_area --source orthophoto.tif", "remove my_area --bbox 7.42,46.93,7.43,46.94"),
    )
    remove.add_argument("gallery", metavar="DIR", type=Path, help="the gallery's folder")
    what = remove.add_mutually_exclusive_group(required=True)
    area_options(what, "remove every tile that touches")
    what.add_argument("--source", metavar="NAME", help="remove the tiles of this raster or folder")
    json_option(remove)
    remove.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    from gallery.store.manifest import read_manifest, standing_folder

    read_manifest(standing_folder(options.gallery))  # what is no gallery is told before the imports that take seconds
    from gallery.build.remove import remove_tiles

    area = options.near or options.bbox or options.area
    gallery = remove_tiles(options.gallery, area=area, source=options.source)
    with_ground(gallery)
    if options.json:
        say_json(gallery.info())
    else:
        gone = gallery.manifest["build"]["areas"][-1]["tiles"]
        say(f"{options.gallery}: {len(gallery)} tiles are left, {gone} removed")
    return 0
