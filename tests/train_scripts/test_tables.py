"""Tables: the paper's figures against its text, and our rows beside them."""

import json
import re

import pytest

from gallery.errors import GalleryError
from gallery.report.report import write_report
from tests.helpers import ROOT
from train_scripts import tables
from train_scripts.data.readers.dataset import BOTH_WAYS
from train_scripts.evaluation.paper_tables import ABLATIONS, PAPER

PAPER_TEXT = ROOT.parent / "shared" / "paper"

SCANNED_WRONG = {("IV", "LPN"), ("IV", "SRLN")}  # a digit doubled in the text: 83775 for 83.75, 93775 for 93.75
SCANNED_NAMES = {"MFJR": ("MFJR", "MFIR", "MEFIR"), "ViT": ("Vit",), "MuSe-Net": ("MuSe-Net", "MuSeNet")}


def digits(text):
    return re.sub(r"\D", "", text)


def lines_of_the_paper():
    """Lines of text by table number."""
    files = sorted(PAPER_TEXT.glob("001_*.txt")) if PAPER_TEXT.is_dir() else []
    if not files:
        pytest.skip("the paper's text is not on this machine")
    text = files[0].read_text()
    starts = [(match.group(1), match.start()) for match in re.finditer(r"^TABLE ([IV]+)$", text, re.MULTILINE)]
    ends = [start for _, start in starts[1:]] + [len(text)]
    return {number: text[start:end].splitlines() for (number, start), end in zip(starts, ends, strict=True)}


@pytest.mark.parametrize("number", PAPER)
def test_every_row_stands_in_the_paper_digit_by_digit(number):
    """The scan drops points and blanks, so digits are compared: all of them, in their order, to the end of the line."""
    lines = lines_of_the_paper()[number]
    for block in PAPER[number].blocks:
        for row in block.rows:
            figures = "".join(f"{value:.2f}" for score in row.scores for value in score if value is not None)
            wanted = digits(row.params + row.gflops + figures)
            names = SCANNED_NAMES.get(row.model, (row.model,))
            own = [line for line in lines if number == "VII" or any(name in line for name in names)]
            if (number, row.model) in SCANNED_WRONG:
                wanted, own = wanted.replace("9375", "93775", 1), [line.replace("83775", "83.75") for line in own]
            assert any(digits(line).endswith(wanted) for line in own), (number, row.model, wanted, own)
            if row.venue != "-":
                year = row.venue[-4:]
                assert any(row.venue.split("'")[0] in line and year in line for line in own), (number, row.model)


@pytest.mark.parametrize(
    ("number", "rows", "cells"), [("I", 17, 2), ("III", 13, 4), ("IV", 13, 4), ("V", 5, 4), ("VI", 5, 4), ("VII", 6, 2)]
)
def test_no_row_is_missing(number, rows, cells):
    (block,) = PAPER[number].blocks
    assert len(block.rows) == rows and len(block.cells) == cells
    assert all(len(row.scores) == cells for row in block.rows)


def test_the_weather_table_has_four_methods_each_way():
    there, back = PAPER["II"].blocks
    assert [row.model for row in there.rows] == [row.model for row in back.rows]
    assert all(len(row.scores) == 10 for row in (*there.rows, *back.rows))


def test_figures_are_percentages_and_tables_agree_where_they_repeat_each_other():
    for table in PAPER.values():
        for block in table.blocks:
            for row in block.rows:
                assert row.protocol in ("paper", "full", "?")
                assert all(0 < value <= 100 for score in row.scores for value in score if value is not None)
    assert PAPER["I"].blocks[0].rows[-1].scores == PAPER["VII"].blocks[0].rows[-1].scores


def summary(**changes):
    return {
        "protocol": "paper",
        "direction": "drone-to-satellite",
        "dataset": "university1652",
        "recall": {"1": 90.0, "5": 95.0, "10": 96.0, "1%": 97.0},
        "ap": 91.0,
        "model": "mine",
    } | changes


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({}, ["I", "II"]),
        ({"condition": "fog"}, ["II"]),
        ({"condition": "hail"}, []),
        ({"dataset": "sues200", "height_m": 150}, ["III"]),
        ({"dataset": "sues200", "height_m": 150, "trained_on": "world"}, ["III"]),
        ({"dataset": "sues200", "height_m": 200.0, "direction": "satellite-to-drone"}, ["IV"]),
        ({"dataset": "sues200", "height_m": 150, "trained_on": "university1652"}, ["V"]),
        (
            {"dataset": "sues200", "height_m": 300, "trained_on": "university1652", "direction": "satellite-to-drone"},
            ["VI"],
        ),
        ({"dataset": "sues200", "height_m": 175}, []),
        ({"dataset": "sues200"}, []),
        ({"ablation": "PEE"}, ["VII"]),
        ({"ablation": ABLATIONS[-1]}, ["I", "II", "VII"]),
        ({"protocol": "position"}, []),
        ({"direction": "up"}, []),
        ({"dataset": "world"}, []),
    ],
)
def test_where_an_evaluation_belongs(changes, where):
    assert tables.place(summary(**changes)) == where


