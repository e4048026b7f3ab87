"""The paper's Tables I to VII, its rows beside ours: `python -m train_scripts.tables [I … VII] [--ours FILE …]`.

FILE is a report or the JSON of `train_scripts.evaluate`. Every row names its protocol: the paper's tables stand
methods side by side that were measured under different ones. "?" marks methods without public code to read it from.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gallery.errors import GalleryError
from train_scripts.arguments import program
from train_scripts.evaluation.paper_comparison import our_rows, place, read_summaries, render
from train_scripts.evaluation.paper_tables import PAPER


def main(argv: list[str] | None = None) -> None:
    """Print the paper's tables."""
    parser = program("tables", __doc__)
    parser.add_argument("numbers", nargs="*", metavar="NUMBER", help="I to VII; all when none is named")
    parser.add_argument("--ours", nargs="+", type=Path, default=[], metavar="FILE", help="reports or JSON summaries")
    parser.add_argument("--markdown", action="store_true", help="Markdown instead of plain text")
    options = parser.parse_args(argv)
    numbers = [number.upper() for number in options.numbers] or list(PAPER)
    unknown = [number for number in numbers if number not in PAPER]
    if unknown:
        parser.error(f"there is no Table {unknown[0]}; choose among {', '.join(PAPER)}.")
    try:
        held = [(file.name, summary) for file in options.ours for summary in read_summaries(file)]
    except GalleryError as error:
        parser.error(str(error))
    for name, summary in held:
        if not place(summary):
            sys.stderr.write(
                f"{name} belongs to no table: its protocol is {summary.get('protocol')!r}, its direction "
                f"{summary.get('direction')!r}, its dataset {summary.get('dataset')!r}.\n"
            )
    tables = (render(number, our_rows(number, (one for _, one in held)), options.markdown) for number in numbers)
    sys.stdout.write("\n\n".join(tables))


if __name__ == "__main__":
    main()
