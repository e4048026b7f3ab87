"""The command line: python -m train_scripts.data check | make.

Exit 0 when all is well, 1 when a dataset differs, 2 for a user's mistake.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from gallery.arguments import USER_MISTAKE, Parser
from train_scripts.errors import DatasetError

DIFFERS = 1


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = Parser(prog="python -m train_scripts.data", description="Check datasets, and make small procedural ones.")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=Parser)

    check = commands.add_parser(
        "check",
        help="count a dataset against the published counts",
        description="Counts everything against the published counts and says in words what is missing or extra.",
    )
    check.add_argument("dataset", metavar="KIND:PATH", help="KIND: university1652, sues200, denseuav or folders")
    check.add_argument("--pictures", action="store_true", help="decode every picture too")
    check.add_argument("--json", action="store_true", help="print one JSON document")
    check.set_defaults(run=_check)

    make = commands.add_parser(
        "make",
        help="make a small procedural dataset",
        description="Renders a small procedural dataset in the layout of a published one.",
    )
    make.add_argument("kind", choices=("university1652", "sues200", "denseuav", "folders"), metavar="KIND")
    make.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    make.add_argument("--train", type=int, metavar="N", help="training places (default 6)")
    make.add_argument("--test", type=int, metavar="N", help="places that ask (default 4)")
    make.add_argument(
        "--distractors", type=int, metavar="N", help="university1652, folders: other gallery places (default 2)"
    )
    make.add_argument("--views", type=int, metavar="N", help="drone pictures per place (default 6); not of denseuav")
    make.add_argument("--size-px", type=int, metavar="PX", help="side of a picture (default 96)")
    make.add_argument("--seed", type=int)
    make.add_argument("--workers", type=int, metavar="N", help="processes that render (default 1)")
    make.add_argument("--release-name", action="store_true", help="university1652: inside University-Release/")
    make.add_argument("--street", action="store_true", help="university1652: street and google views, one folder empty")
    make.add_argument(
        "--positions", choices=("kml", "csv", "none"), help="university1652, folders: how positions are written"
    )
    make.add_argument(
        "--layout",
        choices=("original", "split", "place-first", "view-first"),
        help="sues200: original (default) or split; folders: place-first (default), view-first or split",
    )
    make.add_argument("--no-old-tiles", action="store_true", help="denseuav: tiles of one year only")
    make.set_defaults(run=_make)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns: the exit status."""
    options = parser().parse_args(sys.argv[1:] if arguments is None else list(arguments))
    try:
        return options.run(options)
    except DatasetError as error:
        sys.stderr.write(f"{error}\n")
        return USER_MISTAKE


def _check(options: argparse.Namespace) -> int:
    from train_scripts.data.readers.check import check_dataset
    from train_scripts.data.readers.read_dataset import parse_spec

    report = check_dataset(*parse_spec(options.dataset), pictures=options.pictures)
    sys.stdout.write((json.dumps(report.to_dict(), indent=1) if options.json else report.text()) + "\n")
    return 0 if report.complete else DIFFERS


def _make(options: argparse.Namespace) -> int:
    from train_scripts.data.simulator import make_dataset
    from train_scripts.errors import BadRequest

    only = {
        "--distractors": (options.distractors is not None, ("university1652", "folders")),
        "--views": (options.views is not None, ("university1652", "sues200", "folders")),
        "--release-name": (options.release_name, ("university1652",)),
        "--street": (options.street, ("university1652",)),
        "--positions": (options.positions is not None, ("university1652", "folders")),
        "--layout": (options.layout is not None, ("sues200", "folders")),
        "--no-old-tiles": (options.no_old_tiles, ("denseuav",)),
    }
    for name, (is_given, kinds) in only.items():
        if is_given and options.kind not in kinds:
            raise BadRequest(f"{options.kind} knows no {name}. It belongs to {', '.join(kinds)}.")
    given = {field.name: getattr(options, field.name) for field in fields(make_dataset.Size)}
    size = make_dataset.Size(**{name: value for name, value in given.items() if value is not None})
    match options.kind:
        case "university1652":
            make_dataset.make_university1652(
                options.out,
                size,
                release_name=options.release_name,
                street=options.street,
                positions=options.positions or "kml",
            )
        case "sues200":
            if options.layout not in (None, "original", "split"):
                raise BadRequest(f"sues200 has no layout {options.layout}. Choose original or split.")
            make_dataset.make_sues200(options.out, size, layout=options.layout or "original")
        case "denseuav":
            make_dataset.make_denseuav(options.out, size, old_tiles=not options.no_old_tiles)
        case _:
            if options.layout == "original":
                raise BadRequest("folders has no layout original. Choose place-first, view-first or split.")
            make_dataset.make_folders(
                options.out, size, layout=options.layout or "place-first", positions=options.positions or "csv"
            )
    sys.stdout.write(f"Made {options.out.name}. Check it: python -m train_scripts.data check {options.kind}:DIR\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
