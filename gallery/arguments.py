"""What all command lines share: a mistake is one line on stderr, and its exit status."""

import argparse
import os
from pathlib import Path
from typing import Any, NoReturn

from gallery.plain_text import in_short

USER_MISTAKE = 2
"""Exit status of a user's mistake."""


LONGEST_NAME = 255
"""Most bytes of one name in a path, and LONGEST_PATH of all: what usual file systems take."""

LONGEST_PATH = 4095


def path_of(text: str) -> Path:
    """A path that the system can be asked about."""
    longest = max((len(os.fsencode(name)) for name in Path(text).parts), default=0)
    if longest > LONGEST_NAME or len(os.fsencode(text)) > LONGEST_PATH:
        raise argparse.ArgumentTypeError(f"{text[:40]!r}… is too long for the name of a file")
    return Path(text)


def count(text: str) -> int:
    """A whole number, not below 0."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0")
    return int(text)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that says in one line what is wrong."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.register("type", Path, path_of)

    def error(self, message: str) -> NoReturn:
        """One line on stderr, exit 2."""
        self.exit(USER_MISTAKE, f"{self.prog}: {in_short(message)}\n")
