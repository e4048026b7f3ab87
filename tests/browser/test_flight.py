"""The flight page in a real browser: the example on the map, play, the slider, downloads, Stop, and a phone."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

import app
from pages.flight.page import flight_page
from pages.services.flight import FlightService
from tests.helpers.small_world import catalog_of, served, service_of, write_flight

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flight")
    return FlightService(service_of(folder), write_flight(folder / "way", blank=(6,)))


@pytest.fixture(scope="module")
def address(flights):
    catalog = catalog_of(flights.service, flights=flights)
    page = app.Page("Flight", "/flight", lambda: flight_page(catalog))
    with served(catalog, [page]) as address:
        yield address.rstrip("/")


@pytest.fixture
def visit(open_window, address):
    """Open the flight page."""

    def opened(width_px=1280, scheme="light"):
        page = open_window(address, width_px, 900, scheme)
        page.goto(f"{address}/flight?__theme={scheme}")
        page.locator("#head .ready").wait_for()
        return page

    return opened


def on_map(page):
    """The inside of the map's frame."""
    return page.frame_locator("#flight-map iframe")


def number_on_map(page, text):
    on_map(page).locator(".flight-now .rank", has_text=text).wait_for()


def example(page):
    """Settings that need no network's views, and the example's track."""
    page.get_by_text("Settings", exact=True).first.click()
    page.locator("#settings input[type=number]").first.fill("4")
    page.get_by_label("As they are").check()
    page.locator("#example").click()
    page.locator("#card", has_text="10 photos on the track").wait_for()
    number_on_map(page, "1")


def test_the_example_is_played_on_the_map_and_downloaded(visit):
    page = visit()
    example(page)
    inside = on_map(page)
    dots = inside.locator("path.leaflet-interactive")  # one for each place, found and stated
    dots.nth(17).wait_for(state="attached")
    page.locator("#flight-chart svg [data-number]").nth(7).wait_for(state="attached")
    expect(page.locator("#player .shot:visible")).to_have_attribute("data-number", "1")
    expect(page.locator("#player .shot:visible")).to_contain_text("onerror")  # a hostile name is shown as text
    page.locator("#player .play").click()
    page.locator('#player .shot[data-number="3"]').wait_for(state="visible")
    page.locator("#player .play").click()
    expect(page.locator("#player .play")).to_contain_text("Play")
    page.locator("#player input").fill("8")
    number_on_map(page, "8")
    expect(page.locator("#player output")).to_have_text("8 / 10")
    page.locator('#flight-chart [data-number="2"]').dispatch_event("click")
    number_on_map(page, "2")
    inside.locator("path.leaflet-interactive").last.dispatch_event("click")
    page.locator('#player .shot[data-number="10"]').wait_for(state="visible")
    starts = {"gpx": "<?xml", "kml": "<?xml", "geojson": "{", "html": "<!DOCTYPE html>"}
    for kind, start in starts.items():
        with page.expect_download() as download:
            page.locator(f"#download-{kind}").click()
        assert download.value.suggested_filename == f"flight.{kind}"
        assert Path(download.value.path()).read_text("utf-8").startswith(start)


def test_own_photos_are_asked_and_a_bad_one_is_named(visit, flights, tmp_path):
    page = visit()
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    page.locator("#find").click()
    page.locator("#card", has_text="Choose the photos of one flight").wait_for()
    page.set_input_files("#files input[type=file]", [*flights.example[1:5], bad])
    page.locator("#files", has_text="way_04").wait_for()
    page.locator("#find").click()
    page.locator("#card", has_text="bad.jpg is text").wait_for()
    expect(page.locator("#card h3")).to_contain_text("4 photos on the track")
    expect(page.locator("#card")).to_contain_text(re.compile("--every|order of the files"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scroll(visit, scheme):
    page = visit(390, scheme)
    example(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    on_map(page).locator(f"html.{scheme}").wait_for()
