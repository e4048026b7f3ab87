"""No message is longer than can be read, whatever a person or a file gave."""

import argparse
from contextlib import redirect_stderr
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.__main__ import main, parser
from gallery.arguments import USER_MISTAKE
from gallery.plain_text import LONGEST_TEXT, LONGEST_WORD, in_short
from pages.errors import BadQuestion, sentence

LONG = {"letters": "a" * 5_000, "words": "ab " * 2_000, "a path": "b/" * 2_500, "marks": "<b>" * 2_000}


@given(st.text(), st.integers(0, 3_000), st.text(max_size=5))
def test_it_is_short_and_what_is_short_stays(text, times, word):
    told = in_short(f"{text} {word * times} end.")
    assert len(told) <= LONGEST_TEXT and max(map(len, told.split()), default=0) <= LONGEST_WORD
    assert told.endswith("end.") and in_short(told) == told
    if len(text) < 100:
        assert in_short(text) == text


def options_of(command):
    (commands,) = (each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
    return [
        each.option_strings[-1]
        for each in commands.choices[command]._actions
        if each.option_strings and each.nargs is None and each.type is not argparse.SUPPRESS
    ]


COMMANDS = ("build", "search", "track", "photo", "info", "check", "ground", "remove", "repoint", "inspect")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_repeats_little_of_what_it_was_given(command, tmp_path):
    given_text = "a" * 5_000
    for option in [None, *options_of(command)]:
        told = StringIO()
        place = [given_text] if option is None else [str(tmp_path / "none"), option, given_text]
        with redirect_stderr(told):
            try:
                status = main([command, *place, *(["x"] if command in ("search", "track", "repoint") else [])])
            except SystemExit as ended:
                status = ended.code
        assert status == USER_MISTAKE and len(told.getvalue()) < LONGEST_TEXT + 200, option


@pytest.mark.parametrize("given_text", LONG.values(), ids=LONG)
def test_a_page_does_not_either(given_text):
    assert len(sentence(BadQuestion(f"There is no {given_text}. Choose another."))) < LONGEST_TEXT + 2
