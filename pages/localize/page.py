"""The page that answers "where was this photo taken?": one photo or several, on one map."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from mean_model import PhotoError
from pages.common import cards, widgets
from pages.common.widgets import PRIVATE, QUIET, SCROLL, Values
from pages.errors import SPOKEN
from pages.localize.components import LOADING, MAP_ID, Parts, make_parts
from pages.localize.render import show_answer, show_nothing, show_photos, show_refusal
from pages.localize.web_api import web_api
from pages.services.catalog import GalleryCatalog
from pages.services.locate import LocateService, PhotoQuestion

ANSWERS: dict[str, Any] = {"concurrency_limit": 4, "concurrency_id": "answers", **PRIVATE}
WAITING = cards.message_card(*LOADING, kind="waiting")
SEARCHING = cards.message_card(
    "Searching", "The photo is compared with every tile and laid on the ground of the best ones.", "waiting"
)


def localize_page(catalog: GalleryCatalog) -> None:
    """Put the page's parts and events into the Blocks at hand."""
    parts = make_parts(catalog)
    _wire(Events(catalog, parts), parts)
    web_api(catalog)


class Events:
    """What the page answers to its visitor. Whatever comes in an event comes from a browser and may be anything."""

    def __init__(self, catalog: GalleryCatalog, parts: Parts) -> None:
        self.catalog = catalog
        self.parts = parts
        self.inputs = parts.inputs
        self.outputs = parts.outputs

    def reveal(self, where: str) -> Values:
        """What has to be given for the area that is searched."""
        settings = self.inputs.settings
        return {
            settings.point: gr.Row(visible=where == "point"),
            settings.radius_km: gr.Slider(visible=where != "all"),
            settings.again: gr.Button(visible=where == "point"),
        }

    def opening(self, remembered: Any) -> Iterator[Values]:
        """Say what answers here, as soon as it can."""
        entry, menu = self.inputs.picker.restore(remembered)
        yield {**menu, **(self.inputs.of(entry.service) if entry is not self.catalog.first else {})}
        yield self._status(entry.service)

    def turned_to(self, remembered: Any, key: str) -> Iterator[Values]:
        """Another gallery was chosen."""
        entry, stored = self.inputs.picker.choose(remembered, key)
        waiting = {self.parts.head: cards.header("Loading the model…"), self.outputs.card: WAITING}
        yield {**stored, **({} if entry.service.engine.ready else waiting)}
        yield self._status(entry.service)

    def _status(self, service: LocateService) -> Values:
        """What answers here, and where its gallery lies; or why it cannot."""
        settings = self.inputs.settings
        try:
            middle = service.middle()
            head = cards.header(service.status(), "ready", region=service.region)
            return {self.parts.head: head, settings.lon: middle.lon, settings.lat: middle.lat}
        except SPOKEN as error:
            head = cards.header("Not ready", "error")
            return {self.parts.head: head, self.outputs.card: cards.trouble_card(error), self.outputs.plan: ""}

    def first(self, key: str, mode: str) -> Values:
        """The first example's answer, unless the visitor was quicker."""
        service = self.catalog.get(key).service
        if mode != "new" or service.engine.problem:
            return {self.outputs.mode: mode}
        service.engine.settle()
        return show_answer(self.outputs, service.first) if service.first else self._nothing(service)

    def ask_there(self, given: Values) -> Iterator[Values]:
        """Ask the photos at hand in the gallery that was chosen; an example gives way to that gallery's own."""
        service, outputs = self._service(given), self.outputs
        mode, path = given[outputs.mode], given[self.inputs.photo]
        if service.engine.problem:
            nothing_else = {outputs.fit: "", outputs.details: gr.Column(visible=False), outputs.count: 0}
            yield {**self.inputs.of(service), **nothing_else, outputs.mode: mode}
        elif mode == "many" and given[self.inputs.files]:
            yield self.inputs.examples.of(service)
            yield from self.many(given)
        elif path is None or Path(path).name in {file.name for file in self.catalog.offered()}:
            yield {**self.inputs.of(service), **self.first(given[self.inputs.picker.menu], "new")}
        else:
            yield self.inputs.examples.of(service)
            yield from self.corrected(given)

    def one(self, given: Values) -> Iterator[Values]:
        """Answer another photo than before, by what its file states."""
        yield from self._one(given, self.inputs.settings.question(given))

    def corrected(self, given: Values) -> Iterator[Values]:
        """Answer the photo at hand with what was set of its camera by hand."""
        pose = self.inputs.pose
        try:
            question = replace(self.inputs.settings.question(given), correction=pose.correction(given))
        except SPOKEN as error:
            yield {self.outputs.card: cards.trouble_card(error)}
            return
        for shown in self._one(given, question):
            as_left = not question.correction.empty and pose.stated in shown
            yield {**shown, **(pose.kept(given) if as_left else {})}

    def _one(self, given: Values, question: PhotoQuestion) -> Iterator[Values]:
        service, path = self._service(given), given[self.inputs.photo]
        if not service.engine.ready:
            yield {self.outputs.card: WAITING}
        if path is None:
            yield self._nothing(service)
            return
        yield {self.outputs.card: SEARCHING}
        try:
            yield self._or_refusal(service, lambda: show_answer(self.outputs, service.ask(path, question)), PhotoError)
        except PhotoError as error:
            # Nothing can be asked about this file: make room for another one.
            yield {**show_refusal(self.outputs, service, error), self.inputs.photo: None}

    def many(self, given: Values, progress=gr.Progress()) -> Iterator[Values]:  # noqa: B008
        """Answer all photos at hand."""
        service, paths = self._service(given), given[self.inputs.files]
        if not service.engine.ready:
            yield {self.outputs.card: WAITING}

        def step(done: int, total: int) -> None:
            progress((done, total), desc="Photos answered", unit="photos")

        if not paths:
            yield self._nothing(service)
            return
        question = self.inputs.settings.question(given)
        yield self._or_refusal(service, lambda: show_photos(self.outputs, service.ask_many(paths, question, step)))

    def same(self, given: Values) -> Iterator[Values]:
        """Ask again what was asked last, with the settings of now; wait while a point has no coordinates yet."""
        question, mode = self.inputs.settings.question(given), given[self.outputs.mode]
        if question.where == "point" and (question.lon is None or question.lat is None):
            yield {self.outputs.mode: mode}
        else:
            yield from self.many(given) if mode == "many" else self.corrected(given)

    def removed(self, key: str) -> Values:
        """The photo was taken away."""
        return self._nothing(self.catalog.get(key).service)

    def choose(self, key: str, event: gr.SelectData) -> str:
        """An example was chosen. Returns: its file."""
        return str(self.catalog.get(key).service.examples[int(event.index)])

    def of_strip(self, event: gr.SelectData) -> int:
        """A tile was chosen in the strip. Returns: its number on the map."""
        return int(event.index) + 1

    def of_table(self, event: gr.SelectData) -> Any:
        """A row of the table was chosen: by its own number, for after sorting or filtering its index is another."""
        first = event.row_value[0] if event.row_value else ""
        if not str(first).isdigit():
            return gr.skip()
        return {self.parts.flown_to: int(first), self.outputs.strip: gr.Gallery(selected_index=int(first) - 1)}

    def of_map(self, count: int, event: gr.EventData) -> Any:
        """A marker was clicked on the map."""
        picked = widgets.picked_number(event, count)
        return gr.skip() if picked is None else gr.Gallery(selected_index=picked - 1)

    def _service(self, given: Values) -> LocateService:
        return self.catalog.get(given[self.inputs.picker.menu]).service

    def _nothing(self, service: LocateService) -> Values:
        return self._or_refusal(service, lambda: show_nothing(self.outputs, service))

    def _or_refusal(self, service: LocateService, show: Callable[[], Values], *passed_on: type[Exception]) -> Values:
        """What `show` gives, or the sentence of the error that it raises, except errors that the caller tells."""
        try:
            return show()
        except passed_on:
            raise
        except SPOKEN as error:
            return show_refusal(self.outputs, service, error)


