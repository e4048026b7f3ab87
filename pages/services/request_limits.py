"""What one address may ask of the server at once and in an hour, as a layer of ASGI before every route.

An address is that of the connection. Behind proxies it is theirs, and all visitors would count as one: `proxies` says
how many stand before the server, each of which appends the address that it was asked from to X-Forwarded-For. What
stands further left in that header was written by the visitor, and is not believed. This machine's own address is that
of its owner, for whom only the limits of all hold; but from the first request on that shows a proxy of which nobody
told the server, it is that of all visitors together, and has the limits of one.
"""

import asyncio
import ipaddress
import json
import logging
import shutil
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)

UPLOAD = "/upload"
"""How the path of an upload ends."""

QUESTIONS = ("/queue/join", "/call/")
"""What the path of a question holds; its answer is asked for by another request."""

LOOK_S = 5.0
"""Seconds for which the disk's use is taken to be the same."""

LOOK_BYTES = 8_000_000
"""Bytes of one upload after which the disk is asked again."""

NO_ADDRESS = "unknown"

WRITTEN_BY_PROXIES = {
    *(b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-real-ip", b"forwarded", b"via"),
    *(b"cf-connecting-ip", b"true-client-ip"),
}


@dataclass(frozen=True)
class Limits:
    """How much is taken.

    Attributes:
        proxies: that stand before the server and are trusted to append to X-Forwarded-For; 0: the header says nothing.
        open_requests: unfinished ones of one address; every open page holds one or two.
        all_open_requests: unfinished ones of all addresses.
        questions: of one address that wait or are answered.
        uploads: requests to upload, of one address in `kept_s`.
        upload_bytes: that they may bring.
        kept_s: seconds that uploads are kept, and counted.
        body_bytes: of a request that is no upload.
        stall_s: longest wait for the next part of a request.
        body_s: longest wait for all of it, beside the time that its bytes may take.
        least_bytes_per_s: that a request comes with: a flight's photos take long on a slow line, and may.
        disk_bytes: that all temporary files may take.
        disk_files: how many they may be.
        least_free_bytes: that the disk must have free.
    """

    proxies: int = 0
    open_requests: int = 100
    all_open_requests: int = 600
    questions: int = 12
    uploads: int = 600
    upload_bytes: int = 2_000_000_000
    kept_s: float = 3600.0
    body_bytes: int = 4_000_000
    stall_s: float = 20.0
    body_s: float = 60.0
    least_bytes_per_s: float = 20_000.0
    disk_bytes: int = 20_000_000_000
    disk_files: int = 100_000
    least_free_bytes: int = 2_000_000_000


DEFAULTS = Limits()


class DiskUse:
    """What the temporary files of a server take, looked at no more often than every `LOOK_S`."""

    def __init__(self, folder: Callable[[], Path], limits: Limits = DEFAULTS) -> None:
        """Args: folder: says which folder counts, with all that is in it."""
        self._folder = folder
        self._limits = limits
        self._lock = threading.Lock()
        self._known: tuple[float, int, int] = (float("-inf"), 0, 0)

    def has_room(self, more_bytes: int = 0) -> bool:
        """Whether as many more bytes may be written."""
        limits, folder = self._limits, self._folder()
        with self._lock:
            if time.monotonic() - self._known[0] > LOOK_S:
                self._known = (time.monotonic(), *_sizes(folder))
            _, taken, files = self._known
        free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
        return (
            taken + more_bytes <= limits.disk_bytes
            and files < limits.disk_files
            and free - more_bytes >= limits.least_free_bytes
        )


def _sizes(folder: Path) -> tuple[int, int]:
    """Bytes of all files in a folder, and how many they are."""
    taken = files = 0
    for path in folder.rglob("*"):
        try:
            facts = path.lstat()
        except OSError:  # it went just now
            continue
        taken, files = taken + facts.st_blocks * 512, files + 1
    return taken, files


def address_of(scope: Scope, proxies: int) -> str:
    """Who asks, as far as it is known: an address of IPv4, or the network of one of IPv6, which one house has whole.

    Args: proxies: as `Limits` has it.
    """
    told = (scope.get("client") or (NO_ADDRESS,))[0]
    if proxies > 0:
        values = [value for name, value in scope.get("headers", ()) if name == b"x-forwarded-for"]
        hops = [hop.strip() for hop in b",".join(values).decode("latin-1").split(",")] if values else []
        told = hops[-proxies] if len(hops) >= proxies else told
    try:
        address = ipaddress.ip_address(_without_port(told))
    except ValueError:
        return NO_ADDRESS
    if address.version == 6 and not address.is_loopback:
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)


