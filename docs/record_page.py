"""Records the README's moving picture from the page itself: `python docs/record_page.py` writes docs/locate.webp.

An example photo is chosen in Chromium, and the page is pictured while it searches and answers. Needs what
requirements-dev.txt lists, and a Chromium on the machine (`CHROMIUM`, default /usr/bin/chromium).
"""

import io
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "locate.webp"
WIDTH_PX, HEIGHT_PX, SHOWN_PX = 1180, 900, 1000
PATIENCE_S = 180
PATIENCE_MS = PATIENCE_S * 1000
SETTLED_MS = 2500  # the map is drawn in a frame of its own

Frames = list[tuple[Image.Image, int]]
"""Pictures, and how many milliseconds each is shown."""


@contextmanager
def served() -> Iterator[str]:
    """The app on a free port, until the block ends. Yields: its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "app.py", "--port", str(port)], cwd=ROOT, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        begun = time.monotonic()
        while time.monotonic() - begun < PATIENCE_S:
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def record(page: Page, address: str) -> Frames:
    """The pictures of one question."""
    frames: Frames = []

    def take(shown_ms: int) -> None:
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        frames.append(
            (picture.resize((SHOWN_PX, SHOWN_PX * HEIGHT_PX // WIDTH_PX), Image.Resampling.LANCZOS), shown_ms)
        )

    page.goto(f"{address}?__theme=light")
    card, name = page.locator("#card .file"), "null_island_003.jpg"
    card.wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(SETTLED_MS)
    take(1500)
    page.locator("#examples .thumbnail-item").nth(3).click()
    for _ in range(3):
        page.wait_for_timeout(500)
        take(500)
    page.locator("#card .file", has_text=name).wait_for(timeout=PATIENCE_MS)
    page.frame_locator("#map iframe").locator(".rank").first.wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(SETTLED_MS)
    take(3500)
    page.locator("#map").evaluate("part => part.scrollIntoView({block: 'start'})")
    page.wait_for_timeout(SETTLED_MS)
    take(2500)
    page.locator("#fit summary").first.click()
    page.locator("#fit").evaluate("part => part.scrollIntoView({block: 'start'})")
    page.wait_for_timeout(SETTLED_MS)
    take(3000)
    return frames


def main() -> None:
    """Record, and write the picture."""
    with served() as address, sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
        frames = record(page, address)
        browser.close()
    first, *others = [picture for picture, _ in frames]
    shown_ms = [each for _, each in frames]
    first.save(OUT, save_all=True, append_images=others, duration=shown_ms, loop=0, quality=80, method=6)
    sys.stdout.write(f"{OUT.relative_to(ROOT)}: {len(frames)} pictures, {OUT.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main()
