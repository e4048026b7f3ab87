"""The page's own components and the small pieces of HTML between them; every text from a file is escaped here."""

import gradio as gr
from gradio import processing_utils
from gradio.component_meta import ComponentMeta

from pages.common import static


class _WithoutStub(ComponentMeta):
    """Makes a component class without the .pyi file that Gradio would write beside this module."""

    def __new__(cls, name, bases, attrs):
        return super(ComponentMeta, cls).__new__(cls, name, bases, attrs)


class RawPhoto(gr.Image, metaclass=_WithoutStub):
    """An image input that hands on the uploaded file as it is: `load_photo` alone decodes, checks and refuses."""

    is_template = True  # drawn by the browser as gr.Image

    def preprocess(self, payload):
        """Returns: the path of the upload, or None."""
        return None if payload is None else payload.path


def text_file(button: gr.DownloadButton, name: str, text: str) -> str:
    """Write what a download button hands out into Gradio's cache, which deletes it again. Returns: the file's path."""
    return processing_utils.save_bytes_to_cache(text.encode("utf-8"), name, cache_dir=button.GRADIO_CACHE)


MAP_SCRIPT = static.text("map_frame.js")
"""Runs once beside the map's frame: tells it the theme, and the page which marker was clicked (event 'pick')."""

FLY = """(number) => document.querySelector('#{id} iframe')
  ?.contentWindow.postMessage({{src: 'mean-page', rank: number}}, '*')"""


def map_view(elem_id: str) -> gr.HTML:
    """The component that holds a map's frame. Its `pick` event carries the clicked marker's number, untrusted."""
    return gr.HTML('<div class="map-frame wait"></div>', elem_id=elem_id, js_on_load=MAP_SCRIPT)


def fly_script(elem_id: str) -> str:
    """JavaScript for an event's `js`: fly the map of that id to the number it is given."""
    return FLY.format(id=elem_id)


def picked_number(event: gr.EventData, most: int) -> int | None:
    """The number in a pick event if it is one of 1..most; the event comes from the browser."""
    number = getattr(event, "rank", None)
    return number if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= most else None


COMPARE_SCRIPT = static.text("compare.js")
"""Runs once beside `fit_view`: moves the border between photo and ground."""
