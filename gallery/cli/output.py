"""What commands say: results on stdout, one line for a mistake on stderr."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gallery.arguments import USER_MISTAKE
from gallery.errors import GalleryError
from gallery.plain_text import in_short

INTERRUPTED = 130


def say(text: str) -> None:
    """Write lines to stdout."""
    sys.stdout.write(f"{text}\n")


def say_json(value: Any) -> None:
    """Write one JSON document to stdout."""
    say(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2))


def fail(message: str) -> int:
    """Write one line to stderr. Returns: the exit status of a user's mistake."""
    sys.stderr.write(f"python -m gallery: {in_short(' '.join(message.split()))}\n")
    return USER_MISTAKE


def check_out(file: Path, endings: Sequence[str]) -> None:
    """Refuse a file that a result cannot be written to, before the work begins.

    Args: endings: say in what form it is written, each with its dot.

    Raises:
        GalleryError: its ending says nothing, or its folder is not there.
    """
    if file.suffix.lower() not in endings:
        raise GalleryError(f"{file.name} ends in none of {', '.join(endings)}. Name it so.")
    if not file.absolute().parent.is_dir():
        raise GalleryError(f"There is no folder {file.absolute().parent.name} to write {file.name} in. Make it first.")


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Names and what they are, in two columns; further lines of a value stand below it."""
    width = max((len(name) for name, _ in rows), default=0)
    indent = "\n" + " " * (width + 2)
    return "\n".join(f"{name:<{width}}  {value.replace(chr(10), indent)}" for name, value in rows)
