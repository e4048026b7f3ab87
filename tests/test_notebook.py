"""The notebook from the first cell to the last, as it stands, from a folder that is not the clone."""

import json

import matplotlib as mpl
import pytest

from tests.helpers import ROOT

NOTEBOOK = ROOT / "docs" / "own_ground.ipynb"


def cells(kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == kind]


def test_it_travels_without_outputs():
    told = json.loads(NOTEBOOK.read_text())
    assert told["nbformat"] == 4 and len(cells("markdown")) > 5
    assert all(cell.get("outputs", []) == [] for cell in told["cells"]), "clear all outputs before you commit it"


@pytest.mark.slow
def test_own_imagery_to_an_answer(monkeypatch, tmp_path, capsys):
    """A cell is plain Python, so that no kernel is needed to run it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert mpl.get_backend().lower() == "agg"
    names: dict[str, object] = {"__name__": "__main__"}
    for number, source in enumerate(cells("code")):
        exec(compile(source, f"{NOTEBOOK.name}:{number}", "exec"), names)
    printed = capsys.readouterr().out
    assert "63 tiles" in printed and "located" in printed
    truth = next(
        row for row in (ROOT / "gallery/sample/flight/truth.csv").read_text().splitlines() if "flight_02" in row
    )
    lon, lat = map(float, truth.split(",")[1:3])
    place = names["answer"].place
    assert abs(place.lon - lon) < 1e-4 and abs(place.lat - lat) < 1e-4, "eleven metres"
    __import__("matplotlib.pyplot").pyplot.close("all")
