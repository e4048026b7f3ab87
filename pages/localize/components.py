"""The components of the first page: what a visitor gives, and what is shown."""

from dataclasses import dataclass

import gradio as gr

from pages.common import cards, static, widgets
from pages.common.widgets import Values
from pages.gallery_picker import GalleryPicker, make_picker
from pages.localize.address import Address
from pages.localize.pose_fields import EACH_ITS_OWN, PoseFields, make_pose_fields
from pages.services.catalog import GalleryCatalog
from pages.services.locate import MOST_MATCHES, MOST_PHOTOS, LocateService
from pages.services.place_search import LONGEST, PlaceSearch
from pages.services.question import PhotoQuestion

MAP_ID = "map"
WHERE = [("Whole gallery", "all"), ("Near the photo's EXIF position", "exif"), ("Near a point", "point")]
TABLE = ["#", "Tile", "Similarity", "Longitude", "Latitude", "From EXIF"]
TABLE_MANY = ["#", "Photo", "Verdict", "Sure", "Longitude", "Latitude", "Within", "From EXIF"]
BEST = ("Best tiles", "rank · similarity · distance from the place by EXIF. Choose one to fly there.")
BEST_MANY = ("All photos", "Choose a picture to fly there, a row of the table to open its answer.")
LOADING = ("Loading the model", "The first answer comes in a few seconds; the next ones come at once.")
FILES = {"geojson": "GeoJSON", "kml": "KML", "csv": "CSV", "html": "Map as HTML", "page.html": "Answer as a page"}
NOTICE = """
**Use it for** checking where your own or openly licensed aerial photos belong: mapping, search and rescue, archives,
research. **Do not use it** to find or follow people, or for decisions that nobody checks: it always names the most
similar tile of this gallery, even when the photo was taken somewhere else.

**Your photos** are read on the server that runs this page and go nowhere else. Uploads and downloads are deleted after
one to two hours; positions are not logged. The street background, if you switch it on, tells openstreetmap.org which
area you look at.
"""


@dataclass(frozen=True)
class Settings:
    """How photos are searched."""

    k: gr.Slider
    turn: gr.Radio
    where: gr.Radio
    point: gr.Row  # around lon and lat
    lon: gr.Number
    lat: gr.Number
    radius_km: gr.Slider
    again: gr.Button
    use_exif: gr.Checkbox
    basemap: gr.Checkbox
    place: gr.Textbox  # a place or an address; there where a geocoder is configured
    hits: gr.Dropdown  # what the geocoder knows of that name

    def shown(self, question: PhotoQuestion) -> Values:
        """The settings as a photo was asked."""
        point = {} if question.lon is None else {self.lon: question.lon, self.lat: question.lat}
        asked = {self.k: question.k, self.turn: question.turn, self.use_exif: question.use_exif}
        return {**asked, **point, self.where: question.where, self.radius_km: question.radius_km}

    @property
    def all(self) -> list[gr.blocks.Block]:
        """What `shown` may change."""
        return [self.k, self.turn, self.use_exif, self.lon, self.lat, self.where, self.radius_km]

    @property
    def given(self) -> set[gr.blocks.Block]:
        """What `question` reads."""
        area = {self.where, self.lon, self.lat, self.radius_km}
        return {self.k, self.turn, *area, self.use_exif, self.basemap}

    def question(self, given: Values) -> PhotoQuestion:
        """The settings as one value."""
        return PhotoQuestion(
            k=int(given[self.k]),
            turn=given[self.turn],
            where=given[self.where],
            lon=given[self.lon],
            lat=given[self.lat],
            radius_km=given[self.radius_km],
            basemap=bool(given[self.basemap]),
            use_exif=bool(given[self.use_exif]),
        )


@dataclass(frozen=True)
class Examples:
    """The example photos of the chosen gallery."""

    heading: gr.HTML
    strip: gr.Gallery

    def of(self, service: LocateService) -> Values:
        """The examples of a gallery; nothing where it has none."""
        there = bool(service.examples)
        strip = gr.Gallery(list(service.thumbnails), visible=there, selected_index=None)
        return {self.heading: gr.HTML(visible=there), self.strip: strip}