def test_our_row_names_its_protocol_and_only_the_papers_is_compared():
    both = [
        summary(params_m=36.5, gflops=26.183),
        summary(direction="satellite-to-drone", recall={"1": 97.01}, ap=93.08),
        summary(protocol="full", recall={"1": 80.0}),
    ]
    rows = tables.our_rows("I", both)
    assert [(row.model, row.protocol, row.gflops) for row in rows] == [
        ("mine", "paper", "26.18"),
        ("mine", "full", "-"),
    ]
    lines = [line.split() for line in tables.render("I", rows).splitlines()]
    assert ["*", "mine", "-", "paper", "36.50", "26.18", "90.00", "91.00", "97.01", "93.08"] in lines
    assert ["*", "mine", "-", "full", "-", "-", "80.00", "91.00", "-", "-"] in lines
    assert ["minus", "MEAN", "above", "-3.55", "-3.53", "+1.00", "+1.00"] in lines
    assert sum(line[:1] == ["minus"] for line in lines) == 1


def test_ablations_stand_below_their_own_row():
    ours = tables.our_rows("VII", [summary(ablation=name) for name in ("baseline", "PEE")])
    lines = tables.render("VII", ours).splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("baseline"))
    assert lines[at + 1].startswith("* mine") and lines[at + 2].strip().startswith("minus baseline")
    assert "+6.00" in lines[at + 2] and lines[at + 3].startswith("PEE ")


def test_weather_goes_into_the_block_of_its_direction():
    ours = tables.our_rows("II", [summary(condition=name, direction="satellite-to-drone") for name in ("fog", "wind")])
    text = tables.render("II", ours, markdown=True)
    before, after = text.split("Satellite→Drone", 1)
    assert "mine" not in before
    assert "| \\* mine | paper | -/- | 90.00/91.00 | -/- |" in after and "-6.00/+1.51" in after


def test_other_data_and_training_stand_in_the_name():
    rows = tables.our_rows(
        "I", [summary(data="procedural"), summary(multi_query=True), summary(trained_on="world"), summary(model=None)]
    )
    assert [row.model for row in rows] == ["mine on procedural", "mine, multi-query", "mine, trained on world", "ours"]


@pytest.mark.parametrize("number", PAPER)
@pytest.mark.parametrize("markdown", [False, True])
def test_every_table_is_laid_out_in_even_columns(number, markdown):
    text = tables.render(number, markdown=markdown)
    assert f"Table {number}. " in text and "Protocol: paper" in text
    for block in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    if not markdown:
        model = next(line for line in text.splitlines() if line.startswith("Model"))
        row = next(line for line in text.splitlines() if line.startswith(PAPER[number].blocks[0].rows[0].model))
        assert len(row) == len(model)


def test_a_model_named_with_a_bar_keeps_the_columns():
    text = tables.render("I", tables.our_rows("I", [summary(model="a|b")]), markdown=True)
    assert "a\\|b" in text


def test_the_command_line_reads_reports_and_json(tmp_path, capsys):
    (tmp_path / "one.json").write_text(json.dumps(summary(model="one")))
    (tmp_path / "two.json").write_text(json.dumps([summary(model="two", direction=name) for name in BOTH_WAYS]))
    (tmp_path / "odd.json").write_text(json.dumps(summary(model="odd", dataset="world")))
    write_report(tmp_path / "three.parquet", [], summary(model="three"))
    files = [str(tmp_path / name) for name in ("one.json", "two.json", "three.parquet", "odd.json")]
    tables.main(["i", "--ours", *files])
    said = capsys.readouterr()
    assert all(f"* {name}" in said.out for name in ("one", "two", "three")) and "Table II" not in said.out
    assert said.err.startswith("odd.json belongs to no table") and "'world'" in said.err
    tables.main(["--markdown"])
    assert capsys.readouterr().out.count("### Table") == 7


def test_mistakes_of_the_user_end_with_one_line(tmp_path, refused):
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "text.json").write_text("no JSON")
    for arguments, said in (
        (["VIII"], "there is no Table VIII"),
        (["--ours", str(tmp_path / "none.json")], "no file none.json"),
        (["--ours", str(tmp_path / "list.json")], "no summary"),
        (["--ours", str(tmp_path / "text.json")], "neither a report nor JSON"),
    ):
        assert said in refused(tables.main, *arguments)
    with pytest.raises(GalleryError, match="no summary"):
        (tmp_path / "half.json").write_text('{"recall": {}, "ap": 3}')
        tables.read_summaries(tmp_path / "half.json")
