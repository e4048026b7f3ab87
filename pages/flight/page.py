"""The page that answers "which way did this flight take?": photos or a video in, one track on the map."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from pages.common import cards, maps, static, widgets
from pages.errors import SPOKEN
from pages.flight import render
from pages.gallery_picker import Choice, choice_of
from pages.localize.page import SCROLL
from pages.services.catalog import CatalogEntry, GalleryCatalog
from pages.services.flight import FlightQuestion, FlightService, FlightView
from pages.services.locate import MOST_PHOTOS

MAP_ID = "flight-map"
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUIET: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
FLIGHTS: dict[str, Any] = {"concurrency_limit": 2, "concurrency_id": "flights", **PRIVATE}
PROMISE = "Drop in a drone's flight, see which way it took."
EMPTY = (
    "No flight yet",
    "Drop the photos of one flight, or its video: what one photo gets wrong, the others put right.",
)
PLAYER = static.text("flight.js")
KINDS = {"gpx": "GPX", "kml": "KML", "geojson": "GeoJSON", "html": "Map as HTML"}


@dataclass(frozen=True)
class Parts:
    """The page's components."""

    choice: Choice
    head: gr.HTML
    files: gr.Files
    question: list[gr.Component]  # in the order of `question_of`
    ask: gr.Button
    example: gr.Button
    stop: gr.Button
    card: gr.HTML
    plan: gr.HTML
    details: gr.Column
    player: gr.HTML
    chart: gr.HTML
    downloads: dict[str, gr.DownloadButton]  # by kind of file

    @property
    def answer(self) -> list[Any]:
        """Every component that a track changes."""
        return [self.stop, self.card, self.plan, self.details, self.player, self.chart, *self.downloads.values()]


def question_of(every_s: float | None, max_speed_m_s: float, turn: str, verify: bool, basemap: bool) -> FlightQuestion:
    """The settings as one value."""
    return FlightQuestion(every_s or None, max_speed_m_s, turn, bool(verify), bool(basemap))  # type: ignore[arg-type]


def flight_page(catalog: GalleryCatalog) -> None:
    """Put the page's parts and events into the Blocks at hand."""
    head = gr.HTML(cards.header("Loading the model…", promise=PROMISE), elem_id="head")
    with gr.Row(elem_id="desk"):
        with gr.Column(scale=4, min_width=330, elem_id="ask"):
            choice = choice_of(catalog)
            asking = _asking(catalog.first.flights)
        with gr.Column(scale=9, min_width=330, elem_id="answer"):
            card, plan, details, player, chart, downloads = _answering()
    parts = Parts(choice, head, *asking, card, plan, details, player, chart, downloads)
    _events(catalog, parts)


def _asking(service: FlightService) -> tuple[gr.Files, list[gr.Component], gr.Button, gr.Button, gr.Button]:
    example = gr.Button("Show the example flight", variant="primary", visible=bool(service.example), elem_id="example")
    files = gr.Files(label=f"Photos of one flight, up to {MOST_PHOTOS}, or one video", height=260, elem_id="files")
    with gr.Row():
        ask = gr.Button("Find the way", variant="secondary", elem_id="find")
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="stop")
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        every_s = gr.Number(
            0,
            label="Seconds between photos",
            info="0: by the times that the photos state; of a video, one frame every 4 seconds.",
            minimum=0,
        )
        speed = gr.Slider(1, 60, value=20, step=1, label="Greatest speed, metres a second")
        turn = gr.Radio(
            [("By their stated pose", "heading"), ("Guess their pose", "guessed"), ("As they are", "none")],
            value="heading",
            label="Turn the photos",
        )
        verify = gr.Checkbox(label="Check by geometry: finer, a second or two for each photo", value=True)
        basemap = gr.Checkbox(label="Street background from openstreetmap.org", value=False)
    return files, [every_s, speed, turn, verify, basemap], ask, example, stop


def _answering() -> tuple[gr.HTML, gr.HTML, gr.Column, gr.HTML, gr.HTML, dict[str, gr.DownloadButton]]:
    card = gr.HTML(cards.message_card(*EMPTY), elem_id="card")
    plan = widgets.map_view(MAP_ID)
    with gr.Column(visible=False, elem_id="details") as details:
        with gr.Row(elem_id="flight-parts"):
            player = gr.HTML("", elem_id="player", js_on_load=PLAYER)
            chart = gr.HTML("", elem_id="flight-chart")
        with gr.Row(elem_id="downloads"):
            downloads = {
                kind: gr.DownloadButton(f"↓ {label}", size="sm", min_width=80, elem_id=f"download-{kind}")
                for kind, label in KINDS.items()
            }
    return card, plan, details, player, chart, downloads


