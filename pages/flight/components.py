"""The components of the flight page: what a visitor gives, and what is shown of a track."""

from dataclasses import dataclass

import gradio as gr

from pages.common import cards, static, widgets
from pages.common.widgets import Values
from pages.gallery_picker import GalleryPicker, make_picker
from pages.services.catalog import GalleryCatalog
from pages.services.flight import FlightQuestion
from pages.services.locate import MOST_PHOTOS

MAP_ID = "flight-map"
PROMISE = "Drop in a drone's flight, see which way it took."
EMPTY = cards.message_card(
    "No flight yet",
    "Drop the photos of one flight, or its video: what one photo gets wrong, the others put right.",
)
FILES = {"gpx": "GPX", "kml": "KML", "geojson": "GeoJSON", "html": "Map as HTML"}


@dataclass(frozen=True)
class Settings:
    """How a flight is searched."""

    every_s: gr.Number
    max_speed_m_s: gr.Slider
    turn: gr.Radio
    verify: gr.Checkbox
    use_exif: gr.Checkbox
    basemap: gr.Checkbox

    @property
    def given(self) -> set[gr.blocks.Block]:
        """What `question` reads."""
        return {self.every_s, self.max_speed_m_s, self.turn, self.verify, self.use_exif, self.basemap}

    def question(self, given: Values) -> FlightQuestion:
        """The settings as one value."""
        return FlightQuestion(
            every_s=given[self.every_s] or None,
            max_speed_m_s=given[self.max_speed_m_s],
            turn=given[self.turn],
            verify=bool(given[self.verify]),
            use_exif=bool(given[self.use_exif]),
            basemap=bool(given[self.basemap]),
        )


@dataclass(frozen=True)
class Inputs:
    """What a visitor gives."""

    picker: GalleryPicker
    example: gr.Button
    files: gr.Files
    ask: gr.Button
    stop: gr.Button
    settings: Settings


@dataclass(frozen=True)
class Outputs:
    """What a visitor is shown."""

    card: gr.HTML
    plan: gr.HTML
    details: gr.Column
    player: gr.HTML
    chart: gr.HTML
    downloads: dict[str, gr.DownloadButton]  # by kind of file

    @property
    def all(self) -> list[gr.blocks.Block]:
        """Every component that a track changes."""
        return [self.card, self.plan, self.details, self.player, self.chart, *self.downloads.values()]


@dataclass(frozen=True)
class Parts:
    """The page's components."""

    head: gr.HTML
    inputs: Inputs
    outputs: Outputs


def make_parts(catalog: GalleryCatalog) -> Parts:
    """Put the components into the Blocks at hand."""
    head = gr.HTML(cards.header("Loading the model…", promise=PROMISE), elem_id="head")
    with gr.Row(elem_id="desk"):
        with gr.Column(scale=4, min_width=330, elem_id="ask"):
            inputs = _inputs(catalog)
        with gr.Column(scale=9, min_width=330, elem_id="answer"):
            outputs = _outputs()
    return Parts(head, inputs, outputs)


def _inputs(catalog: GalleryCatalog) -> Inputs:
    picker, there = make_picker(catalog), bool(catalog.first.flights.example)
    example = gr.Button("Show the example flight", variant="primary", visible=there, elem_id="example")
    label = f"Photos of one flight, up to {MOST_PHOTOS}, or one video, and a file of their poses (SRT, CSV, KML)"
    files = gr.Files(label=label, height=260, elem_id="files")
    with gr.Row():
        ask = gr.Button("Find the way", variant="secondary", elem_id="find")
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="stop")
    return Inputs(picker, example, files, ask, stop, make_settings())


def make_settings() -> Settings:
    """Put the settings of a search into the Blocks at hand."""
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        every_s = gr.Number(
            0,
            label="Seconds between photos",
            info="0: by the times that the photos state; of a video, one frame every 4 seconds.",
            minimum=0,
        )
        max_speed_m_s = gr.Slider(1, 60, value=20, step=1, label="Greatest speed, metres a second")
        turn = gr.Radio(
            [("By their stated pose", "heading"), ("Guess their pose", "guessed"), ("As they are", "none")],
            value="heading",
            label="Turn the photos",
        )
        verify = gr.Checkbox(label="Check by geometry: finer, a second or two for each photo", value=True)
        use_exif = widgets.use_exif_box()
        basemap = gr.Checkbox(label="Street background from openstreetmap.org", value=False)
    return Settings(every_s, max_speed_m_s, turn, verify, use_exif, basemap)


def _outputs() -> Outputs:
    card = gr.HTML(EMPTY, elem_id="card")
    plan = widgets.map_view(MAP_ID)
    with gr.Column(visible=False, elem_id="details") as details:
        with gr.Row(elem_id="flight-parts"):
            player = gr.HTML("", elem_id="player", js_on_load=static.text("flight.js"))
            chart = gr.HTML("", elem_id="flight-chart")
        downloads = widgets.download_row(FILES)
    return Outputs(card, plan, details, player, chart, downloads)
