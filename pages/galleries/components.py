"""The components of the page of galleries: the list, the map, what is known of a gallery, and a visitor's own."""

from dataclasses import dataclass

import gradio as gr

from pages.common import cards, static, widgets
from pages.galleries.build_form import BuildForm, OwnGallery, make_build_form, make_own_gallery
from pages.gallery_picker import GalleryPicker, make_picker
from pages.services.visitor_builds import VisitorBuilds

MAP_ID = "gallery-map"
PROMISE = "The ground that photos are searched on."
LOOKING = cards.message_card(
    "Looking at the gallery's health", "Repeated, look-alike and empty tiles, and gaps between them.", "waiting"
)
NO_TILE = cards.message_card("No tile chosen", "Click a tile on the map to see it.")


@dataclass(frozen=True)
class Parts:
    """The page's components."""

    picker: GalleryPicker
    head: gr.HTML
    listing: gr.HTML
    plan: gr.HTML
    tile: gr.HTML
    health: gr.HTML
    own: OwnGallery
    form: BuildForm

    @property
    def gallery_view(self) -> list[gr.blocks.Block]:
        """Every component that shows something of the chosen gallery."""
        return [self.head, self.listing, self.plan, self.tile, self.health, self.own.row, self.own.download]


def make_parts(builds: VisitorBuilds) -> Parts:
    """Put the components into the Blocks at hand."""
    head = gr.HTML(cards.header("Opening the galleries…", promise=PROMISE), elem_id="head")
    listing = gr.HTML("", elem_id="galleries", js_on_load=static.text("gallery_list.js"))
    with gr.Row(elem_id="desk"):
        with gr.Column(scale=4, min_width=330, elem_id="ask"):
            picker = make_picker(builds.catalog)
            health = gr.HTML(LOOKING, elem_id="health", js_on_load=static.text("gallery_health.js"))
            own, form = make_own_gallery(), make_build_form(builds)
        with gr.Column(scale=9, min_width=330, elem_id="answer"):
            plan = widgets.map_view(MAP_ID)
            tile = gr.HTML(NO_TILE, elem_id="card")
    return Parts(picker, head, listing, plan, tile, health, own, form)
