"""The page's own components: what comes from the browser is not believed, a photo is handed on as it came."""

from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

import pages
from pages.common import widgets


@pytest.mark.parametrize("number", [0, 6, -1, "1", 1.5, True, None, [1]])
def test_a_pick_that_makes_no_sense_is_ignored(number):
    assert widgets.picked_number(SimpleNamespace(rank=number), 5) is None


def test_a_pick_within_range_counts():
    assert widgets.picked_number(SimpleNamespace(rank=5), 5) == 5
    assert widgets.picked_number(SimpleNamespace(), 5) is None


def test_the_photo_input_hands_on_the_file_and_leaves_no_stub_behind():
    with gr.Blocks():
        photo = widgets.RawPhoto()
    assert photo.preprocess(SimpleNamespace(path="/somewhere/a.heic")) == "/somewhere/a.heic"
    assert photo.preprocess(None) is None
    assert photo.get_block_name() == "image"
    assert not list(Path(pages.__file__).parent.rglob("*.pyi"))