def counts(address: str) -> bool:
    """Whether the limits of one address hold for it: not for this machine's own."""
    try:
        return not ipaddress.ip_network(address).is_loopback
    except ValueError:
        return True


def is_forwarded(scope: Scope) -> bool:
    """Whether a proxy seems to have sent a request: by its headers, by HTTP 1.0, or as it is meant for another name.

    A proxy that shows none of it cannot be told from a browser of this machine.
    """
    headers = dict(scope.get("headers", ()))
    host = _without_port(headers.get(b"host", b"localhost").decode("latin-1"))
    try:
        own = ipaddress.ip_address(host).is_loopback
    except ValueError:
        own = host.lower() == "localhost"
    return not own or scope.get("http_version") == "1.0" or not WRITTEN_BY_PROXIES.isdisjoint(headers)


def _without_port(told: str) -> str:
    if told.startswith("["):
        return told[1:].partition("]")[0]
    return told.partition(":")[0] if told.count(":") == 1 else told


class _Refused(Exception):
    """A request that is not taken."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass
class _Uploads:
    """What one address uploaded in the last hour: when, and how many bytes each time."""

    done: deque[list[float]] = field(default_factory=deque)

    def forget(self, before: float) -> None:
        while self.done and self.done[0][0] < before:
            self.done.popleft()

    @property
    def bytes(self) -> float:
        return sum(size for _, size in self.done)


class RequestLimits:
    """Refuses what is beyond the limits in one sentence; everything else goes on to the app."""

    def __init__(
        self,
        app: App,
        limits: Limits = DEFAULTS,
        disk: DiskUse | None = None,
        questions_of: Callable[[str], int] | None = None,
    ) -> None:
        """Args: questions_of: how many of an address wait or are answered now."""
        self._questions_of = questions_of
        self._forwarded = False
        self._app = app
        self._limits = limits
        self._disk = disk
        self._open: Counter[str] = Counter()
        self._uploads: defaultdict[str, _Uploads] = defaultdict(_Uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        address = address_of(scope, self._limits.proxies)
        if not (self._limits.proxies or counts(address)):
            if not self._forwarded and is_forwarded(scope):
                self._forwarded = True
                log.warning("A proxy of this machine asks for all visitors, who share limits. Give --proxies 1.")
            address = NO_ADDRESS if self._forwarded else address
        scope["client"] = (address, 0)  # what the pages count by, too
        request = _Request(receive, send)
        try:
            self._open[address] += 1
            self._require_turn(address)
            if scope["method"] == "POST" and any(part in scope["path"] for part in QUESTIONS):
                self._require_few_questions(address)
            if scope["method"] == "POST" and scope["path"].endswith(UPLOAD):
                await self._upload(scope, request, address)
            else:
                request.most_bytes = self._limits.body_bytes
                await self._timed(scope, request)
        except _Refused as refused:
            await request.refuse(refused, plain=scope["path"].endswith(UPLOAD))
        finally:
            self._open[address] -= 1
            if self._open[address] <= 0:
                del self._open[address]

    def _require_turn(self, address: str) -> None:
        if self._open[address] > self._limits.open_requests and counts(address):
            raise _Refused(429, "Too many requests of your network address are unfinished. Close some pages.")
        if sum(self._open.values()) > self._limits.all_open_requests:
            raise _Refused(503, "Too many visitors are here now. Come back in a few minutes.")

    def _require_few_questions(self, address: str) -> None:
        if self._questions_of is None or not counts(address):
            return
        if self._questions_of(address) >= self._limits.questions:
            raise _Refused(429, "Wait for an answer first: your network address has as many questions as are taken.")

    async def _upload(self, scope: Scope, request: "_Request", address: str) -> None:
        limits, uploads = self._limits, self._uploads[address]
        for known in [known for known, each in self._uploads.items() if known != address]:
            self._uploads[known].forget(time.monotonic() - limits.kept_s)
            if not self._uploads[known].done:
                del self._uploads[known]
        uploads.forget(time.monotonic() - limits.kept_s)
        left = limits.upload_bytes - (uploads.bytes if counts(address) else 0)
        stated = _content_length(scope)
        if counts(address) and (len(uploads.done) >= limits.uploads or stated > left):
            raise _Refused(429, "Your network address has uploaded as much as is taken in an hour. Come back later.")
        await self._require_room(stated)
        entry = [time.monotonic(), 0.0]
        uploads.done.append(entry)
        asked = 0.0

        async def count(size: int) -> None:
            nonlocal asked
            entry[1] += size
            if entry[1] - asked > LOOK_BYTES:
                asked = entry[1]
                await self._require_room(0)

        request.most_bytes, request.count = left, count
        await self._timed(scope, request)

    async def _require_room(self, more_bytes: int) -> None:
        if self._disk is not None and not await asyncio.to_thread(self._disk.has_room, more_bytes):
            raise _Refused(507, "The server's room for uploads is full. Come back in an hour.")

    async def _timed(self, scope: Scope, request: "_Request") -> None:
        request.stall_s, request.ends = self._limits.stall_s, time.monotonic() + self._limits.body_s
        request.least_bytes_per_s = self._limits.least_bytes_per_s
        if _content_length(scope) > request.most_bytes:
            raise _Refused(413, "The request is too large.")
        try:
            await self._app(scope, request.receive, request.send)
        except Exception:
            if request.refused is None:
                raise
        if request.refused is not None:
            raise request.refused


class _Request:
    """A request on its way to the app: its body is counted and timed, and a refusal takes the place of the answer."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._whole = False
        self._begun = False
        self._bytes = 0
        self.most_bytes: float = 0
        self.stall_s: float = 0
        self.ends: float = 0
        self.least_bytes_per_s: float = 1
        self.count: Callable[[int], Awaitable[None]] | None = None
        self.refused: _Refused | None = None

    async def receive(self) -> Message:
        """The next part of the request."""
        if self._whole:
            return await self._receive()
        try:
            wait_s = min(self.stall_s, self.ends + self._bytes / self.least_bytes_per_s - time.monotonic())
            message = await asyncio.wait_for(self._receive(), max(wait_s, 0.001))
            if message["type"] == "http.request":
                size = len(message.get("body", b""))
                self._bytes += size
                self._whole = not message.get("more_body", False)
                if self._bytes > self.most_bytes:
                    raise _Refused(413, "The request is too large.")
                if self.count is not None:
                    await self.count(size)
        except TimeoutError as error:
            self.refused = _Refused(408, "The rest of the request did not come in time. Send it again.")
            raise self.refused from error
        except _Refused as refused:
            self.refused = refused
            raise
        return message

    async def send(self, message: Message) -> None:
        """The next part of the app's answer; nothing where the request was refused meanwhile."""
        if self.refused is not None and not self._begun:
            return
        self._begun = True
        await self._send(message)

    async def refuse(self, refused: _Refused, plain: bool) -> None:
        """Answer with a sentence, unless an answer has begun. Args: plain: as text, not as JSON with its `detail`."""
        if self._begun:
            return
        told = str(refused)
        body = (told if plain else json.dumps({"detail": told, "error": told})).encode()
        kind = b"text/plain; charset=utf-8" if plain else b"application/json"
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await self._send({"type": "http.response.start", "status": refused.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _content_length(scope: Scope) -> int:
    """Bytes that a request states to have; 0 where it states none."""
    stated = next((value for name, value in scope.get("headers", ()) if name == b"content-length"), b"0")
    return int(stated) if stated.isdigit() and len(stated) < 16 else 0
