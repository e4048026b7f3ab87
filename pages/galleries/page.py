"""The page of galleries: what there is to choose, one on the map with its health, and its tiles."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from pages.common import cards, maps, static, widgets
from pages.common.gallery_map import MOST_FOOTPRINTS
from pages.errors import SPOKEN
from pages.galleries import render
from pages.galleries.build_form import BuildParts, make_build_parts, wire
from pages.gallery_picker import Choice, Remembered, choice_of
from pages.localize.components import PRIVATE, QUIET
from pages.services.catalog import CatalogEntry
from pages.services.galleries import GalleriesService
from pages.services.visitor_builds import VisitorBuilds

MAP_ID = "gallery-map"
PROMISE = "The ground that photos are searched on."
LOOKING = ("Looking at the gallery's health", "Repeated, look-alike and empty tiles, and gaps between them.")
TILE = ("No tile chosen", "Click a tile on the map to see it.")
SLOW: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": 2, "concurrency_id": "galleries", **PRIVATE}


@dataclass(frozen=True)
class Parts:
    """The page's components."""

    choice: Choice
    head: gr.HTML
    listing: gr.HTML
    plan: gr.HTML
    tile: gr.HTML
    health: gr.HTML
    own: BuildParts


def galleries_page(service: GalleriesService, builds: VisitorBuilds) -> None:
    """Put the page's parts and events into the Blocks at hand. Args: builds: makes visitors' own."""
    head = gr.HTML(cards.header("Opening the galleries…", promise=PROMISE), elem_id="head")
    listing = gr.HTML("", elem_id="galleries", js_on_load=static.text("gallery_list.js"))
    with gr.Row(elem_id="desk"):
        with gr.Column(scale=4, min_width=330, elem_id="ask"):
            choice = choice_of(service.catalog)
            health = gr.HTML(
                cards.message_card(*LOOKING, "waiting"), elem_id="health", js_on_load=static.text("gallery_health.js")
            )
            own = make_build_parts(builds)
        with gr.Column(scale=9, min_width=330, elem_id="answer"):
            plan = widgets.map_view(MAP_ID)
            tile = gr.HTML(cards.message_card(*TILE), elem_id="card")
    _events(service, builds, Parts(choice, head, listing, plan, tile, health, own))


def _events(service: GalleriesService, builds: VisitorBuilds, parts: Parts) -> None:
    choice, menu, browser = parts.choice, parts.choice.menu, parts.choice.browser

    def opening(remembered: Any) -> Iterator[dict]:
        """The galleries, and the one that this visitor chose before."""
        entry, shown = choice.opened(remembered)
        yield shown
        yield from _shown(entry, remembered)

    def turned_to(remembered: Any, key: Any) -> Iterator[dict]:
        """Another gallery was chosen."""
        entry, remember = choice.chosen(remembered, key)
        yield remember
        yield from _shown(entry, remembered)

    def of_list(remembered: Any, event: gr.EventData) -> Iterator[dict]:
        """A row of the list was chosen; what it carries comes from the browser."""
        entry = service.catalog.get(getattr(event, "key", None))
        yield {menu: choice.shown(Remembered.read(remembered), entry)}
        yield from turned_to(remembered, entry.key)

    def _shown(entry: CatalogEntry, remembered: Any) -> Iterator[dict]:
        waiting = cards.message_card(*LOOKING, "waiting")
        yield {parts.health: waiting, parts.tile: cards.message_card(*TILE), **parts.own.of(entry)}
        try:
            page = maps.iframe(service.map_page(entry.key), title="Map of the gallery") + _legend()
            yield {parts.plan: page, parts.head: cards.header(entry.title, "ready", PROMISE)}
        except SPOKEN as error:
            trouble = cards.trouble_card(error, "This gallery cannot be shown")
            yield {parts.plan: "", parts.health: trouble, parts.head: cards.header(entry.title, "error", PROMISE)}
        facts = service.facts(Remembered.read(remembered).own)
        yield {parts.listing: render.gallery_list(facts, entry.key)}

    def examined(key: Any) -> str:
        """The health of the gallery that is shown."""
        try:
            return render.health_card(service.health(key))
        except SPOKEN as error:
            return cards.trouble_card(error, "This gallery cannot be shown")

    def picked(key: Any, event: gr.EventData) -> Any:
        """A tile was clicked on the map."""
        number = widgets.picked_number(event, MOST_FOOTPRINTS)
        if number is None:
            return gr.skip()
        try:
            return render.tile_card(service.tile(key, number - 1))
        except SPOKEN as error:
            return cards.trouble_card(error)

    page = gr.context.Context.root_block
    assert page is not None
    shown = [parts.head, parts.listing, parts.plan, parts.health, parts.tile, parts.own.mine, parts.own.download]
    opened = page.load(opening, browser, [menu, *shown], **SLOW)
    turned = menu.input(turned_to, [browser, menu], [browser, *shown], **SLOW)
    of_row = parts.listing.turn(of_list, browser, [browser, menu, *shown], **SLOW)  # type: ignore[attr-defined]
    for event in (opened, turned, of_row):
        event.then(examined, menu, parts.health, **SLOW)
    parts.plan.pick(picked, menu, parts.tile, **QUIET)
    wire(builds, parts.own, choice, _shown, examined, shown, parts.health)


def _legend() -> str:
    signs = {"duplicate": "repeated", "lookalike": "looks like another place", "blank": "no detail", "gap": "gap"}
    return (
        '<p class="legend">' + "".join(f'<span class="{kind}">{text}</span>' for kind, text in signs.items()) + "</p>"
    )
