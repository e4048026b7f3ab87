"""What the programs share: their parser, and the files that they write."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from gallery.arguments import Parser
from train_scripts.errors import BadRequest


def program(name: str, text: str | None) -> Parser:
    """The parser of `python -m train_scripts.NAME`. Args: text: the module's docstring, printed as it stands."""
    return Parser(
        f"python -m train_scripts.{name}", description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def check_out(out: Path | None) -> None:
    """Before hours of work: can the report be written?

    Raises:
        BadRequest: it has another ending, or its folder is missing.
    """
    if out is None:
        return
    if out.suffix != ".parquet":
        raise BadRequest(f"{out.name} must end in .parquet, such as {out.stem or 'evaluation'}.parquet.")
    if not out.absolute().parent.is_dir():
        raise BadRequest(f"There is no folder {out.absolute().parent.name} to write {out.name} into. Make it first.")


def one_of_several(out: Path, *parts: str) -> Path:
    """A file beside `out`, named after what it holds."""
    return out.with_name("-".join((out.stem, *parts)) + out.suffix)


def names_for_files(names: Sequence[str]) -> list[str]:
    """Short names of letters, digits and dashes that tell things apart in file names, in any writing of letters.

    Args: names: for people, such as `user/name@revision`; two may be equal.
    """
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40].strip("-") or "model"
        taken, given, number = {one.lower() for one in found}, plain, 2
        while given.lower() in taken:
            given, number = f"{plain}-{number}", number + 1
        found.append(given)
    return found
