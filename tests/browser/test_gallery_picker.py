"""Several galleries in a real browser: each visitor's own choice, kept from page to page and over a reload."""

import pytest
from gradio_client import Client, handle_file
from playwright.sync_api import expect

import app
from gallery.errors import DamagedGallery
from pages.flight.page import flight_page
from pages.services.engine import Engine
from pages.services.flight import FlightService
from pages.services.locate import LocateService
from tests.helpers.small_world import catalog_of, imagery, served, service_of, write_flight, write_photo

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choice")
    return service_of(folder / "a"), service_of(folder / "b", seed=4, side_px=520)


def damaged():
    raise DamagedGallery("vectors.npy is damaged. Build it again")


@pytest.fixture(scope="module")
def address(services, tmp_path_factory):
    way = write_flight(tmp_path_factory.mktemp("way"))
    catalog = catalog_of(*services, LocateService(Engine(damaged)), flights=FlightService(services[0], way))
    with served(catalog, [app.Page("Flight", "/flight", lambda: flight_page(catalog))]) as address:
        yield address.rstrip("/")


@pytest.fixture
def visit(open_window, address):
    """Open the first page in a window of its own visitor."""

    def opened():
        page = open_window(address)
        page.goto(address)
        page.locator("#head .ready").wait_for()
        page.locator("#card .file", has_text="photo_1.jpg").wait_for()
        return page

    return opened


def turn_to(page, key):
    page.locator("#gallery input").click()
    page.get_by_role("option", name=key, exact=True).click()


def told(page, text):
    page.locator("#head", has_text=text).wait_for()


def test_a_visitor_turns_to_another_gallery_and_finds_it_again(visit, address):
    page, other = visit(), visit()
    told(page, "121 tiles")
    turn_to(page, "gallery-2")
    told(page, "100 tiles")
    page.frame_locator("#map iframe").locator(".rank").first.wait_for()
    page.locator("#examples .thumbnail-item").nth(1).click()
    page.locator("#card .file", has_text="photo_2.jpg").wait_for()
    page.goto(f"{address}/flight")
    told(page, "100 tiles")
    expect(page.locator("#example")).not_to_be_visible()  # the other gallery has the example flight
    expect(page.locator("#gallery input")).to_have_value("gallery-2")
    turn_to(page, "gallery")
    told(page, "121 tiles")
    page.locator("#example").wait_for()
    other.reload()
    told(other, "121 tiles")


def test_an_own_photo_is_asked_again_there(visit, tmp_path):
    page = visit()
    photo = write_photo(tmp_path / "mine.jpg", imagery(520, 4), 300, 53)
    page.set_input_files("#photo input[type=file]", photo)
    page.locator("#card .file", has_text="mine.jpg").wait_for()
    turn_to(page, "gallery-2")
    page.locator("#card .why", has_text="matching points agree").wait_for()
    expect(page.locator("#card .file")).to_have_text("mine.jpg")


def test_a_gallery_that_cannot_be_opened_says_so_and_the_others_still_answer(visit):
    page = visit()
    turn_to(page, "gallery-3")
    page.locator("#card .error", has_text="vectors.npy is damaged").wait_for()
    page.locator("#details").wait_for(state="hidden")
    turn_to(page, "gallery")
    page.locator("#card .file", has_text="photo_1.jpg").wait_for()
    page.locator("#details").wait_for()


def test_the_web_api_names_a_gallery(address, services):
    client = Client(address, verbose=False)

    def ask(**more):
        return client.predict(photo=handle_file(services[1].examples[0]), k=1, api_name="/localize", **more)

    assert ask(gallery="gallery-2")["exif"]["error_m"] < 20
    assert ask()["matches"] == ask(gallery="gallery")["matches"] != ask(gallery="gallery-2")["matches"]
    refused = ask(gallery="nowhere")
    assert "gallery, gallery-2, gallery-3" in refused["error"] and "matches" not in refused
