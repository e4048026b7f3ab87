"""Map tiles for tests: a server on loopback that counts what it is asked and misbehaves on demand, and archives."""

import io
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import mercantile
import numpy as np
from PIL import Image
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

PATH = re.compile(r"/(?:(\d+)/(\d+)/(\d+)|q/([0-3]+))\.(png|jpg|webp)")

Answer = tuple[int, dict[str, str], bytes]


def picture(tile: mercantile.Tile, side_px: int = 256, kind: str = "PNG") -> bytes:
    """A tile of one colour with its number in the corners' shades: unlike its neighbours."""
    pixels = np.zeros((side_px, side_px, 3), np.uint8)
    pixels[...] = (tile.x * 37 % 256, tile.y * 59 % 256, 128)
    pixels[: side_px // 2, : side_px // 2] //= 2  # the north-western quarter is darker
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


class TileHost:
    """What the server has seen, and how it shall answer."""

    def __init__(self) -> None:
        self.asked: Counter[mercantile.Tile] = Counter()
        self.agents: set[str] = set()
        self.requests = 0
        self.answer: Callable[[TileHost, mercantile.Tile, str], Answer] = plain
        self.base = ""
        self.lock = threading.Lock()


def plain(host: TileHost, tile: mercantile.Tile, kind: str) -> Answer:
    """A picture of every tile."""
    name = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[kind]
    return 200, {"Content-Type": f"image/{kind}"}, picture(tile, kind=name)


@contextmanager
def serving() -> Iterator[TileHost]:
    """Serve on a free port of 127.0.0.1."""
    host = TileHost()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = PATH.match(self.path)
            if found is None:
                self.send_error(400)
                return
            z, x, y, quadkey, kind = found.groups()
            tile = mercantile.quadkey_to_tile(quadkey) if quadkey else mercantile.Tile(int(x), int(y), int(z))
            with host.lock:
                host.requests += 1
                host.asked[tile] += 1
                host.agents.add(self.headers.get("User-Agent", ""))
                status, headers, body = host.answer(host, tile, kind)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    host.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_pmtiles(file, tiles, kind=TileType.PNG, content=picture):
    """A PMTiles file of version 3 of the given tiles."""
    with file.open("wb") as stream:
        writer = Writer(stream)
        for tile in sorted(tiles, key=lambda each: zxy_to_tileid(each.z, each.x, each.y)):
            writer.write_tile(zxy_to_tileid(tile.z, tile.x, tile.y), content(tile))
        zooms = [tile.z for tile in tiles]
        header = {
            "tile_type": kind,
            "tile_compression": Compression.NONE,
            "min_zoom": min(zooms),
            "max_zoom": max(zooms),
            **dict.fromkeys((f"{end}_{axis}_e7" for end in ("min", "max", "center") for axis in ("lon", "lat")), 0),
            "center_zoom": 0,
        }
        writer.finalize(header, {"attribution": "CC0"})
    return file
