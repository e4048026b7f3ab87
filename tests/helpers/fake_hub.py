"""A Hugging Face Hub on loopback: repositories with commits, tokens, LFS and uploads, spoken to by the real client."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import huggingface_hub
import pytest

from tests.helpers import ROOT

COMMIT = "c0ffee" * 6 + "c0ff"
TOKEN = "hf_a_token_of_the_test"
LARGE = (".safetensors", ".npy", ".faiss", ".parquet", ".tif", ".jpg")  # stored by LFS, named by their SHA-256


@dataclass
class Repository:
    """Files by commit; `refs` names commits."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False

    def commit(self, files: Mapping[str, bytes], sha: str | None = None) -> str:
        """Add a commit on main. Returns: its hash."""
        sha = sha or sha1(repr((sorted(files.items()), len(self.commits))).encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.refs["main"] = sha
        return sha

    @property
    def files(self) -> dict[str, bytes]:
        """The files on main."""
        return self.commits[self.refs["main"]] if self.refs else {}


class FakeHub:
    """What the server knows and has seen; its fields may be changed while it runs."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.requests: list[str] = []  # "METHOD path" as they come
        self.repos: dict[tuple[str, str], Repository] = {}  # by ("models" or "datasets", name)
        self.cut: dict[str, int] = {}  # file -> bytes after which its transfer breaks off
        self.stated: dict[str, int] = {}  # file -> size that the listing claims
        self.failing: int | None = None  # a status to answer everything with
        self._uploads: dict[str, bytes] = {}

    def add(self, name: str, files: Mapping[str, bytes], kind: str = "models", **options: bool) -> Repository:
        """A repository with one commit, named COMMIT."""
        repo = self.repos[kind, name] = Repository(**options)
        repo.commit(files, COMMIT)
        return repo

    def run(self, home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A Python process whose Hub is this one: its endpoint is read when huggingface_hub is imported."""
        inherited = {key: value for key, value in os.environ.items() if "proxy" not in key.lower() and key[:3] != "HF_"}
        settings = {"HF_HOME": str(home), "HF_ENDPOINT": self.endpoint, "HF_HUB_DISABLE_TELEMETRY": "1"}
        settings["HF_HUB_DISABLE_XET"] = "1"  # whose storage servers are not faked: the client then speaks plain LFS
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**inherited, **settings, **environment},
            capture_output=True,
            text=True,
            timeout=240,
        )

    def adopt(self, monkeypatch: pytest.MonkeyPatch, home: Path, token: str = "") -> None:
        """Make this the Hub of this process, with its cache in a folder of the test's own."""
        constants = huggingface_hub.constants
        monkeypatch.setattr(constants, "ENDPOINT", self.endpoint)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", self.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", token)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        huggingface_hub.close_session()  # one that was opened before would keep to its proxy

    def answer(self, method: str, path: str, body: bytes, token: str | None) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers for a request."""
        self.requests.append(f"{method} {path}")
        if self.failing is not None:
            return self.failing, b"", {}
        parts = [unquote(part) for part in path.partition("?")[0].strip("/").split("/")]
        match parts:
            case ["api", "repos", "create"]:
                return self._create(json.loads(body), token)
            case ["api", "whoami-v2"]:
                return _json({"name": "me", "type": "user"}) if token == TOKEN else (401, b"", {})
            case ["api", "validate-yaml"]:
                return _json({"errors": [], "warnings": []})
            case ["api", "models" | "datasets" as kind, user, name, *rest]:
                return self._api(kind, f"{user}/{name}", rest, body, token)
            case ["uploads", oid]:
                self._uploads[oid] = body
                return 200, b"", {}
            case ["datasets", user, name, "resolve", revision, *file]:
                return self._file("datasets", f"{user}/{name}", revision, "/".join(file), token)
            case [user, name, "resolve", revision, *file]:
                return self._file("models", f"{user}/{name}", revision, "/".join(file), token)
            case [*_, "info", "lfs", "objects", "batch"]:
                return self._lfs(json.loads(body))
        return 404, b"", {}

    def _api(self, kind: str, name: str, rest: list[str], body: bytes, token: str | None):
        revision = rest[1] if len(rest) > 1 else "main"
        if rest[:1] in (["preupload"], ["commit"]) and token != TOKEN:
            return 401, b"", {}
        found = self._find(kind, name, None if rest[:1] in (["preupload"], ["commit"]) else revision, token)
        if isinstance(found, tuple):
            return found
        match rest[:1]:
            case ["tree"]:
                entries = [{"type": "file", "path": path, **self._entry(path, data)} for path, data in found.items()]
                return _json(entries)
            case ["preupload"]:
                paths = [file["path"] for file in json.loads(body)["files"]]
                modes = ["lfs" if path.endswith(LARGE) else "regular" for path in paths]
                told = zip(paths, modes, strict=True)
                return _json(
                    {"files": [{"path": path, "uploadMode": mode, "shouldIgnore": False} for path, mode in told]}
                )
            case ["commit"]:
                return self._commit(self.repos[kind, name], body)
        siblings = [{"rfilename": file, **self._entry(file, data)} for file, data in found.items()]
        repo = self.repos[kind, name]
        return _json({"id": name, "sha": repo.refs.get(revision, revision), "siblings": siblings, "private": False})

    def _entry(self, file: str, data: bytes) -> dict[str, object]:
        size = self.stated.get(file, len(data))
        entry: dict[str, object] = {"size": size, "oid": _git_oid(data), "blobId": _git_oid(data)}
        if file.endswith(LARGE):
            digest = sha256(data).hexdigest()
            entry["lfs"] = {"oid": digest, "sha256": digest, "size": size, "pointerSize": 134}
        return entry

    def _find(self, kind: str, name: str, revision: str | None, token: str | None):
        """The files at a revision, or the answer that refuses them."""
        repo = self.repos.get((kind, name))
        if repo is None or (repo.private and token != TOKEN):
            return 404 if token else 401, b"", {"X-Error-Code": "RepoNotFound"}
        if repo.gated and token != TOKEN:
            return 401, b"", {"X-Error-Code": "GatedRepo"}
        if revision is None:
            return repo.files
        sha = repo.refs.get(revision, revision)
        return repo.commits.get(sha, (404, b"", {"X-Error-Code": "RevisionNotFound"}))

    def _file(self, kind: str, name: str, revision: str, file: str, token: str | None):
        found = self._find(kind, name, revision, token)
        if isinstance(found, tuple):
            return found
        sha = self.repos[kind, name].refs.get(revision, revision)
        if file not in found:
            return 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": sha}
        etag = sha256(found[file]).hexdigest() if file.endswith(LARGE) else _git_oid(found[file])
        return 200, found[file], {"X-Repo-Commit": sha, "ETag": f'"{etag}"'}

    def _create(self, asked: dict[str, str], token: str | None):
        if token != TOKEN:
            return 401, b"", {}
        kind = f"{asked.get('type') or 'model'}s"
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        if (kind, name) in self.repos:
            return 409, json.dumps({"error": "You already have this repository", "id": name, "url": name}).encode(), {}
        self.repos[kind, name] = Repository(private=asked.get("visibility") == "private")
        return _json({"url": f"{self.endpoint}/{'' if kind == 'models' else kind + '/'}{name}", "id": name})

    def _lfs(self, asked: dict[str, list[dict[str, object]]]):
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.endpoint}/uploads/{each['oid']}"}}}
            for each in asked["objects"]
        ]
        return _json({"transfer": "basic", "objects": objects})

    def _commit(self, repo: Repository, body: bytes):
        files = dict(repo.files)
        for line in body.splitlines():
            match json.loads(line):
                case {"key": "file", "value": value}:
                    files[value["path"]] = base64.b64decode(value["content"])
                case {"key": "lfsFile", "value": value}:
                    files[value["path"]] = self._uploads[value["oid"]]
                case {"key": "deletedFile", "value": value}:
                    files.pop(value["path"])
        sha = repo.commit(files)
        return _json({"success": True, "commitOid": sha, "commitUrl": f"{self.endpoint}/me/x/commit/{sha}"})


def _git_oid(data: bytes) -> str:
    return sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _json(value: object) -> tuple[int, bytes, dict[str, str]]:
    return 200, json.dumps(value).encode(), {"Content-Type": "application/json"}


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Serve an empty Hub while the block runs."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
            status, content, headers = hub.answer(self.command, self.path, body, token)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                cut = hub.cut.get(self.path.rpartition("/")[2])
                self.wfile.write(content[:cut])
                self.close_connection = cut is not None

        do_GET = do_HEAD = do_POST = do_PUT = _answer

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
