"""The command `info`: what a gallery holds."""

import argparse
import json
from pathlib import Path
from typing import Any

from gallery.cli.loading import gallery_folder
from gallery.cli.options import GALLERY_HELP, json_option
from gallery.cli.output import say, say_json


def add(commands: Any) -> None:
    """The command and its options."""
    info = commands.add_parser("info", help="what a gallery holds", description="Say what a gallery holds.")
    info.add_argument("gallery", metavar="DIR", type=Path, help=GALLERY_HELP)
    info.add_argument(
        "--health", action="store_true", help="look for repeated, look-alike and empty tiles, and for gaps between them"
    )
    json_option(info)
    info.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    from gallery.store.gallery import Gallery
    from gallery.store.health import examine

    gallery = Gallery.open(gallery_folder(options.gallery))
    info = gallery.info()
    health = examine(gallery) if options.health else None
    if options.json:
        say_json(info if health is None else {**info, "health": health.to_dict(gallery)})
        return 0
    for key, value in info.items():
        say(f"{key}: {json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value}")
    for finding in () if health is None else health.findings:
        say(finding.sentence)
    return 0
