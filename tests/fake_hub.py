"""A Hugging Face Hub on loopback that speaks enough of the real protocol for the real client."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" * 6 + "c0ff"


@contextmanager
def fake_hub(repos: Mapping[str, Mapping[str, bytes]]) -> Iterator[tuple[str, list[str]]]:
    """Serve model repositories, each `name -> {file: content}` with one commit on `main`.

    Yields:
        The endpoint for HF_ENDPOINT, and the list of requests "METHOD path" that grows as they come.
    """
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            requests.append(f"{self.command} {self.path}")
            parts = self.path.partition("?")[0].strip("/").split("/")
            if parts[:2] == ["api", "models"]:
                repo, revision = "/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main"
                self._answer(repo, revision, None, tree="tree" in parts)
            elif len(parts) >= 5 and parts[2] == "resolve":
                self._answer("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
            else:
                self._send(404, b"", {})

        def _answer(self, repo: str, revision: str, file: str | None, tree: bool = False) -> None:
            if repo not in repos:
                self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
            elif revision not in ("main", COMMIT):
                self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
            elif tree:
                entries = [
                    {"type": "file", "path": name, "size": len(body), "oid": sha256(body).hexdigest()[:40]}
                    for name, body in repos[repo].items()
                ]
                self._send(200, json.dumps(entries).encode(), {})
            elif file is None:
                siblings = [{"rfilename": name} for name in repos[repo]]
                self._send(200, json.dumps({"id": repo, "sha": COMMIT, "siblings": siblings}).encode(), {})
            elif file not in repos[repo]:
                self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            else:
                body = repos[repo][file]
                self._send(200, body, {"X-Repo-Commit": COMMIT, "ETag": f'"{sha256(body).hexdigest()}"'})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
