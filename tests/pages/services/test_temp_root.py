"""What visitors leave with a server goes with it: ended, interrupted or killed, and nothing of others goes too."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from pages.services.temp_root import OTHERS, UPLOADS, Sweeper, remove_old, temp_root
from pages.services.visitor_builds import VisitorBuilds
from tests.helpers import ROOT
from tests.helpers.app_process import started
from tests.helpers.small_world import catalog_of, service_of


def folders(parent: Path) -> set[Path]:
    """Of all servers whose temporary files are in that folder."""
    return {path for path in parent.glob("mean-locator-*/*") if path.is_dir()}


def leave_in(address: str) -> socket.socket:
    """Upload a file, and begin another upload that never ends."""
    files = {"files": ("holiday.jpg", b"\xff\xd8secret")}
    assert requests.post(f"{address}/gradio_api/upload", files=files, timeout=20).ok
    half = socket.create_connection((urlsplit(address).hostname, urlsplit(address).port))
    head = "POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n"
    half.sendall(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode())
    part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="half.jpg"\r\n\r\n'
    half.sendall(part + b"secret" * 20_000)
    return half


def wait_until(true, patience_s: float = 60) -> None:
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < patience_s
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.process
def test_the_app_leaves_nothing_however_it_ends(tmp_path):
    foreign = tmp_path / "temp" / "somebody-elses" / "file.txt"
    foreign.parent.mkdir(parents=True)
    foreign.touch()
    parent = foreign.parent.parent
    environment = {**os.environ, "TMPDIR": str(parent)}
    environment.pop("GRADIO_TEMP_DIR")
    none = ("--gallery", str(tmp_path / "nothing"))  # pages and uploads are there without a gallery

    def ended_by(how: signal.Signals) -> set[Path]:
        """The folders before it ended."""
        with started(ROOT, *none, environment=environment) as process:
            with leave_in(process.address):
                wait_until(lambda: sum(path.stat().st_size for path in parent.rglob("*") if path.is_file()) > 100_000)
                assert any(path.name == "holiday.jpg" for path in parent.rglob("*"))
                held = folders(parent)
                os.kill(process.pid, how)
                wait_until(lambda: not Path(f"/proc/{process.pid}/cmdline").read_bytes())
            return held

    (killed,) = ended_by(signal.SIGKILL)
    assert folders(parent) == {killed}, "nobody could remove it"
    with temp_root(parent) as second:  # of another server, which lives
        assert not killed.exists(), "what a killed server left goes when another one starts"
        for how in (signal.SIGTERM, signal.SIGINT):
            assert second in ended_by(how)
            assert folders(parent) == {second}
    assert foreign.is_file() and [path.name for path in parent.glob("mean-locator-*/*")] == ["start.lock"]
    assert {path.name for path in parent.iterdir()} <= {"somebody-elses", f"mean-locator-{os.getuid()}"}


def test_all_that_asks_for_a_temporary_file_gets_it_there(tmp_path):
    before = tempfile.gettempdir(), os.environ["GRADIO_TEMP_DIR"]
    builds = VisitorBuilds(catalog_of(service_of(tmp_path)))
    with temp_root(tmp_path) as root:
        assert Path(builds._root.name).parent == root / OTHERS
        assert os.environ["GRADIO_TEMP_DIR"] == str(root / UPLOADS)
        assert root.parent.stat().st_mode & 0o777 == 0o700, "others see no names"
        told = subprocess.run(
            [sys.executable, "-c", "import tempfile; print(tempfile.gettempdir())"], capture_output=True, text=True
        )
        assert told.stdout.strip() == str(root / OTHERS), "processes that it starts, too"
    assert (tempfile.gettempdir(), os.environ["GRADIO_TEMP_DIR"]) == before and not root.exists()


def test_a_folder_of_that_name_that_others_may_write_is_not_used(tmp_path):
    taken = tmp_path / f"mean-locator-{os.getuid()}"
    taken.mkdir()
    taken.chmod(0o777)
    (taken / "bait").mkdir()
    with temp_root(tmp_path) as root:
        assert not root.is_relative_to(taken)
    assert (taken / "bait").is_dir()


def test_what_is_old_goes_while_the_server_runs(tmp_path):
    with temp_root(tmp_path) as root, Sweeper(root, 0.3, lambda: {str(root / UPLOADS / "kept.jpg")}):
        for name in ("kept.jpg", "a/b/visitor.jpg"):
            (root / UPLOADS / name).parent.mkdir(parents=True, exist_ok=True)
            (root / UPLOADS / name).touch()
            os.utime(root / UPLOADS / name, (0, 0))  # the camera's time says nothing about the upload's
        remove_old(root / UPLOADS, 60)
        assert (root / UPLOADS / "a/b/visitor.jpg").exists(), "it is not that old"
        (root / OTHERS / "working").touch()
        wait_until(lambda: [path.name for path in (root / UPLOADS).rglob("*")] == ["kept.jpg"])
        assert (root / OTHERS / "working").exists()
