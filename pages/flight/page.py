"""The page that answers "which way did this flight take?": photos or a video in, one track on the map."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from pages.common import cards, maps, widgets
from pages.common.widgets import PRIVATE, QUIET, SCROLL, Values
from pages.errors import SPOKEN
from pages.flight import render
from pages.flight.components import EMPTY, PROMISE, Parts, make_parts
from pages.services.catalog import CatalogEntry, GalleryCatalog
from pages.services.flight import FlightService, FlightView

FLIGHTS: dict[str, Any] = {"concurrency_limit": 2, "concurrency_id": "flights", **PRIVATE}


def flight_page(catalog: GalleryCatalog) -> None:
    """Put the page's parts and events into the Blocks at hand."""
    parts = make_parts(catalog)
    _wire(Events(catalog, parts), parts)


class Events:
    """What the page answers to its visitor. Whatever comes in an event comes from a browser and may be anything."""

    def __init__(self, catalog: GalleryCatalog, parts: Parts) -> None:
        self.catalog = catalog
        self.parts = parts
        self.inputs = parts.inputs
        self.outputs = parts.outputs
        self._stopping: set[str] = set()  # sessions whose visitor pressed Stop

    def opening(self, remembered: Any) -> Iterator[Values]:
        """Say what answers here, as soon as it can."""
        entry, menu = self.inputs.picker.restore(remembered)
        yield menu
        yield self._before_a_flight(entry)

    def turned_to(self, remembered: Any, key: str) -> Iterator[Values]:
        """Another gallery was chosen."""
        entry, stored = self.inputs.picker.choose(remembered, key)
        yield {**stored, self.parts.head: cards.header("Loading the model…", promise=PROMISE)}
        yield {**self._before_a_flight(entry), self.outputs.details: gr.Column(visible=False)}

    def _before_a_flight(self, entry: CatalogEntry) -> Values:
        """What answers from a gallery, and where it lies; or why it cannot."""
        example = {self.inputs.example: gr.Button(visible=bool(entry.flights.example))}
        head, card, plan = self.parts.head, self.outputs.card, self.outputs.plan
        try:
            status = cards.header(entry.service.status(), "ready", PROMISE)
            page = maps.iframe(entry.service.first_map(), title="Map of the gallery")
            return {**example, head: status, card: EMPTY, plan: page}
        except SPOKEN as error:
            return {
                **example,
                head: cards.header("Not ready", "error", PROMISE),
                card: cards.trouble_card(error),
                plan: "",
            }

    def find(self, given: Values, request: gr.Request, progress=gr.Progress()) -> Iterator[Values]:  # noqa: B008
        """The track of what was dropped."""
        paths = [Path(path) for path in given[self.inputs.files] or ()]
        question, flights = self.inputs.settings.question(given), self._flights(given)
        yield from self._track(lambda step, stopped: flights.ask(paths, question, step, stopped), request, progress)

    def show_example(self, given: Values, request: gr.Request, progress=gr.Progress()) -> Iterator[Values]:  # noqa: B008
        """The track of the example flight."""
        question, flights = self.inputs.settings.question(given), self._flights(given)
        yield from self._track(lambda step, stopped: flights.ask_example(question, step, stopped), request, progress)

    def stop(self, request: gr.Request) -> None:
        """The photos that were not asked yet are left out."""
        self._stopping.add(str(request.session_hash))

    def _flights(self, given: Values) -> FlightService:
        return self.catalog.get(given[self.inputs.picker.menu]).flights

    def _track(self, ask: Callable[..., FlightView], request: gr.Request, progress: gr.Progress) -> Iterator[Values]:
        """The track that `ask` finds, or the sentence of its error; Stop may be pressed on the way."""
        session, stop = str(request.session_hash), self.inputs.stop
        self._stopping.discard(session)
        waiting = cards.message_card("Asking the photos", "The track comes when all are asked.", "waiting")
        yield {stop: gr.Button(interactive=True), self.outputs.card: waiting}

        def step(done: int, count: int) -> None:
            progress((done, count), desc="Photos asked", unit="photos")

        try:
            shown = ask(step, lambda: session in self._stopping)
            yield {**self._show_flight(shown), stop: gr.Button(interactive=False)}
        except SPOKEN as error:
            yield {stop: gr.Button(interactive=False), self.outputs.card: cards.trouble_card(error)}
        finally:
            self._stopping.discard(session)

    def _show_flight(self, shown: FlightView) -> Values:
        outputs = self.outputs
        frame = maps.iframe(shown.map_page, title="Map of the flight", basemap=shown.basemap)
        return {
            outputs.card: render.card(shown),
            outputs.plan: frame + render.legend(shown.track),
            outputs.details: gr.Column(visible=True),
            outputs.player: render.player(shown),
            outputs.chart: render.chart(shown.track),
            **widgets.text_files(outputs.downloads, "flight", {**shown.files, "html": shown.map_page}),
        }


def _wire(events: Events, parts: Parts) -> None:
    inputs, outputs = parts.inputs, parts.outputs
    menu, browser = inputs.picker.menu, inputs.picker.browser
    before = [parts.head, inputs.example, outputs.card, outputs.plan]
    answered = [inputs.stop, *outputs.all]
    asked: set[gr.blocks.Block] = {menu, *inputs.settings.given}
    widgets.page_at_hand().load(events.opening, browser, [menu, *before], **QUIET)
    menu.input(events.turned_to, [browser, menu], [browser, outputs.details, *before], **QUIET)
    inputs.ask.click(events.find, {inputs.files, *asked}, answered, show_progress_on=outputs.card, **FLIGHTS)
    inputs.example.click(events.show_example, asked, answered, show_progress_on=outputs.card, **FLIGHTS)
    gr.on([inputs.ask.click, inputs.example.click], None, None, None, js=SCROLL, **PRIVATE)
    inputs.stop.click(events.stop, None, None, queue=False, **QUIET)
