"""Command lines: a path that no file can have is one sentence, on every one of them."""

from pathlib import Path

import pytest

from gallery.arguments import Parser, path_of


@pytest.mark.parametrize("text", ["a" * 256, "a/" * 2500, "é" * 128, "a/" + "b" * 300 + "/c"])
def test_a_path_that_no_file_can_have_is_one_sentence(text, refused):
    parser = Parser(prog="anything")
    parser.add_argument("--folder", type=Path)
    told = refused(parser.parse_args, "--folder", text)
    assert told.count("\n") == 1 and "too long" in told and len(told) < 150


def test_all_other_paths_stay_as_they_are():
    for text in ("a" * 255, ".", "/", "a/../b", "~/x", "user/name@v1"):
        assert path_of(text) == Path(text)
