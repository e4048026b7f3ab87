"""The command `inspect`: why a model fails."""

import argparse
from pathlib import Path
from typing import Any

from gallery.arguments import count
from gallery.cli.loading import gallery_folder
from gallery.cli.options import examples, json_option
from gallery.cli.output import say, say_json
from gallery.errors import GalleryError

SORT_KEYS = ("margin", "metres", "rank", "score", "confidence", "altitude", "margin_change", "rank_change")
"""The keys of `gallery.report.filters.SORTS` that put errors in an order; the module itself is imported late."""


def add(commands: Any) -> None:
    """The command and its options."""
    inspect = commands.add_parser(
        "inspect",
        help="why a model fails, from the report of an evaluation",
        description="Say what a report (train_scripts.evaluate --out) holds: figures with 95 % intervals, what "
        "explains the errors, and the worst queries.",
        **examples("inspect gallery/sample/report.parquet --wrong", "inspect new.parquet --against old.parquet"),
    )
    inspect.add_argument("report", metavar="REPORT", type=Path, help="that train_scripts.evaluate wrote")
    inspect.add_argument("--gallery", metavar="DIR", type=Path, help="that was evaluated: finds tiles that look alike")
    inspect.add_argument("--against", metavar="REPORT2", type=Path, help="an earlier report: what is fixed and broken")
    inspect.add_argument("--wrong", action="store_true", help="list wrong answers only")
    inspect.add_argument("--sort", choices=SORT_KEYS, default="margin", help="worst first by this (default margin)")
    inspect.add_argument("-n", type=count, default=20, metavar="N", help="how many queries to list (default 20)")
    json_option(inspect)
    inspect.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    for report in filter(None, (options.report, options.against)):
        if not report.exists():  # before the imports that take seconds
            raise GalleryError(f"There is no report {report.name}. Check the path.")
    gallery = None if options.gallery is None else gallery_folder(options.gallery)
    from gallery.cli import inspect_text
    from gallery.report.comparison import compare
    from gallery.report.table import open_inspection

    inspection = open_inspection(options.report, gallery)
    comparison = compare(open_inspection(options.against), inspection) if options.against else None
    if comparison is None and options.sort.endswith("_change"):
        raise GalleryError(f"--sort {options.sort} needs a second report: add --against REPORT2.")
    table = inspection.table if comparison is None else comparison.table
    rows = inspect_text.worst(table, wrong=options.wrong, sort=options.sort, count=options.n)
    if options.json:
        say_json(inspect_text.document(inspection, rows, comparison))
    else:
        say(inspect_text.text(inspection, rows, comparison).rstrip("\n"))
    return 0
