"""The command line: `python -m gallery COMMAND`, and `--help` says which there are.

A thin shell over the package. Heavy imports wait until a command runs, so that --help is quick.
"""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from gallery.arguments import Parser
from gallery.cli import build, check, ground, info, inspect, photo, remove, repoint, search, track
from gallery.cli.options import examples, joined
from gallery.cli.output import INTERRUPTED, fail
from gallery.errors import GalleryError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns: the exit status (0, 2 for a user's mistake, 130 when interrupted)."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        options = parser().parse_args(joined(given))
        status: int = options.run(options)
        return status
    except GalleryError as error:
        return fail(str(error))
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. The same command goes on where it was.\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone (head, less)
        sys.stderr.close()
        return 0


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = Parser(
        prog="python -m gallery",
        description="Find where drone photos were taken: build galleries of map tiles, and search them.",
        **examples(
            "search gallery/sample gallery/sample/photos/null_island_000.jpg",
            "build orthophoto.tif --out my_area",
            "search my_area my_photos",
            "build --help",
        ),
    )
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=Parser)
    for command in (build, search, track, photo, info, check, ground, remove, repoint, inspect):
        command.add(commands)
    return top


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """End as after an error, so that locks and temporary files are cleared away."""
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main())
