"""A tile server's imagery, asked of a real server on loopback: politely, once, and resumed after every fault."""

import os
import signal
import subprocess
import sys
import time

import mercantile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.errors import SourceError
from gallery.geo import Bounds, LonLat, distance_m
from gallery.imagery import xyz_server as module
from gallery.imagery.raster import Raster
from gallery.imagery.xyz import ranges_of
from gallery.imagery.xyz_server import MOST_TILES, FetchJob, TileServer, fetch
from gallery.tiles import Window
from tests.helpers import ROOT
from tests.helpers.tile_host import picture, serving

ZOOM = 17
CORNER = mercantile.Tile(70000, 45000, ZOOM)


def box(columns=3, rows=2, corner=CORNER) -> Bounds:
    """The bounds of so many tiles from the corner."""
    upper = mercantile.bounds(corner)
    lower = mercantile.bounds(corner.x + columns - 1, corner.y + rows - 1, corner.z)
    return Bounds(upper.west, lower.south, lower.east, upper.north)


@pytest.fixture
def host():
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Retries wait next to nothing."""
    monkeypatch.setattr(module, "RETRY", module.RETRY.new(backoff_factor=0.001, backoff_jitter=0, total=3))


def order(host, path="/{z}/{x}/{y}.png", bounds=None, **options):
    return FetchJob(TileServer(host.base + path), bounds or box(), ZOOM, "CC0", **{"rate": 100.0, **options})


def fetched(tmp_path, wanted, **options):
    return fetch(wanted, tmp_path / "g.building" / "imagery", tmp_path / "g" / "imagery", **options)


def test_the_archive_shows_each_tile_in_its_place(host, tmp_path):
    told = []
    (file,) = fetched(tmp_path, order(host), on_tile=lambda done, total: told.append((done, total)))
    assert told == [(count, 6) for count in range(1, 7)]
    assert sum(host.asked.values()) == 6 and host.agents == {module.USER_AGENT} and "mean-locator" in module.USER_AGENT
    with Raster(file) as raster:
        assert (raster.width_px, raster.height_px) == (768, 512)
        west, _, _, north = mercantile.bounds(CORNER)
        assert distance_m(raster.lonlat(0, 0), LonLat(west, north)) < 0.1
        for tile in host.asked:
            window = Window((tile.x - CORNER.x) * 256 + 192, (tile.y - CORNER.y) * 256 + 192, 32, 32)
            assert raster.image(window, 32).getpixel((5, 5)) == (tile.x * 37 % 256, tile.y * 59 % 256, 128)


@pytest.mark.parametrize(
    ("path", "tms"),
    [
        ("/{z}/{x}/{y}.jpg", False),
        ("/{z}/{x}/{y}.webp", False),
        ("/q/{q}.png", False),
        ("/{z}/{x}/{-y}.png", False),
        ("/{z}/{x}/{y}.png", True),
    ],
)
def test_other_formats_and_ways_to_count(host, tmp_path, path, tms):
    if tms or "{-y}" in path:
        south = host.answer
        host.answer = lambda host, tile, kind: south(
            host, mercantile.Tile(tile.x, 2**tile.z - 1 - tile.y, tile.z), kind
        )
    (file,) = fetched(tmp_path, order(host, path, tms=tms))
    with Raster(file) as raster:
        seen = np.asarray(raster.image(Window(192, 192, 32, 32), 32)).mean(axis=(0, 1))
        assert seen == pytest.approx((CORNER.x * 37 % 256, CORNER.y * 59 % 256, 128), abs=4)
        assert raster.data_share(Window(0, 0, 768, 512)) == 1


def test_tiles_of_512_pixels_are_twice_as_fine(host, tmp_path):
    host.answer = lambda host, tile, kind: (200, {}, picture(tile, 512))
    (file,) = fetched(tmp_path, order(host))
    with Raster(file) as raster:
        assert (raster.width_px, raster.height_px) == (1536, 1024)
        assert (
            distance_m(raster.lonlat(0, 0), LonLat(mercantile.bounds(CORNER).west, mercantile.bounds(CORNER).north))
            < 0.1
        )


def test_absent_tiles_are_holes_and_are_asked_once(host, tmp_path):
    gone = mercantile.Tile(CORNER.x + 1, CORNER.y, ZOOM)
    whole = host.answer
    host.answer = lambda host, tile, kind: (404, {}, b"none") if tile == gone else whole(host, tile, kind)
    (file,) = fetched(tmp_path, order(host))
    with Raster(file) as raster:
        assert raster.data_share(Window(256, 0, 256, 256)) == 0 and raster.data_share(Window(0, 0, 256, 256)) == 1
    fetched(tmp_path, order(host))
    assert set(host.asked.values()) == {1}


def test_nothing_there_is_an_error(host, tmp_path):
    host.answer = lambda host, tile, kind: (404, {}, b"")
    with pytest.raises(SourceError, match="no tiles of zoom 17 within the bounds"):
        fetched(tmp_path, order(host))


def test_a_server_that_fails_every_third_request(host, tmp_path):
    whole = host.answer

    def flaky(host, tile, kind):
        return (503, {}, b"busy") if host.requests % 3 == 0 else whole(host, tile, kind)

    host.answer = flaky
    (file,) = fetched(tmp_path, order(host, bounds=box(5, 4)))
    with Raster(file) as raster:
        assert raster.data_share(Window(0, 0, raster.width_px, raster.height_px)) == 1
    assert host.requests > 20 and len(host.asked) == 20


def test_the_server_says_how_long_to_wait(host, tmp_path):
    whole, times = host.answer, []

    def limited(host, tile, kind):
        times.append(time.monotonic())
        return (429, {"Retry-After": "1"}, b"") if host.requests == 1 else whole(host, tile, kind)

    host.answer = limited
    fetched(tmp_path, order(host, bounds=box(1, 1)))
    assert len(times) == 2 and times[1] - times[0] >= 1


def test_a_server_that_is_gone_leaves_what_was_fetched(host, tmp_path):
    whole = host.answer
    host.answer = lambda host, tile, kind: (500, {}, b"") if tile.y > CORNER.y else whole(host, tile, kind)
    with pytest.raises(SourceError, match=r"answers 500 again and again.*same command goes on"):
        fetched(tmp_path, order(host))
    assert not list((tmp_path / "g.building" / "imagery").glob("127*")), "an unfinished archive is not taken for one"
    host.answer = whole
    fetched(tmp_path, order(host))
    assert len(host.asked) == 6 and all(host.asked[tile] == 1 for tile in host.asked if tile.y == CORNER.y)


def test_nobody_answers(tmp_path):
    with serving() as host:
        wanted = order(host)
    with pytest.raises(SourceError, match="does not answer any more"):
        fetched(tmp_path, wanted)


def test_a_damaged_tile_is_not_kept(host, tmp_path):
    whole = host.answer

    def cut(host, tile, kind):
        status, headers, body = whole(host, tile, kind)
        return status, headers, body[:60] if host.requests == 2 else body

    host.answer = cut
    with pytest.raises(SourceError, match="damaged"):
        fetched(tmp_path, order(host))


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ((200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html>Sign in</html>"), "a page instead of a picture"),
        ((200, {}, b"\x00" * 100), "no pictures"),
        ((403, {}, b""), r"refuses its tiles \(403\)"),
        ((200, {}, b"x" * 8_000_001), "8 MB"),
        ((200, {}, picture(CORNER, kind="GIF")), "as GIF"),
        ((200, {}, picture(CORNER, 4096)), "4096 x 4096"),
        ((418, {}, b""), "418"),
    ],
)
def test_what_is_no_tile_is_told_in_a_sentence(host, tmp_path, answer, complaint):
    host.answer = lambda host, tile, kind: answer
    with pytest.raises(SourceError, match=complaint):
        fetched(tmp_path, order(host))


def test_no_more_a_second_than_allowed(host, tmp_path):
    begun = time.monotonic()
    fetched(tmp_path, order(host, rate=20.0))
    assert time.monotonic() - begun >= 5 / 20


def test_larger_bounds_ask_only_for_what_is_new(host, tmp_path):
    (small,) = fetched(tmp_path, order(host, bounds=box(2, 2)))
    earlier = tmp_path / "g" / "imagery"
    earlier.mkdir(parents=True)
    small.rename(earlier / small.name)
    (large,) = fetched(tmp_path, order(host, bounds=box(3, 3)))
    assert len(host.asked) == 9 and set(host.asked.values()) == {1}
    (again,) = fetched(tmp_path, order(host, bounds=box(2, 2)))
    assert again.read_bytes() == (earlier / small.name).read_bytes() and set(host.asked.values()) == {1}
    with Raster(large) as raster:
        assert raster.data_share(Window(0, 0, 768, 768)) == 1


KILLED = """
import sys
from pathlib import Path
from gallery.geo import Bounds
from gallery.imagery.xyz_server import FetchJob, TileServer, fetch
job = FetchJob(TileServer({template!r}), Bounds(*{bounds!r}), {zoom}, "CC0", 40.0)
fetch(job, Path({folder!r}), Path({folder!r}) / "none", lambda done, total: print(done, flush=True))
"""


@pytest.mark.process
def test_killed_in_the_middle_it_asks_for_nothing_twice(host, tmp_path):
    wanted = order(host, bounds=box(8, 8))
    folder = tmp_path / "g.building" / "imagery"
    code = KILLED.format(template=wanted.server.template, bounds=wanted.bounds.as_list(), zoom=ZOOM, folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    while int(process.stdout.readline()) < 10:
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    time.sleep(0.1)
    asked = sum(host.asked.values())
    assert 10 <= asked < 40
    fetched(tmp_path, wanted)
    assert len(host.asked) == 64
    assert sum(host.asked.values()) <= 64 + module.CONNECTIONS, "only what was on its way is asked for again"


def test_across_the_antimeridian_there_are_two_archives(host, tmp_path):
    last = 2**ZOOM - 1
    west = mercantile.bounds(last - 1, CORNER.y, ZOOM)
    bounds = Bounds(west.west, west.south, mercantile.bounds(0, CORNER.y, ZOOM).east, west.north)
    files = fetched(tmp_path, order(host, bounds=bounds))
    assert len(files) == 2 and {tile.x for tile in host.asked} == {last - 1, last, 0}


ZOOMS = st.integers(8, 16)
MICRODEGREES = st.integers(100, 500_000)


@given(st.integers(-179_000_000, 178_000_000), st.integers(-80_000_000, 79_000_000), MICRODEGREES, MICRODEGREES, ZOOMS)
def test_ranges_are_what_mercantile_lists(west, south, width, height, zoom):
    bounds = Bounds(west / 1e6, south / 1e6, (west + width) / 1e6, (south + height) / 1e6)
    (tiles,) = ranges_of(bounds, zoom)
    assert set(tiles) == set(mercantile.tiles(*bounds.as_list(), [zoom])) and tiles.count == len(list(tiles))


@pytest.mark.parametrize(
    "template",
    [
        "https://host/{z}/{x}.png",
        "https://{s}.host/{z}/{x}/{y}.png",
        "https://host/{z}/{x}/{y}{r}.png",
        "ftp://host/{z}/{x}/{y}.png",
        "file:///etc/{z}/{x}/{y}.png",
        "https://host/tiles",
    ],
)
def test_templates_that_are_none(template):
    with pytest.raises(SourceError, match=r"give one like|needs"):
        TileServer(template)


def test_keys_are_not_shown():
    server = TileServer("https://me:word@host:8080/{z}/{x}/{y}.png?key=secret")
    assert server.public == "https://host:8080/{z}/{x}/{y}.png"
    assert server.address(CORNER) == "https://me:word@host:8080/17/70000/45000.png?key=secret"


def test_too_much_is_refused_before_anything_is_asked(host):
    with pytest.raises(SourceError, match=f"more than the {MOST_TILES:,}"):
        order(host, bounds=Bounds(0, 40, 10, 50))
    with pytest.raises(SourceError, match="rate"):
        order(host, rate=0)
    with pytest.raises(SourceError, match="zoom"):
        FetchJob(TileServer(host.base + "/{z}/{x}/{y}.png"), box(), 31, "CC0")
