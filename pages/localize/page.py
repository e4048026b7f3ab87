"""The page that answers "where was this photo taken?": one photo or several, on one map."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from mean_model import PhotoError
from pages.common import cards, widgets
from pages.errors import SPOKEN
from pages.localize.components import (
    MAP_ID,
    PRIVATE,
    QUIET,
    Examples,
    Inputs,
    Outputs,
    make_inputs,
    make_outputs,
    question_of,
)
from pages.localize.render import many_shown, nothing, one_shown, refused
from pages.localize.web_api import web_api
from pages.services.catalog import GalleryCatalog
from pages.services.locate import LocateService

ANSWERS: dict[str, Any] = {"concurrency_limit": 4, "concurrency_id": "answers", **PRIVATE}
LOADING = ("Loading the model", "The first answer comes in a few seconds; the next ones come at once.")
SCROLL = """() => { if (innerWidth > 820) return;
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  document.querySelector('#card').scrollIntoView({behavior: calm ? 'auto' : 'smooth'}); }"""
"""Script that brings the answer into sight: on a narrow screen it stands below the photo."""
NOTICE = """
**Use it for** checking where your own or openly licensed aerial photos belong: mapping, search and rescue, archives,
research. **Do not use it** to find or follow people, or for decisions that nobody checks: it always names the most
similar tile of this gallery, even when the photo was taken somewhere else.

**Your photos** are read on the server that runs this page and go nowhere else. Uploads and downloads are deleted after
one to two hours; positions are not logged. The street background, if you switch it on, tells openstreetmap.org which
area you look at.
"""


def localize_page(catalog: GalleryCatalog) -> None:
    """Put the page's parts and events into the Blocks at hand."""
    head = gr.HTML(cards.header("Loading the model…"), elem_id="head")
    with gr.Row(elem_id="desk"):
        with gr.Column(scale=4, min_width=330, elem_id="ask"):
            inputs, examples, again = make_inputs(catalog)
            with gr.Accordion("Responsible use and privacy", open=False, elem_id="notice"):
                gr.Markdown(NOTICE)
        with gr.Column(scale=9, min_width=330, elem_id="answer"):
            outputs = make_outputs()
    _events(catalog, head, inputs, examples, again, outputs)
    web_api(catalog)


