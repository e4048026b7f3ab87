"""What the first page shows has an address: links, Back and reload bring it back; several photos open one by one."""

import re
import threading

import pytest
from playwright.sync_api import expect

from tests.helpers.small_world import catalog_of, imagery, served, service_of, write_photo

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    return service_of(tmp_path_factory.mktemp("addresses"))


@pytest.fixture(scope="module")
def address(service):
    with served(catalog_of(service)) as address:
        yield address


@pytest.fixture
def page(open_window, address):
    page = open_window(address)
    page.goto(address)
    about(page, "photo_1.jpg")
    return page


def about(page, name):
    page.locator("#card .file", has_text=name).wait_for()


def test_an_example_and_an_own_answer_come_back_by_back_and_reload(page, address, tmp_path):
    assert page.url == address
    page.locator("#examples .thumbnail-item").nth(2).click()
    about(page, "photo_3.jpg")
    expect(page).to_have_url(f"{address}?example=photo_3")
    page.set_input_files("#photo input[type=file]", write_photo(tmp_path / "own.jpg", imagery(600), 200, 300))
    about(page, "own.jpg")
    expect(page).to_have_url(re.compile(r"\?answer=[\w-]{20,}$"))
    expect(page.locator("#card .links")).to_contain_text("For an hour")
    own = page.url
    page.go_back()
    about(page, "photo_3.jpg")
    expect(page).to_have_url(f"{address}?example=photo_3")
    page.go_back()
    about(page, "photo_1.jpg")
    page.goto(own)
    about(page, "own.jpg")
    expect(page.locator("#photo img")).to_have_count(1)
    page.get_by_text("Search settings").click()
    page.get_by_label("As it is").check()  # what came back is asked again with another setting
    expect(page).not_to_have_url(own)
    about(page, "own.jpg")
    page.goto(f"{address}?answer=nobody")
    page.locator("#card", has_text="not kept any more").wait_for()


def test_settings_stand_in_the_address(page, address):
    page.goto(f"{address}?example=photo_2&k=3&turn=none")
    about(page, "photo_2.jpg")
    expect(page.locator("#strip .thumbnail-item")).to_have_count(3)
    page.get_by_text("Search settings").click()
    expect(page.get_by_label("As it is")).to_be_checked()
    page.get_by_label("By its stated pose").check()
    expect(page).to_have_url(f"{address}?example=photo_2&k=3")


def test_each_of_several_photos_opens_its_own_answer(page, service):
    page.get_by_role("tab", name="Several photos").click()
    page.set_input_files("#files input[type=file]", service.examples[:3])
    page.locator("#card h3", has_text="3 photos answered").wait_for()
    expect(page).to_have_url(re.compile(r"\?answers=[\w-]{20,}$"))
    together = page.url
    page.locator("#table").get_by_text("photo_2.jpg").locator("visible=true").first.click()
    about(page, "photo_2.jpg")
    expect(page).to_have_url(re.compile(r"\?answer=[\w-]+\.2$"))
    page.get_by_role("link", name="Back to all photos").click()
    page.locator("#card h3", has_text="3 photos answered").wait_for()
    expect(page).to_have_url(together)
    page.reload()
    page.locator("#card h3", has_text="3 photos answered").wait_for()


def test_stop_ends_one_photo_and_keeps_what_was_answered_of_many(page, service, monkeypatch):
    locate, held = service._locate, []

    def slow(source, question):
        from gallery.interruption import stop_if_asked

        held.append(source)
        if len(held) > first:
            while True:  # until it is stopped
                stop_if_asked()
                page_pause.wait(0.01)
        return locate(source, question)

    page_pause, first = threading.Event(), 0
    monkeypatch.setattr(service, "_locate", slow)
    page.locator("#examples .thumbnail-item").nth(1).click()
    page.locator("#stop").click()
    page.locator("#card h3", has_text="Stopped").wait_for()
    expect(page.locator("#stop")).to_be_hidden()
    first = 2
    held.clear()
    page.get_by_role("tab", name="Several photos").click()
    page.set_input_files("#files input[type=file]", service.examples)
    page.locator("#card", has_text=re.compile("2/4")).wait_for()
    page.locator("#stop").click()
    page.locator("#card", has_text="2 photos were not asked").wait_for()
    expect(page.locator("#card h3")).to_contain_text("2 photos answered")
