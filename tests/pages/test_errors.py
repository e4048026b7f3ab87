"""What a visitor is told: one line, and nothing that only the one who runs the server can do."""

import ast

import pytest

from gallery.errors import GalleryError
from pages.errors import sentence
from tests.helpers import ROOT


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("No tile.", "No tile."),
        ("Two\nlines", "Two lines."),
        ("It is no gallery. Build one with: python -m gallery build SOURCE --out here", "It is no gallery."),
        ("It has no CRS. Name it with --crs EPSG:…, or save it. Then ask.", "It has no CRS. Then ask."),
        ("", "This did not work; the server's log may say why."),
        ("python -m gallery ground DIR", "This did not work; the server's log may say why."),
        ("A height of -3 m - or 2--3 - is none.", "A height of -3 m - or 2--3 - is none."),
    ],
)
def test_commands_are_left_out(message, told):
    assert sentence(GalleryError(message)) == told


def test_pages_themselves_name_no_command():
    for file in (ROOT / "pages").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
        comments = {node.value for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant) and "python -m" in str(node.value) and node not in comments:
                assert "%s" in node.value, (file.name, node.value, "only a line of the log does")