def _events(catalog: GalleryCatalog, parts: Parts) -> None:
    stopping: set[str] = set()  # sessions whose visitor pressed Stop

    def opening(remembered: Any) -> Iterator[dict]:
        """Say what answers here, as soon as it can."""
        entry, menu = parts.choice.opened(remembered)
        yield menu
        yield _told_of(entry)

    def turned_to(remembered: Any, key: str) -> Iterator[dict]:
        """Another gallery was chosen."""
        entry, remember = parts.choice.chosen(remembered, key)
        yield {**remember, parts.head: cards.header("Loading the model…", promise=PROMISE)}
        yield {**_told_of(entry), parts.details: gr.Column(visible=False)}

    def _told_of(entry: CatalogEntry) -> dict:
        example = {parts.example: gr.Button(visible=bool(entry.flights.example))}
        try:
            status = cards.header(entry.service.status(), "ready", PROMISE)
            plan = maps.iframe(entry.service.first_map(), title="Map of the gallery")
            return {**example, parts.head: status, parts.card: cards.message_card(*EMPTY), parts.plan: plan}
        except SPOKEN as error:
            head = cards.header("Not ready", "error", PROMISE)
            return {**example, parts.head: head, parts.card: cards.trouble_card(error), parts.plan: ""}

    def answered(ask: Callable[..., FlightView], request: gr.Request, progress: gr.Progress) -> Iterator[dict]:
        """The track that `ask` finds, or the sentence of its error; Stop may be pressed on the way."""
        session = str(request.session_hash)
        stopping.discard(session)
        waiting = cards.message_card("Asking the photos", "The track comes when all are asked.", "waiting")
        yield {parts.stop: gr.Button(interactive=True), parts.card: waiting}

        def step(done: int, count: int) -> None:
            progress((done, count), desc="Photos asked", unit="photos")

        try:
            shown = ask(step, lambda: session in stopping)
            yield {**_shown(parts, shown), parts.stop: gr.Button(interactive=False)}
        except SPOKEN as error:
            yield {parts.stop: gr.Button(interactive=False), parts.card: cards.trouble_card(error)}
        finally:
            stopping.discard(session)

    def find(
        paths: list[str] | None,
        every_s: float | None,
        max_speed_m_s: float,
        turn: str,
        verify: bool,
        basemap: bool,
        key: str,
        request: gr.Request,
        progress=gr.Progress(),  # noqa: B008
    ) -> Iterator[dict]:
        """The track of what was dropped."""
        chosen = [Path(path) for path in paths or ()]
        question = question_of(every_s, max_speed_m_s, turn, verify, basemap)
        flights = catalog.get(key).flights
        yield from answered(lambda step, stopped: flights.ask(chosen, question, step, stopped), request, progress)

    def show_example(
        every_s: float | None,
        max_speed_m_s: float,
        turn: str,
        verify: bool,
        basemap: bool,
        key: str,
        request: gr.Request,
        progress=gr.Progress(),  # noqa: B008
    ) -> Iterator[dict]:
        """The track of the example flight."""
        question = question_of(every_s, max_speed_m_s, turn, verify, basemap)
        flights = catalog.get(key).flights
        yield from answered(lambda step, stopped: flights.ask_example(question, step, stopped), request, progress)

    def stop(request: gr.Request) -> None:
        stopping.add(str(request.session_hash))

    page = gr.context.Context.root_block
    assert page is not None
    menu, browser = parts.choice.menu, parts.choice.browser
    told = [parts.head, parts.card, parts.plan, parts.example]
    page.load(opening, browser, [menu, *told], **QUIET)
    menu.input(turned_to, [browser, menu], [browser, *told, parts.details], **QUIET)
    parts.ask.click(find, [parts.files, *parts.question, menu], parts.answer, show_progress_on=parts.card, **FLIGHTS)
    parts.example.click(show_example, [*parts.question, menu], parts.answer, show_progress_on=parts.card, **FLIGHTS)
    gr.on([parts.ask.click, parts.example.click], None, None, None, js=SCROLL, **PRIVATE)
    parts.stop.click(stop, None, None, queue=False, **QUIET)


def _shown(parts: Parts, shown: FlightView) -> dict:
    frame = maps.iframe(shown.map_page, title="Map of the flight", basemap=shown.basemap)
    texts = {**shown.files, "html": shown.map_page}
    buttons = parts.downloads
    return {
        parts.card: render.card(shown),
        parts.plan: frame + render.legend(shown.track),
        parts.details: gr.Column(visible=True),
        parts.player: render.player(shown),
        parts.chart: render.chart(shown.track),
        **{buttons[kind]: widgets.text_file(buttons[kind], f"flight.{kind}", text) for kind, text in texts.items()},
    }
