"""The components of the first page: what a visitor gives, and what is shown."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from pages.common import cards, widgets
from pages.gallery_picker import Choice, choice_of
from pages.services.catalog import GalleryCatalog
from pages.services.locate import MOST_MATCHES, MOST_PHOTOS, LocateService, Question

MAP_ID = "map"
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUIET: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
WHERE = [("Whole gallery", "all"), ("Near the photo's EXIF position", "exif"), ("Near a point", "point")]
TABLE = ["#", "Tile", "Similarity", "Longitude", "Latitude", "From EXIF"]
TABLE_MANY = ["#", "Photo", "Verdict", "Best tile", "Similarity", "Longitude", "Latitude", "From EXIF"]
BEST = ("Best tiles", "rank · similarity · distance from the place by EXIF. Choose one to fly there.")
BEST_MANY = ("Best tile of each photo", "similarity · distance from its place by EXIF. Choose one to fly there.")
LOADING = ("Loading the model", "The first answer comes in a few seconds; the next ones come at once.")


@dataclass(frozen=True)
class Inputs:
    """What a visitor gives."""

    choice: Choice
    photo: gr.Image
    files: gr.Files
    k: gr.Slider
    turn: gr.Radio
    where: gr.Radio
    lon: gr.Number
    lat: gr.Number
    radius_km: gr.Slider
    basemap: gr.Checkbox

    @property
    def question(self) -> list[gr.Component]:
        """The gallery, then the settings in the order of `question_of`."""
        return [self.choice.menu, self.k, self.turn, self.where, self.lon, self.lat, self.radius_km, self.basemap]


@dataclass(frozen=True)
class Examples:
    """The example photos of the chosen gallery."""

    heading: gr.HTML
    strip: gr.Gallery

    def of(self, service: LocateService) -> dict[Any, Any]:
        """The examples of a gallery; nothing where it has none."""
        there = bool(service.examples)
        strip = gr.Gallery(list(service.thumbnails), visible=there, selected_index=None)
        return {self.heading: gr.HTML(visible=there), self.strip: strip}


@dataclass(frozen=True)
class Outputs:
    """What a visitor is shown."""

    card: gr.HTML
    plan: gr.HTML
    fit: gr.HTML
    heading: gr.HTML
    strip: gr.Gallery
    table: gr.Dataframe
    downloads: dict[str, gr.DownloadButton]  # by kind of file
    details: gr.Column
    count: gr.State  # how many numbers the map has
    mode: gr.State  # new, one or many: what was asked last and is asked again when a setting changes

    @property
    def all(self) -> list[Any]:
        """Every component that an answer may change."""
        parts = [self.card, self.plan, self.fit, self.heading, self.strip, self.table, *self.downloads.values()]
        return [*parts, self.details, self.count, self.mode]


def question_of(
    k: float, turn: str, where: str, lon: float | None, lat: float | None, radius_km: float, basemap: bool
) -> Question:
    """The settings as one value."""
    return Question(int(k), turn, where, lon, lat, radius_km, bool(basemap))  # type: ignore[arg-type]


def make_inputs(catalog: GalleryCatalog) -> tuple[Inputs, Examples, gr.Button]:
    """What a visitor gives: a photo or many, the choice of a gallery, options, and the button that asks."""
    choice, service = choice_of(catalog), catalog.first.service
    with gr.Tabs(elem_id="kinds"):
        with gr.Tab("One photo"):
            photo = widgets.RawPhoto(
                value=str(service.examples[0]) if service.examples else None,
                sources=["upload", "clipboard"],
                label="Drone photo",
                show_label=False,
                height=270,
                buttons=["fullscreen"],
                elem_id="photo",
                placeholder="# Drop a drone photo\nor click to choose, or paste one",
            )
            examples = _examples(service)
        with gr.Tab("Several photos"):
            files = gr.Files(label=f"Drone photos, up to {MOST_PHOTOS}", height=340, elem_id="files")
    with gr.Accordion("Search settings", open=False, elem_id="settings"):
        k = gr.Slider(1, MOST_MATCHES, value=5, step=1, label="Tiles to show")
        turn = gr.Radio(
            [("By its stated pose", "heading"), ("Guess its pose", "guessed"), ("As it is", "none")],
            value="heading",
            label="Turn the photo",
            info="By heading, pitch, height and lens it is seen from above. What it does not state is guessed.",
        )
        where = gr.Radio(WHERE, value="all", label="Search in")
        with gr.Row(visible=False) as point:
            lon = gr.Number(label="Longitude", minimum=-180, maximum=180, min_width=90, step=0.001)
            lat = gr.Number(label="Latitude", minimum=-90, maximum=90, min_width=90, step=0.001)
        radius_km = gr.Slider(0.1, 20, value=1, step=0.1, label="Radius, km", visible=False)
        again = gr.Button("Search here", size="sm", visible=False)
        basemap = gr.Checkbox(label="Street background from openstreetmap.org", value=False)

    def reveal(value: str):
        return (
            gr.Row(visible=value == "point"),
            gr.Slider(visible=value != "all"),
            gr.Button(visible=value == "point"),
        )

    where.change(reveal, where, [point, radius_km, again], queue=False, **QUIET)
    return Inputs(choice, photo, files, k, turn, where, lon, lat, radius_km, basemap), examples, again


def _examples(service: LocateService) -> Examples:
    """The example photos as small pictures."""
    there = bool(service.examples)
    heading = gr.HTML(cards.section("Examples", "click one to see its answer"), elem_classes="section", visible=there)
    strip = gr.Gallery(
        list(service.thumbnails),
        visible=there,
        label="Examples",
        show_label=False,
        columns=4,
        format="jpeg",
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        buttons=[],
        elem_id="examples",
    )
    return Examples(heading, strip)


def make_outputs() -> Outputs:
    """Where the answer appears: the card, the map, the overlay, the best tiles and the downloads."""
    card = gr.HTML(cards.message_card(*LOADING, kind="waiting"), elem_id="card")
    plan = widgets.map_view(MAP_ID)
    fit = gr.HTML("", js_on_load=widgets.COMPARE_SCRIPT, elem_id="fit")
    with gr.Column(visible=False, elem_id="details") as details:
        heading = gr.HTML(cards.section(*BEST), elem_classes="section")
        strip = gr.Gallery(
            label="Best tiles",
            show_label=False,
            columns=MOST_MATCHES,
            format="jpeg",
            object_fit="cover",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="strip",
        )
        table = gr.Dataframe(
            headers=TABLE, interactive=False, label="Ranking", show_label=False, buttons=[], elem_id="table"
        )
        with gr.Row(elem_id="downloads"):
            kinds = {"geojson": "GeoJSON", "kml": "KML", "csv": "CSV", "html": "Map as HTML"}
            downloads = {
                kind: gr.DownloadButton(f"↓ {label}", size="sm", min_width=80, elem_id=f"download-{kind}")
                for kind, label in kinds.items()
            }
    return Outputs(card, plan, fit, heading, strip, table, downloads, details, gr.State(0), gr.State("new"))
