"""Imagery of a tile server (XYZ or TMS), fetched politely into an archive: what is there is not asked for again."""

import hashlib
import re
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import mercantile
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from gallery.errors import SourceError
from gallery.geo import Bounds
from gallery.imagery.mbtiles import Archive, OnTile, is_taken_over, unfinished_name
from gallery.imagery.xyz import MAX_TILE_BYTES, TileRange, picture_format, ranges_of

USER_AGENT = "mean-locator/0.1 (builds a gallery of the imagery within stated bounds)"

MOST_TILES = 100_000
"""Most tiles that are asked of one server: at 4 a second, these take seven hours."""

CONNECTIONS = 4

TIMEOUT_S = (10, 30)  # to connect, and between two bytes

RETRY = Retry(
    total=6,
    redirect=3,
    backoff_factor=0.5,
    backoff_max=60,
    backoff_jitter=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    retry_after_max=600,
    raise_on_status=False,
)
"""How often a tile is asked for again: after 1, 2, 4 seconds and more, or as the server asks by Retry-After."""

REFUSALS = (401, 402, 403)

ABSENT = (204, 404, 410)
"""Answers that say that there is no such tile."""

KEPT = "What was fetched is kept: the same command goes on."

_NAMES = re.compile(r"\{([^}]*)\}")


@dataclass(frozen=True)
class TileServer:
    """Where a server's tiles are found.

    Raises:
        SourceError: the template is no address of tiles.
    """

    template: str  # https://host/{z}/{x}/{y}.png; {-y} counts from the south, {q} is a quadkey

    def __post_init__(self) -> None:
        names = set(_NAMES.findall(self.template))
        host = urlsplit(self.template).hostname
        if urlsplit(self.template).scheme not in ("http", "https") or not host or "{" in host:
            raise SourceError(
                f"{self.public} is no address of tiles: give one like https://host/{{z}}/{{x}}/{{y}}.png, with the "
                "name of one server (no {s})."
            )
        if names not in ({"q"}, {"z", "x", "y"}, {"z", "x", "-y"}):
            raise SourceError(f"{self.public} needs {{z}}, {{x}} and {{y}} (or {{-y}}), or {{q}}, and no other braces.")

    @property
    def host(self) -> str:
        """The server's name."""
        return str(urlsplit(self.template).hostname)

    @property
    def public(self) -> str:
        """The template without what may be a key."""
        parts = urlsplit(self.template)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def address(self, tile: mercantile.Tile, tms: bool = False) -> str:
        """Where a tile is. Args: tms: {y} counts from the south."""
        south = 2**tile.z - 1 - tile.y
        values = {"z": tile.z, "x": tile.x, "y": south if tms else tile.y, "-y": south, "q": mercantile.quadkey(tile)}
        return _NAMES.sub(lambda name: str(values[name[1]]), self.template)


@dataclass(frozen=True)
class FetchJob:
    """What is fetched of a server."""

    server: TileServer
    bounds: Bounds
    zoom: int
    licence: str  # of the imagery, in words
    rate: float = 4.0  # tiles a second at most
    tms: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.zoom <= 24:
            raise SourceError(f"A zoom of {self.zoom} is not between 0 and 24.")
        if not 0 < self.rate <= 100:
            raise SourceError(f"A rate of {self.rate:g} tiles a second is not between 0 and 100.")
        count = sum(tiles.count for tiles in ranges_of(self.bounds, self.zoom))
        if count > MOST_TILES:
            raise SourceError(
                f"{count:,} tiles of zoom {self.zoom} lie within the bounds, more than the {MOST_TILES:,} that are "
                "asked of one server. Name smaller bounds or a smaller zoom."
            )


