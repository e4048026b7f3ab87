"""What the tests in a browser share: one Chromium, and windows in which nothing may go wrong."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.helpers.browser import launched, window


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture
def open_window(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open a window as `tests.helpers.browser.window` does, for as long as the test runs."""
    with ExitStack() as windows:
        yield lambda *arguments, **options: windows.enter_context(window(chromium, *arguments, **options))