def _events(
    catalog: GalleryCatalog, head: gr.HTML, inputs: Inputs, examples: Examples, again: gr.Button, outputs: Outputs
) -> None:
    choice = inputs.choice

    def opening(remembered: Any) -> Iterator[dict]:
        """Say what answers here, as soon as it can."""
        entry, menu = choice.opened(remembered)
        yield {**menu, **(_offered(entry.service) if entry is not catalog.first else {})}
        yield _top(entry.service)

    def _offered(service: LocateService) -> dict:
        photo = str(service.examples[0]) if service.examples else None
        return {**examples.of(service), inputs.photo: photo}

    def _top(service: LocateService) -> dict:
        try:
            middle = service.middle()
            return {head: cards.header(service.status(), "ready"), inputs.lon: middle.lon, inputs.lat: middle.lat}
        except SPOKEN as error:
            return {head: cards.header("Not ready", "error"), outputs.card: cards.trouble_card(error), outputs.plan: ""}

    def first(key: str, mode: str) -> dict:
        """The first example's answer, unless the visitor was quicker."""
        service = catalog.get(key).service
        if mode != "new" or service.engine.problem:
            return {outputs.mode: mode}
        service.engine.settle()
        return (
            one_shown(outputs, service.first)
            if service.first
            else _told(lambda: nothing(service, outputs), service, outputs)
        )

    def turned_to(remembered: Any, key: str) -> Iterator[dict]:
        """Another gallery was chosen."""
        entry, remember = choice.chosen(remembered, key)
        waiting = {head: cards.header("Loading the model…"), outputs.card: cards.message_card(*LOADING, "waiting")}
        yield {**remember, **({} if entry.service.engine.ready else waiting)}
        yield _top(entry.service)

    def ask_there(key: str, mode: str, path: str | None, paths: list[str] | None, *settings: Any) -> Iterator[dict]:
        """Ask the photos at hand in the gallery that was chosen; an example gives way to that gallery's own."""
        service = catalog.get(key).service
        if service.engine.problem:
            nothing_else = {outputs.fit: "", outputs.details: gr.Column(visible=False), outputs.count: 0}
            yield {**_offered(service), **nothing_else, outputs.mode: mode}
        elif mode == "many" and paths:
            yield examples.of(service)
            yield from many(paths, key, *settings)
        elif path is None or Path(path).name in {file.name for file in catalog.offered()}:
            yield {**_offered(service), **first(key, "new")}
        else:
            yield examples.of(service)
            yield from one(path, key, *settings)

    def one(path: str | None, key: str, *settings: Any) -> Iterator[dict]:
        """Answer the photo at hand."""
        service = catalog.get(key).service
        if not service.engine.ready:
            yield {outputs.card: cards.message_card(*LOADING, kind="waiting")}
        if path is None:
            yield _told(lambda: nothing(service, outputs), service, outputs)
            return
        try:
            yield _told(
                lambda: one_shown(outputs, service.ask(path, question_of(*settings))), service, outputs, PhotoError
            )
        except PhotoError as error:
            # Nothing can be asked about this file: make room for another one.
            yield {**refused(error, service, outputs), inputs.photo: None}

    def many(paths: list[str] | None, key: str, *settings: Any, progress=gr.Progress()) -> Iterator[dict]:  # noqa: B008
        """Answer all photos at hand."""
        service = catalog.get(key).service
        if not service.engine.ready:
            yield {outputs.card: cards.message_card(*LOADING, kind="waiting")}

        def step(done: int, total: int) -> None:
            progress((done, total), desc="Photos answered", unit="photos")

        if not paths:
            yield _told(lambda: nothing(service, outputs), service, outputs)
        else:
            yield _told(
                lambda: many_shown(outputs, service.ask_many(paths, question_of(*settings), step)), service, outputs
            )

    def same(mode: str, path: str | None, paths: list[str] | None, key: str, *settings: Any) -> Iterator[dict]:
        """Ask again what was asked last, with the settings of now; wait while a point has no coordinates yet."""
        question = question_of(*settings)
        if question.where == "point" and (question.lon is None or question.lat is None):
            yield {outputs.mode: mode}
        else:
            yield from many(paths, key, *settings) if mode == "many" else one(path, key, *settings)

    def removed(key: str) -> dict:
        service = catalog.get(key).service
        return _told(lambda: nothing(service, outputs), service, outputs)

    def choose(key: str, event: gr.SelectData) -> str:
        return str(catalog.get(key).service.examples[int(event.index)])

    page = gr.context.Context.root_block
    assert page is not None
    told = [head, outputs.card, outputs.plan, inputs.lon, inputs.lat]
    given = [choice.menu, inputs.photo, examples.heading, examples.strip]
    opened = page.load(opening, choice.browser, [*told, *given], **QUIET)
    opened.then(first, [choice.menu, outputs.mode], outputs.all, **QUIET)
    answered = [*outputs.all, inputs.photo]
    # Not `input`: on clearing it hands over the old photo. `upload` is choosing, dropping and pasting.
    asked = inputs.photo.upload(one, [inputs.photo, *inputs.question], answered, **ANSWERS)
    asked.then(None, None, None, js=SCROLL, **PRIVATE)
    inputs.photo.clear(removed, choice.menu, outputs.all, **ANSWERS)
    asked = inputs.files.change(many, [inputs.files, *inputs.question], outputs.all, **ANSWERS)
    asked.then(None, None, None, js=SCROLL, **PRIVATE)
    chosen = examples.strip.select(choose, choice.menu, inputs.photo, **QUIET)
    asked = chosen.then(one, [inputs.photo, *inputs.question], answered, **ANSWERS)
    asked.then(None, None, None, js=SCROLL, **PRIVATE)
    turned = choice.menu.input(turned_to, [choice.browser, choice.menu], [choice.browser, *told], **ANSWERS)
    at_hand = [outputs.mode, inputs.photo, inputs.files]
    turned.then(ask_there, [choice.menu, *at_hand, *inputs.question[1:]], [*answered, *given[2:]], **ANSWERS)
    # Not `release`: on a slow machine it comes before the number that was typed.
    changes = [inputs.k.change, inputs.radius_km.change, inputs.turn.input, inputs.where.input]
    gr.on(
        [*changes, inputs.basemap.input, again.click],
        same,
        [*at_hand, *inputs.question],
        answered,
        trigger_mode="always_last",
        **ANSWERS,
    )
    _selection(outputs)


def _selection(outputs: Outputs) -> None:
    """A tile chosen in the strip or the table is flown to; a marker clicked on the map chooses its tile."""
    number = gr.Number(0, visible=False, precision=0)  # not a State: its value must reach the browser

    def of_strip(event: gr.SelectData) -> int:
        return int(event.index) + 1

    def of_table(event: gr.SelectData) -> Any:
        # By the row's own number: after sorting or filtering the row's index is another.
        first = event.row_value[0] if event.row_value else ""
        if not str(first).isdigit():
            return gr.skip(), gr.skip()
        return int(first), gr.Gallery(selected_index=int(first) - 1)

    def of_map(count: int, event: gr.EventData) -> Any:
        picked = widgets.picked_number(event, count)
        return gr.skip() if picked is None else gr.Gallery(selected_index=picked - 1)

    flown = {"js": widgets.fly_script(MAP_ID), **PRIVATE}
    outputs.strip.select(of_strip, None, number, queue=False, **QUIET).then(None, number, None, **flown)
    chosen = outputs.table.select(of_table, None, [number, outputs.strip], queue=False, **QUIET)
    chosen.then(None, number, None, **flown)
    outputs.plan.pick(of_map, outputs.count, outputs.strip, queue=False, **QUIET)


def _told(show: Callable[[], dict], service: LocateService, outputs: Outputs, *not_here: type[Exception]) -> dict:
    """What `show` gives, or the sentence of the error that it raises, except errors that the caller tells itself."""
    try:
        return show()
    except not_here:
        raise
    except SPOKEN as error:
        return refused(error, service, outputs)
