"""What all command lines share: a mistake is one line on stderr, and its exit status."""

import argparse
from typing import NoReturn

USER_MISTAKE = 2
"""Exit status of a user's mistake."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        """One line on stderr, exit 2."""
        self.exit(USER_MISTAKE, f"{self.prog}: {message}\n")
