"""constraints.txt: every version in it is allowed, nothing that is needed lacks, and a Space is given the same."""

import re

import pytest
from packaging.utils import canonicalize_name

from tests import constraints


def test_every_requirement_is_held_to_a_version_that_it_allows():
    held = constraints.held()
    for asked in constraints.requirements():
        name = canonicalize_name(asked.name)
        if not constraints.FREE.fullmatch(name):
            assert asked.specifier.contains(held[name]), asked


def test_what_the_requirements_bring_is_held_too():
    held = constraints.held()
    lacking = [name for name in constraints.needed() if name not in held and not constraints.FREE.fullmatch(name)]
    assert lacking == [], "write it again: python -m tests.constraints --write"


def test_a_space_is_given_the_same_and_no_line_names_a_host():
    text = constraints.CONSTRAINTS.read_text("utf-8")
    assert text == constraints.SPACE.read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    form = r"[a-z0-9-]+==[0-9][A-Za-z0-9.]*(; python_version [<>]=? \"3\.\d+\")?"
    assert len(lines) > 50 and all(re.fullmatch(form, line) for line in lines)


def test_what_another_python_needs_is_kept_when_the_list_is_written(tmp_path, monkeypatch):
    for name in ("CONSTRAINTS", "SPACE"):
        monkeypatch.setattr(constraints, name, tmp_path / name)
        (tmp_path / name).write_text('old==1.0\nother==1.0; python_version < "3"\nours==1.0; python_version > "3"\n')
    assert constraints.main(["--write"]) == 0
    assert "other" in constraints.held() and not {"old", "ours"} & constraints.held().keys()


@pytest.mark.parametrize("name", ["pandas", "gradio", "folium"])
def test_what_broke_by_a_new_version_has_an_upper_bound(name):
    (asked,) = [each for each in constraints.requirements() if each.name == name]
    major = int(constraints.held()[name].split(".")[0])
    assert not asked.specifier.contains(f"{major + 1}.0.0")