def fetch(order: FetchJob, folder: Path, earlier: Path, on_tile: OnTile | None = None) -> list[Path]:
    """The archives of an order, one for each side of the 180th meridian. Stopped at any moment, the same call goes on.

    Args:
        folder: where the archives are put.
        earlier: the same folder of an older gallery: archives in it serve as they are, and tiles in it are not asked
            for again.
        on_tile: told after each tile.

    Raises:
        SourceError: the server refuses, gives no pictures, has none there, or does not answer any more.
    """
    ranges = ranges_of(order.bounds, order.zoom)
    total, before = sum(tiles.count for tiles in ranges), 0
    archives = []
    for tiles in ranges:
        stem, name = _names(order, tiles)
        if is_taken_over(earlier, folder / name) or _filled(
            folder / name, order, tiles, sorted(earlier.glob(f"{stem}-*.mbtiles")), before, total, on_tile
        ):
            archives.append(folder / name)
        before += tiles.count
    if not archives:
        raise SourceError(f"{order.server.host} has no tiles of zoom {order.zoom} within the bounds.")
    return archives


def _filled(
    file: Path,
    order: FetchJob,
    tiles: TileRange,
    others: Sequence[Path],
    before: int,
    total: int,
    on_tile: OnTile | None,
) -> bool:
    """Fetch what is not there yet into an archive. Returns: whether the server has any of the tiles."""
    if file.is_file():
        return True
    with Archive(unfinished_name(file)) as archive:
        for other in others:
            archive.take_over(other, tiles)
        known = archive.known()
        wanted = [tile for tile in tiles if tile not in known]
        for count, (tile, picture) in enumerate(_fetched(order, wanted), before + tiles.count - len(wanted) + 1):
            archive.put(tile, picture)
            if on_tile is not None:
                on_tile(count, total)
        if not len(archive):
            return False
        archive.describe(order.licence)
    unfinished_name(file).replace(file)
    return True


def _names(order: FetchJob, tiles: TileRange) -> tuple[str, str]:
    """How archives of this server and zoom begin, and the name of the one of these tiles."""
    server = hashlib.sha256(f"{order.server.template} {order.tms}".encode()).hexdigest()[:8]
    stem = f"{re.sub(r'[^A-Za-z0-9.-]', '_', order.server.host)}-z{order.zoom}-{server}"
    return stem, f"{stem}-{tiles.left}_{tiles.top}_{tiles.right}_{tiles.bottom}.mbtiles"


def _fetched(order: FetchJob, wanted: Sequence[mercantile.Tile]) -> Iterator[tuple[mercantile.Tile, bytes | None]]:
    """Tiles in their order, None for one that the server does not have, no more a second than the order allows."""
    running: deque[tuple[mercantile.Tile, Future[bytes | None]]] = deque()
    workers = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="tiles")
    with requests.Session() as session:
        session.headers["User-Agent"] = USER_AGENT
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS, max_retries=RETRY))
        due = time.monotonic()
        try:
            for tile in wanted:
                time.sleep(max(0.0, due - time.monotonic()))
                due = max(due, time.monotonic() - 1 / order.rate) + 1 / order.rate
                address = order.server.address(tile, order.tms)
                running.append((tile, workers.submit(_picture, session, address, order.server.host)))
                if len(running) == CONNECTIONS:
                    yield _result(running.popleft())
            while running:
                yield _result(running.popleft())
        finally:
            workers.shutdown(wait=False, cancel_futures=True)


def _result(asked: tuple[mercantile.Tile, Future[bytes | None]]) -> tuple[mercantile.Tile, bytes | None]:
    return asked[0], asked[1].result()


def _picture(session: requests.Session, address: str, host: str) -> bytes | None:
    """One tile; None where the server has none."""
    try:
        with session.get(address, timeout=TIMEOUT_S, stream=True) as answer:
            if answer.status_code in ABSENT:
                return None
            if answer.status_code in REFUSALS:
                raise SourceError(f"{host} refuses its tiles ({answer.status_code}): check the address and its key.")
            if answer.status_code != requests.codes.ok:
                raise SourceError(f"{host} answers {answer.status_code} again and again. {KEPT}")
            data: bytes = answer.raw.read(MAX_TILE_BYTES + 1, decode_content=True)
    except (requests.RequestException, HTTPError, OSError) as error:
        raise SourceError(f"{host} does not answer any more. {KEPT}") from error
    if not data:
        return None
    picture_format(data, host)
    return data
