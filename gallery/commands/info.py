"""The command `info`: what a gallery holds."""

import argparse
import json
from pathlib import Path
from typing import Any

from gallery.commands.loading import gallery_folder
from gallery.commands.options import GALLERY_HELP, json_option
from gallery.commands.output import say, say_json


def add(commands: Any) -> None:
    """The command and its options."""
    info = commands.add_parser("info", help="what a gallery holds", description="Say what a gallery holds.")
    info.add_argument("gallery", metavar="DIR", type=Path, help=GALLERY_HELP)
    json_option(info)
    info.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    from gallery.store import Gallery

    info = Gallery.open(gallery_folder(options.gallery)).info()
    if options.json:
        say_json(info)
    else:
        for key, value in info.items():
            say(f"{key}: {json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value}")
    return 0
