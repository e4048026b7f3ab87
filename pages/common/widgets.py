"""The pages' own components, and what all events of the pages share."""

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio import processing_utils
from gradio.component_meta import ComponentMeta

from pages.common import static

Values = dict[Any, Any]
"""Values by component: what an event brings, or what is to be shown."""

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
"""An event that is no part of the web API."""

QUIET: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}

SCROLL = """() => { if (innerWidth > 820) return;
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  document.querySelector('#card').scrollIntoView({behavior: calm ? 'auto' : 'smooth'}); }"""
"""Script that brings the answer into sight: on a narrow screen it stands below the photo."""


def page_at_hand() -> gr.Blocks:
    """The Blocks that a page is being built into."""
    page = gr.context.Context.root_block
    assert page is not None
    return page


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


def download_row(labels: Mapping[str, str]) -> dict[str, gr.DownloadButton]:
    """A row of download buttons by kind of file. Args: labels: what each button says, by kind."""
    with gr.Row(elem_id="downloads"):
        return {
            kind: gr.DownloadButton(f"↓ {label}", size="sm", min_width=80, elem_id=f"download-{kind.replace('.', '-')}")
            for kind, label in labels.items()
        }


def text_files(buttons: Mapping[str, gr.DownloadButton], stem: str, texts: Mapping[str, str]) -> Values:
    """What download buttons hand out, written into Gradio's cache, which deletes it again.

    Args:
        stem: of the files' names; the kind is their ending.
        texts: what the files hold, by kind.
    """
    return {
        buttons[kind]: processing_utils.save_bytes_to_cache(
            text.encode("utf-8"), f"{stem}.{kind}", cache_dir=buttons[kind].GRADIO_CACHE
        )
        for kind, text in texts.items()
    }


def use_exif_box() -> gr.Checkbox:
    """The box that lets a photo's own position count."""
    return gr.Checkbox(
        label="Let the photo's own EXIF position count as a weak hint",
        info="It settles between places that fit about as well. It may be wrong, and the answer says what it did.",
        value=False,
        elem_id="use-exif",
    )


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
