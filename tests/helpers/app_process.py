"""The app in a process of its own, as a user starts it."""

import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.helpers.small_world import free_port

PATIENCE_S = 60


@dataclass
class AppProcess:
    """A running app. Attributes: log: what it has written, known when it has ended."""

    address: str
    pid: int
    log: str = ""


@contextmanager
def started(folder: Path, *options: str, environment: Mapping[str, str]) -> Iterator[AppProcess]:
    """Run the folder's app.py on a free port until the block ends."""
    port = free_port()
    settings = {**environment, "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    line = [sys.executable, "app.py", *options]
    with subprocess.Popen(
        line,
        cwd=folder,
        env=settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(
            signal.signal, signal.SIGINT, signal.SIG_DFL
        ),  # what a job in the background starts ignores it
    ) as server:
        app = AppProcess(f"http://127.0.0.1:{port}", server.pid)
        try:
            _wait_for(app.address, server)
            yield app
        finally:
            server.terminate()
            app.log = server.communicate(timeout=20)[1]


def _wait_for(address: str, server: subprocess.Popen[str]) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE_S:
        assert server.poll() is None, "the app ended"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the page did not answer within a minute")
