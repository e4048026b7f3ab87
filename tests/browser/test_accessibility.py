"""Every page, light and dark, as axe-core judges it: nothing that keeps somebody from using it."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

import app
from pages.flight.page import flight_page
from pages.galleries.page import galleries_page
from pages.inspect.page import inspect_page
from pages.services.galleries import GalleriesService
from pages.services.inspection import InspectionService
from pages.services.visitor_builds import VisitorBuilds
from tests.helpers.small_world import catalog_of, served, service_of, write_small_report

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KEEPS_SOMEBODY_OUT = ("critical", "serious")
READY = {
    "": "#card .places",
    "flight": "#find",
    "galleries": "#health h3",
    "inspect": "#sight .query",
}
"""What each page shows when it is ready."""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    from gallery import Gallery

    folder = tmp_path_factory.mktemp("accessible")
    service = service_of(folder)
    catalog = catalog_of(service)
    report = write_small_report(folder / "report.parquet", Gallery.open(folder / "gallery"), ["q1", "q2"], 30)
    inspection = InspectionService(service.engine, report, folder / "gallery")
    pages = [
        app.Page("Flight", "/flight", lambda: flight_page(catalog)),
        app.Page("Galleries", "/galleries", lambda: galleries_page(GalleriesService(catalog), VisitorBuilds(catalog))),
        app.Page("Inspect", "/inspect", lambda: inspect_page(inspection, service.store)),
    ]
    with served(catalog, pages) as address:
        yield address.rstrip("/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", READY)
def test_nothing_keeps_somebody_out(open_window, address, path, scheme):
    page = open_window(address, scheme=scheme)
    page.goto(f"{address}/{path}?__theme={scheme}")
    page.locator(READY[path]).first.wait_for()
    title = f"{path.capitalize()} – Drone-photo locator" if path else "Drone-photo locator"
    expect(page).to_have_title(title)
    page.wait_for_timeout(500)  # colours of buttons are drawn over some 200 ms
    found = Axe().run(page).response["violations"]
    faults = {fault["id"]: fault["nodes"][0]["target"] for fault in found if fault["impact"] in KEEPS_SOMEBODY_OUT}
    assert faults == {}


def test_groups_are_named_and_the_map_is_one_stop(open_window, address):
    page = open_window(address)
    page.goto(address)
    page.locator(READY[""]).wait_for()
    page.get_by_text("Search settings").click()
    expect(page.get_by_role("radiogroup", name="Search in")).to_be_visible()
    inside = page.frame_locator("#map iframe")
    inside.locator(".rank").first.wait_for()
    expect(inside.locator("[tabindex='0'], a[href]:not([tabindex='-1'])")).to_have_count(1)
    inside.locator(".leaflet-container").press("n")
    inside.locator(".leaflet-popup", has_text="Match 1").wait_for()
    page.locator("#strip .thumbnail-item.selected").first.wait_for()
