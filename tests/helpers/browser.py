"""The system's Chromium, which can reach no other machine, for tests of the pages."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
WANTED = os.environ.get("REQUIRE_BROWSER") == "1"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
PATIENCE_MS = 60_000
LEFT = ("AbortError: signal is aborted", "Unexpected error Connection errored out")
"""What Gradio's page says when it is left while an answer is still on its way."""


@contextmanager
def launched() -> Iterator[Any]:
    """Chromium, started; without one, the tests that ask for it are skipped unless REQUIRE_BROWSER=1 is set."""
    if not WANTED and not CHROMIUM.exists():
        pytest.skip("there is no /usr/bin/chromium (apt-get install chromium)")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def window(
    chromium: Any, address: str, width_px: int = 1280, height_px: int = 900, scheme: str = "light"
) -> Iterator[Any]:
    """An empty page; afterwards nothing may have gone wrong in it, run from a file (`hit()`), or left the machine."""
    context = chromium.new_context(
        viewport={"width": width_px, "height": height_px}, color_scheme=scheme, accept_downloads=True
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script("window.hits = 0; window.hit = () => { window.hits += 1; };")
    seen = SimpleNamespace(errors=[], asked=[])
    page.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", lambda request: seen.asked.append(request.url))
    yield page
    away = [url for url in seen.asked if not url.startswith((address, "data:", "blob:", "about:"))]
    hits = page.evaluate("window.hits")
    context.close()
    assert away == []
    assert hits == 0
    assert [error for error in seen.errors if not error.startswith(LEFT)] == []