def _wire(events: Events, parts: Parts) -> None:
    inputs, outputs, settings = parts.inputs, parts.outputs, parts.inputs.settings
    menu, browser = inputs.picker.menu, inputs.picker.browser
    status = [parts.head, outputs.card, outputs.plan, settings.lon, settings.lat]
    examples = [inputs.examples.heading, inputs.examples.strip]
    answered = [*outputs.all, inputs.photo]
    one: set[gr.blocks.Block] = {inputs.photo, menu, *settings.given}
    many: set[gr.blocks.Block] = {inputs.files, menu, *settings.given}
    at_hand: set[gr.blocks.Block] = {outputs.mode, *one, *many, *inputs.pose.all}

    answers = {**ANSWERS, "show_progress_on": outputs.card}  # the photo and the former map stay in sight meanwhile

    def brought_into_sight(asked: Any) -> None:
        asked.then(None, None, None, js=SCROLL, **PRIVATE)

    settings.where.change(
        events.reveal, settings.where, [settings.point, settings.radius_km, settings.again], queue=False, **QUIET
    )
    opened = widgets.page_at_hand().load(events.opening, browser, [*status, *examples, menu, inputs.photo], **QUIET)
    opened.then(events.first, [menu, outputs.mode], outputs.all, **QUIET)
    # Not `input`: on clearing it hands over the old photo. `upload` is choosing, dropping and pasting.
    brought_into_sight(inputs.photo.upload(events.one, one, answered, **answers))
    inputs.photo.clear(events.removed, menu, outputs.all, **answers)
    brought_into_sight(inputs.files.change(events.many, many, outputs.all, **answers))
    chosen = inputs.examples.strip.select(events.choose, menu, inputs.photo, **QUIET)
    brought_into_sight(chosen.then(events.one, one, answered, **answers))
    turned = menu.input(events.turned_to, [browser, menu], [browser, *status], **answers)
    turned.then(events.ask_there, at_hand, [*answered, *examples], **answers)
    # Not `release`: on a slow machine it comes before the number that was typed.
    changes = [settings.k.change, settings.radius_km.change, settings.turn.input, settings.where.input]
    triggers = [*changes, settings.use_exif.input, settings.basemap.input, settings.again.click]
    triggers += [inputs.pose.again.click, *(field.submit for field in inputs.pose.numbers.values())]
    gr.on(triggers, events.same, at_hand, answered, trigger_mode="always_last", **answers)

    # A tile chosen in the strip or the table is flown to; a marker clicked on the map chooses its tile.
    flown: dict[str, Any] = {"js": widgets.fly_script(MAP_ID), **PRIVATE}
    of_strip = outputs.strip.select(events.of_strip, None, parts.flown_to, queue=False, **QUIET)
    of_strip.then(None, parts.flown_to, None, **flown)
    of_table = outputs.table.select(events.of_table, None, [parts.flown_to, outputs.strip], queue=False, **QUIET)
    of_table.then(None, parts.flown_to, None, **flown)
    outputs.plan.pick(events.of_map, outputs.count, outputs.strip, queue=False, **QUIET)
