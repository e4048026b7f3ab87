"""What commands say: results on stdout, one line for a mistake on stderr."""

import json
import sys
from typing import Any

from gallery.arguments import USER_MISTAKE

INTERRUPTED = 130


def say(text: str) -> None:
    """Write lines to stdout."""
    sys.stdout.write(f"{text}\n")


def say_json(value: Any) -> None:
    """Write one JSON document to stdout."""
    say(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2))


def fail(message: str) -> int:
    """Write one line to stderr. Returns: the exit status of a user's mistake."""
    sys.stderr.write(f"python -m gallery: {' '.join(message.split())}\n")
    return USER_MISTAKE
