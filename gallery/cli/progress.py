"""Progress bars of commands."""

import sys
from typing import Any

from gallery.cli.output import say


class Bar:
    """A progress bar on stderr, from the first move to the last."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._bar: Any = None

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def say(self, text: str) -> None:
        """Write lines to stdout, above the bar where both are seen."""
        if self._bar is not None and sys.stdout.isatty():
            self._bar.clear()
        say(text)
        sys.stdout.flush()  # who reads a pipe sees each answer as it comes, too

    def move(self, done: float, total: float, before: float = 0, beside: str = "") -> None:
        """Show how many of a total are done, `before` of them in an earlier run, and some words beside."""
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=before, unit=self._unit, file=sys.stderr, dynamic_ncols=True)
        if beside:
            self._bar.set_postfix_str(beside, refresh=False)
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._bar.close()
