"""The rooms of the house: who may import whom. Arrows run one way, and a wrong one is named."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import ROOT

ROOMS = ("app", "pages", "gallery", "mean_model", "train_scripts", "tests")
MAY_IMPORT = {
    "app": {"pages", "gallery", "mean_model"},
    "pages": {"gallery", "mean_model"},
    "gallery": set(),
    "mean_model": set(),
    "train_scripts": {"gallery", "mean_model"},
}
EXCEPTIONS = {"gallery/cli/loading.py": {"mean_model"}}  # the command line is the one that loads a model
NOT_AT_ALL = {"gallery": {"torch", "torchvision", "timm", "gradio"}, "mean_model": {"gradio", "faiss", "geopandas"}}


def imported(file: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level package of every absolute import, those inside functions included."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name.split(".")[0]) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.split(".")[0]


def files_of(room: str) -> list[Path]:
    return [ROOT / "app.py"] if room == "app" else sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_arrows_run_one_way(room):
    offenders = []
    for file in filter(Path.is_file, files_of(room)):
        name = file.relative_to(ROOT).as_posix()
        allowed = {room} | MAY_IMPORT[room] | EXCEPTIONS.get(name, set())
        banned = (set(ROOMS) - allowed) | NOT_AT_ALL.get(room, set())
        offenders += [f"{name}:{line} imports {package}" for line, package in imported(file) if package in banned]
    assert not offenders, "; ".join(offenders)


def test_relative_imports_stay_in_their_room():
    """`from ...x` out of a package would escape the test above."""
    for room in MAY_IMPORT:
        for file in filter(Path.is_file, files_of(room)):
            depth = len(file.relative_to(ROOT).parts) - 1
            levels = [
                node.level for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)
            ]
            assert max(levels, default=0) <= depth, f"{file.name} imports from outside its room"


def test_an_offender_would_be_named(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text("import numpy\ndef f():\n    from pages.localize import x\n")
    assert list(imported(file)) == [(1, "numpy"), (3, "pages")]