@dataclass(frozen=True)
class Inputs:
    """What a visitor gives."""

    picker: GalleryPicker
    photo: gr.Image
    pose: PoseFields
    examples: Examples
    files: gr.Files
    settings: Settings

    def of(self, service: LocateService) -> Values:
        """A gallery's examples, the first one at hand."""
        photo = str(service.examples[0]) if service.examples else None
        return {**self.examples.of(service), self.photo: photo}


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
    pose: PoseFields
    stop: gr.Button  # ends what is being answered; there only meanwhile
    count: gr.State  # how many numbers the map has
    mode: gr.State  # new, one or many: what was asked last and is asked again when a setting changes
    asked: gr.State  # the PhotoQuestion of what is shown, or None
    shown_set: gr.State  # the name under which the several photos are kept that were shown last

    @property
    def all(self) -> list[gr.blocks.Block]:
        """Every component that an answer may change."""
        tiles = [self.heading, self.strip, self.table, *self.downloads.values(), self.details]
        states = [self.count, self.mode, self.asked, self.shown_set]
        return [self.card, self.plan, self.fit, *tiles, *self.pose.all, self.stop, *states]


@dataclass(frozen=True)
class Parts:
    """The page's components."""

    head: gr.HTML
    inputs: Inputs
    outputs: Outputs
    flown_to: gr.Number  # the number on the map that was chosen; not a State: its value must reach the browser
    address: gr.State  # what the page's address asked for last (Address)


def make_parts(catalog: GalleryCatalog, places: PlaceSearch | None = None) -> Parts:
    """Put the components into the Blocks at hand. Args: places: finds places by name; None: that is not offered."""
    head = gr.HTML(cards.header("Loading the model…"), elem_id="head")
    with gr.Row(elem_id="desk"):
        with gr.Column(scale=4, min_width=330, elem_id="ask"):
            inputs = _inputs(catalog, places)
            with gr.Accordion("Responsible use and privacy", open=False, elem_id="notice"):
                gr.Markdown(NOTICE)
        with gr.Column(scale=9, min_width=330, elem_id="answer"):
            outputs = _outputs(inputs.pose)
    return Parts(head, inputs, outputs, gr.Number(0, visible=False, precision=0), gr.State(Address()))


def _inputs(catalog: GalleryCatalog, places: PlaceSearch | None) -> Inputs:
    picker, service = make_picker(catalog), catalog.first.service
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
            pose = make_pose_fields()
            examples = _examples(service)
        with gr.Tab("Several photos"):
            files = gr.Files(label=f"Drone photos, up to {MOST_PHOTOS}", height=340, elem_id="files")
            gr.Markdown(EACH_ITS_OWN)
    return Inputs(picker, photo, pose, examples, files, _settings(places))


def _examples(service: LocateService) -> Examples:
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


def _settings(places: PlaceSearch | None) -> Settings:
    with gr.Accordion("Search settings", open=False, elem_id="settings"):
        k = gr.Slider(1, MOST_MATCHES, value=5, step=1, label="Tiles to show")
        turn = gr.Radio(
            [("By its stated pose", "heading"), ("Guess its pose", "guessed"), ("As it is", "none")],
            value="heading",
            label="Turn the photo",
            info="By heading, pitch, height and lens it is seen from above. What it does not state is guessed.",
        )
        where = gr.Radio(WHERE, value="all", label="Search in")
        place = gr.Textbox(
            label="Place or address",
            info="" if places is None else f"What you write is sent to {places.host}, when you press Enter.",
            visible=places is not None,
            max_length=LONGEST,
            elem_id="place",
        )
        hits = gr.Dropdown([], label="Search near", visible=False, elem_id="hits")
        with gr.Row(visible=False) as point:
            lon = gr.Number(label="Longitude", minimum=-180, maximum=180, min_width=90, step=0.001)
            lat = gr.Number(label="Latitude", minimum=-90, maximum=90, min_width=90, step=0.001)
        radius_km = gr.Slider(0.05, 20, value=1, step=0.05, label="Radius, km", visible=False)
        again = gr.Button("Search here", size="sm", visible=False)
        use_exif = widgets.use_exif_box()
        basemap = gr.Checkbox(label="Street background from openstreetmap.org", value=False)
    return Settings(
        k=k,
        turn=turn,
        where=where,
        point=point,
        lon=lon,
        lat=lat,
        radius_km=radius_km,
        again=again,
        use_exif=use_exif,
        basemap=basemap,
        place=place,
        hits=hits,
    )


def _outputs(pose: PoseFields) -> Outputs:
    waiting = cards.message_card(*LOADING, kind="waiting")
    card = gr.HTML(waiting, elem_id="card", js_on_load=static.text("address.js"))
    stop = gr.Button("Stop", variant="stop", size="sm", visible=False, elem_id="stop")
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
        downloads = widgets.download_row(FILES)
    return Outputs(
        card=card,
        plan=plan,
        fit=fit,
        heading=heading,
        strip=strip,
        table=table,
        downloads=downloads,
        details=details,
        pose=pose,
        stop=stop,
        count=gr.State(0),
        mode=gr.State("new"),
        asked=gr.State(None),
        shown_set=gr.State(""),
    )
