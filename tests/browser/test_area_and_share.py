"""The area to search drawn on the map or found by name, the curtain at full size, and an answer as one page."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from playwright.sync_api import expect

from tests.helpers.small_world import NORTH_DEG, WEST_DEG, catalog_of, served, service_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PLACES = [
    {"display_name": "<img src=x onerror=hit()> Field", "lon": str(WEST_DEG + 0.003), "lat": str(NORTH_DEG - 0.003)},
    {"display_name": "Far away", "lon": "50", "lat": "50"},
]


class Geocoder(BaseHTTPRequestHandler):
    """Answers as Nominatim does."""

    asked: list[str] = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(PLACES).encode())

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    server = HTTPServer(("127.0.0.1", 0), Geocoder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEAN_GEOCODER", f"http://127.0.0.1:{server.server_port}/search?format=json&q={{q}}")
        with served(catalog_of(service_of(tmp_path_factory.mktemp("area")))) as address:
            yield address
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(open_window, address):
    page = open_window(address)
    page.goto(address)
    page.locator("#card .file", has_text="photo_1.jpg").wait_for()
    return page


def on_map(page):
    return page.frame_locator("#map iframe")


def searched(page):
    """Wait until an area is drawn that was searched."""
    on_map(page).locator("path[stroke='#a78bfa']").first.wait_for(state="attached")


def test_an_area_is_drawn_with_the_mouse(page):
    on_map(page).locator("a.draw").click()
    box = page.locator("#map iframe").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 10, steps=4)
    page.mouse.up()
    page.locator("#card .file", has_text="photo_1.jpg").wait_for()
    page.get_by_text("Search settings").click()
    expect(page.get_by_label("Near a point")).to_be_checked()
    searched(page)
    expect(page).to_have_url(re.compile(r"\?answer=[\w-]+$"))  # a place never stands in the address


def test_a_place_is_found_by_name_and_its_name_is_text(page):
    page.get_by_text("Search settings").click()
    page.get_by_label("Place or address").fill("a field & more")
    assert not Geocoder.asked
    page.get_by_label("Place or address").press("Enter")
    expect(page.locator("#hits input")).to_have_value(PLACES[0]["display_name"])
    searched(page)
    assert Geocoder.asked == ["/search?format=json&q=a%20field%20%26%20more"]


def test_the_curtain_fills_the_screen_and_an_answer_travels_as_one_page(page, open_window, tmp_path):
    page.locator("#fit summary").click()
    small = page.locator(".compare").bounding_box()["width"]
    page.locator("button.full").click()
    page.wait_for_function("small => document.querySelector('.compare').clientWidth > small", arg=small)
    page.locator("#fit").get_by_role("slider").press("End")
    page.locator("button.full").click()
    with page.expect_download() as download:
        page.locator("#download-page-html").click()
    assert download.value.suggested_filename == "photo_1-answer.page.html"
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.stat().st_size < 1_000_000 and "<script" not in file.read_text("utf-8")
    shared = open_window(file.as_uri())
    shared.goto(file.as_uri())
    expect(shared.locator("figure img")).to_have_count(4)
    assert shared.evaluate("[...document.images].every(image => image.naturalWidth > 50)")
    expect(shared.locator("h1")).to_contain_text("°")
