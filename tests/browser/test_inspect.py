"""The inspect page in a real browser: a report with real rows and hostile names."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

import app
from pages.inspect.page import inspect_page
from pages.services.inspection import InspectionService
from tests.helpers.hostile import HOSTILE
from tests.helpers.small_world import catalog_of, served, service_of, write_small_report

pytestmark = [pytest.mark.browser, pytest.mark.slow]

COUNT = 60


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """A service, a report, and an earlier report with more errors."""
    folder = tmp_path_factory.mktemp("inspect")
    service = service_of(folder)
    from gallery import Gallery

    gallery = Gallery.open(folder / "gallery")
    now = write_small_report(folder / "now.parquet", gallery, HOSTILE, COUNT)
    before = write_small_report(folder / "before.parquet", gallery, HOSTILE, COUNT, flipped=2)
    return service, folder, now, before


@pytest.fixture(scope="module")
def address(reports):
    service, folder, now, _ = reports
    inspection = InspectionService(service.engine, now, folder / "gallery")
    page = app.Page("Inspect", "/inspect", lambda: inspect_page(inspection, service.store))
    with served(catalog_of(service), [page]) as address:
        yield address.rstrip("/")


@pytest.fixture
def visit(open_window, address):
    """Open the inspect page at a link."""

    def opened(link="", width_px=1280, scheme="light"):
        page = open_window(address, width_px, 900, scheme)
        page.goto(f"{address}/inspect?__theme={scheme}&{link}")
        page.locator("#sight .query").wait_for()
        return page

    return opened


def names(page):
    """The ids in the table, from above."""
    return page.locator("table.queries tbody tr").evaluate_all("rows => rows.map(row => row.dataset.query)")


def counted(page, text):
    """Wait until the line above the table says so."""
    page.locator("#count", has_text=text).wait_for()


def test_filter_sort_select_and_step(visit):
    page = visit()
    expect(page.locator("table.queries tbody tr")).to_have_count(25)
    expect(page.locator("table.queries .thumb img").first).to_be_visible()
    expect(page.locator("table.queries")).to_contain_text(HOSTILE[0])  # hostile names are shown as text
    page.locator("#wrong input").check()
    page.wait_for_function("document.querySelectorAll('table.queries .mark.right').length === 0")
    page.locator("th button[data-sort=margin]").click()
    page.locator("th[aria-sort=descending]").wait_for()
    wrong = names(page)
    page.locator("table.queries tbody tr").nth(2).click()
    page.locator("#sight .file", has_text=wrong[2][:3]).wait_for()
    expect(page.locator("#sight .file")).to_have_text(wrong[2])  # the row's own query, though rows were filtered
    expect(page.locator("#sight .trio img")).to_have_count(3)
    page.keyboard.press("ArrowRight")
    page.locator("#sight .file", has_text=wrong[3][:3]).wait_for()
    page.locator("#previous").click()
    page.locator("#sight .file", has_text=wrong[2][:3]).wait_for()
    page.locator("#clear").click()
    counted(page, f"{COUNT} of {COUNT} queries")
    page.locator("button[data-page='3']").first.click()
    page.locator(".turner", has_text="page 3 of 3").wait_for()


def test_a_link_brings_back_filter_order_and_query(visit, address):
    page = visit("wrong=1&sort=-metres")
    chosen = names(page)[1]
    page.locator("table.queries tbody tr").nth(1).click()
    page.locator("#sight .file", has_text=chosen[:3]).wait_for()
    page.wait_for_function("() => new URLSearchParams(location.search).get('query')")
    link = page.url.partition("?")[2]
    again = visit(link)
    expect(again.locator("#sight .file")).to_have_text(chosen)
    assert names(again) == names(page)
    expect(again.locator("#wrong input")).to_be_checked()
    strange = visit("wrong=7&sort=beauty&query=nobody")
    expect(strange.locator("#card")).to_contain_text("does not have the query")


def test_a_lasso_filters_the_table(visit):
    page = visit()
    page.get_by_role("tab", name="Embeddings").click()
    page.locator("#cloud .keys", has_text="wrong").wait_for()
    canvas = page.locator("#cloud canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    corners = [(0.02, 0.02), (0.5, 0.02), (0.5, 0.98), (0.02, 0.98)]
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=5)
    page.mouse.up()
    counted(page, " chosen")
    chosen = int(page.locator("#count b").inner_text())
    assert 0 < chosen < COUNT
    page.locator("#wrong input").check()
    page.wait_for_function(f"() => +document.querySelector('#count b').textContent < {chosen}")


def test_every_tab_shows_the_set_and_its_parts_filter(visit):
    page = visit()
    page.locator("#slices .bar").first.wait_for()
    row = page.locator("#slices tr[data-by=condition]").first
    condition = row.get_attribute("data-slice")
    row.click()
    counted(page, f"30 of {COUNT} queries")
    expect(page.locator("table.queries tbody tr", has_text=condition)).to_have_count(25)
    page.get_by_role("tab", name="Distributions").click()
    page.locator("#charts svg").nth(2).wait_for()
    page.get_by_role("tab", name="Map of errors").click()
    page.frame_locator("#error-map iframe").locator("canvas").first.wait_for()
    pair = page.locator("#confused tr[data-true]").first
    assert pair.get_attribute("data-true") in HOSTILE
    pair.click()
    counted(page, " chosen")


def test_two_reports_are_compared(visit, reports):
    page = visit()
    page.get_by_role("tab", name="Compare").click()
    page.set_input_files("#second input[type=file]", reports[3])
    page.locator("#comparison button[data-change=fixed]").click()
    page.locator("th button[data-sort=rank_change]").wait_for()
    page.wait_for_function("document.querySelectorAll('table.queries .mark.wrong').length === 0")
    page.locator("table.queries tbody tr").nth(1).click()
    page.locator("#earlier ol.ranked").wait_for()
    page.get_by_label("Clear").or_(page.get_by_label("Remove")).first.click()
    page.set_input_files("#second input[type=file]", {"name": "no.parquet", "mimeType": "", "buffer": b"no report"})
    page.locator("#comparison .error", has_text="no readable Parquet file").wait_for()


def test_what_is_shown_is_taken_away(visit):
    page = visit("wrong=1")
    count = int(page.locator("#count b").inner_text())
    with page.expect_download() as download:
        page.locator("#take-geojson").click()
    features = json.loads(Path(download.value.path()).read_text("utf-8"))["features"]
    assert len(features) == count
    with page.expect_download() as download:
        page.locator("#take-zip").click()
    assert download.value.suggested_filename == "figures.zip"


def test_a_photo_of_the_first_page_is_inspected(open_window, address):
    page = open_window(address)
    page.goto(address)
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Inspect this photo").click()
    fresh = opened.value
    fresh.locator("#sight .query h3", has_text="by the photo's EXIF").wait_for()
    expect(fresh.locator("#sight .trio img")).to_have_count(3)
    fresh.locator("#sight .fit summary").click()
    fresh.locator("#sight .fit input").press("Home")
    assert fresh.locator("#sight .compare").evaluate("part => part.style.getPropertyValue('--at')") == "0%"
    fresh.get_by_label("What the network sees").check()
    fresh.locator("#sight", has_text="64 pixels square").wait_for()
    fresh.reload()
    fresh.locator("#sight .query h3", has_text="by the photo's EXIF").wait_for()
    fresh.goto(f"{address}/inspect?photo=nobody")
    fresh.locator("#card .error", has_text="not kept any more").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scroll(visit, scheme):
    page = visit(width_px=390, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
