"""An answer as one page: everything is in it, nothing runs, text from files stays text."""

from dataclasses import replace

import pytest

from pages.localize.share import shared_page
from pages.services.question import PhotoQuestion
from tests.helpers.hostile import HOSTILE, outside_addresses
from tests.helpers.small_world import service_of


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    service = service_of(tmp_path_factory.mktemp("share"))
    service.engine.start()
    assert service.engine.settle(60)
    return service.ask(service.examples[0], PhotoQuestion(k=2))


def test_it_says_where_with_pictures_and_asks_no_host(shown):
    page = shared_page(shown)
    assert page.count("<img ") == 4 and page.count("<tr>") == 3 and "photo_1.jpg" in page
    assert [address for address in outside_addresses(page) if "www.openstreetmap.org/?mlat" not in address] == []
    assert "<script" not in page


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(shown, name):
    match = shown.answer.matches[0]
    answer = replace(
        shown.answer, photo=name, notes=(name,), matches=(replace(match, tile=replace(match.tile, id=name)),)
    )
    page = shared_page(replace(shown, answer=answer))
    assert name not in page or "<" not in name
