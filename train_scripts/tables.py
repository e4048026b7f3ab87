"""The paper's Tables I to VII, its rows beside ours: `python -m train_scripts.tables [I … VII] [--ours FILE …]`.

FILE is a report or the JSON of `train_scripts.evaluate`. Every row names its protocol: the paper's tables stand
methods side by side that were measured under different ones. "?" marks methods without public code to read it from.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gallery.errors import GalleryError
from train_scripts.arguments import Parser
from train_scripts.data.places import BOTH_WAYS, PROTOCOLS, Direction
from train_scripts.data.weather import CONDITIONS

Cell = tuple[Direction, str]
"""What a pair of R@1 and AP was measured on: direction and condition ("", a weather, or a height)."""

Score = tuple[float | None, float | None]
"""R@1 and AP in percent; None where nothing is printed."""

HEIGHTS = ("150 m", "200 m", "250 m", "300 m")
ABLATIONS = (
    "baseline",
    "PEE",
    "PEE+GEE",
    "PEE+GEE+CEA",
    "PEE+GEE+CEA+L(D)",
    "PEE+GEE+CEA+L(D)+L(C)",
)

_D2S: Direction = "drone-to-satellite"
_S2D: Direction = "satellite-to-drone"
_ARROWS: Mapping[Direction, str] = {_D2S: "Drone→Satellite", _S2D: "Satellite→Drone"}

_PROTOCOL_OF = {
    # read from public code: University1652-Baseline and what descends from it ranks all, Sample4Geo's family does not
    **dict.fromkeys(("LPN", "MuSe-Net", "Dai", "MCCG", "SDPL"), "full"),
    **dict.fromkeys(("Sample4Geo", "DAC", "CAMP", "MEAN", *ABLATIONS), "paper"),
    "ViT": "full",  # of the SUES-200 benchmark
}


_LEGEND = (
    f"Protocol: paper = {PROTOCOLS['paper']}, full = {PROTOCOLS['full']}, both as each method's public code has it; "
    "? = no public code."
)


@dataclass(frozen=True)
class Row:
    """One line of a table; figures that the paper does not print are "-" or None."""

    model: str
    venue: str
    params: str  # millions, as printed
    gflops: str
    scores: tuple[Score, ...]  # one for each cell of the block
    protocol: str


@dataclass(frozen=True)
class Block:
    """Lines under one heading."""

    cells: tuple[Cell, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """One table of the paper."""

    number: str
    title: str
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()  # what is odd in the printed figures
    costs: bool = True  # prints venue, parameters and GFLOPs
    paired: bool = False  # prints "R@1/AP" as one column


@dataclass(frozen=True)
class Ours:
    """One measured row."""

    model: str
    protocol: str
    params: str
    gflops: str
    scores: Mapping[Cell, Score]
    below: str | None = None  # the paper's row that it belongs to; None puts it at the end
    comparable: bool = True  # measured as the paper did: on the published data, one photo a query


# --- the paper's figures ---


def _row(model: str, venue: str, params: str, gflops: str, *figures: float | None) -> Row:
    scores = tuple(zip(figures[::2], figures[1::2], strict=True))
    return Row(model, venue, params, gflops, scores, _PROTOCOL_OF.get(model, "?"))


def _bare(model: str, *figures: float | None) -> Row:
    """A row of a table without costs."""
    return _row(model, "-", "-", "-", *figures)


_BOTH: tuple[Cell, ...] = ((_D2S, ""), (_S2D, ""))


def _cells(direction: Direction, conditions: Iterable[str]) -> tuple[Cell, ...]:
    return tuple((direction, condition) for condition in conditions)


# fmt: off
PAPER: Mapping[str, Table] = {table.number: table for table in (
    Table("I", "University-1652", (Block(_BOTH, (
        _row("LCM", "RS'2020", "52.66", "-", 66.65, 70.82, 79.89, 65.38),
        _row("MuSe-Net", "PR'2024", "50.47", "-", 74.48, 77.83, 88.02, 75.10),
        _row("LPN", "TCSVT'2021", "62.39", "36.78", 75.93, 79.14, 86.45, 74.49),
        _row("F3-Net", "TGRS'2023", "-", "-", 78.64, 81.60, None, None),
        _row("Dai", "TIP'2023", "43.91", "-", 82.22, 84.78, 87.59, 81.49),
        _row("TransFG", "TGRS'2024", ">86.00", "-", 84.01, 86.31, 90.16, 84.61),
        _row("Swin-B", "ICCV'2021", ">88.00", "-", 84.15, 86.62, 90.30, 83.55),
        _row("IFSs", "TGRS'2024", "-", "-", 86.06, 88.08, 91.44, 85.73),
        _row("SwinV2-B", "CVPR'2022", ">88.00", "-", 86.99, 89.02, 91.16, 85.77),
        _row("MCCG", "TCSVT'2023", "56.65", "51.04", 89.40, 91.07, 95.01, 89.93),
        _row("SDPL", "TCSVT'2024", "42.56", "69.71", 90.16, 91.64, 93.58, 89.45),
        _row("MFJR", "TGRS'2024", ">88.00", "-", 91.87, 93.15, 95.29, 91.51),
        _row("CCR", "TCSVT'2024", "156.57", "160.61", 92.54, 93.78, 95.15, 91.80),
        _row("Sample4Geo", "ICCV'2023", "87.57", "90.24", 92.65, 93.81, 95.14, 91.39),
        _row("SRLN", "TGRS'2024", "193.03", "-", 92.70, 93.77, 95.14, 91.97),
        _row("DAC", "TCSVT'2024", "96.50", "90.24", 94.67, 95.50, 96.43, 93.79),
        _row("MEAN", "-", "36.50", "26.18", 93.55, 94.53, 96.01, 92.08),
    )),), ("DAC has 96.50 M parameters here and 103.84 M in Tables III to VI.",)),
    Table("II", "Multi-weather University-1652", (
        Block(_cells(_D2S, CONDITIONS), (
            _bare("LPN", 74.33, 77.60, 69.31, 72.95, 67.96, 71.72, 64.90, 68.85, 64.51, 68.52,
                  54.16, 58.73, 65.38, 69.29, 53.68, 58.10, 60.90, 65.27, 66.46, 70.35),
            _bare("MuSe-Net", 74.48, 77.83, 69.47, 73.24, 70.55, 74.14, 65.72, 69.70, 65.59, 69.64,
                  54.69, 59.24, 65.64, 70.54, 53.85, 58.49, 61.65, 65.51, 69.45, 73.22),
            _bare("Sample4Geo", 90.55, 92.18, 89.72, 91.48, 85.89, 88.11, 86.64, 88.18, 85.88, 88.16,
                  84.64, 87.11, 85.98, 88.16, 87.90, 89.87, 76.72, 80.18, 83.39, 89.51),
            _bare("MEAN", 90.81, 92.32, 90.97, 92.52, 88.19, 90.05, 88.69, 90.49, 86.75, 88.84,
                  86.00, 88.22, 87.21, 89.21, 87.90, 89.87, 80.54, 83.53, 89.27, 91.01),
        )),
        Block(_cells(_S2D, CONDITIONS), (
            _bare("LPN", 87.02, 75.19, 86.16, 71.34, 83.88, 69.49, 82.88, 65.39, 84.59, 66.28,
                  79.60, 55.19, 84.17, 66.26, 82.88, 52.05, 81.03, 62.24, 84.14, 67.35),
            _bare("MuSe-Net", 88.02, 75.10, 87.87, 69.85, 87.73, 71.12, 83.74, 66.52, 85.02, 67.78,
                  80.88, 54.26, 84.88, 67.75, 80.74, 53.01, 81.60, 62.09, 86.31, 70.03),
            _bare("Sample4Geo", 95.86, 89.86, 95.72, 88.95, 94.44, 85.71, 95.01, 86.73, 93.44, 85.27,
                  93.72, 84.78, 93.15, 85.50, 96.01, 87.06, 89.87, 74.52, 95.29, 87.06),
            _bare("MEAN", 96.58, 89.93, 96.00, 89.49, 95.15, 88.87, 94.44, 87.44, 93.58, 86.91,
                  94.44, 87.44, 93.72, 86.91, 96.29, 89.87, 92.87, 79.66, 95.44, 86.05),
        )),
    ), (
        "In the dark, drone to satellite, Sample4Geo and MEAN have the same figures.",
        "MEAN, satellite to drone, has the same figures in snow as in fog+snow.",
        "MEAN's normal weather is not its row of Table I.",
    ), costs=False, paired=True),
    Table("III", "SUES-200, drone to satellite", (Block(_cells(_D2S, HEIGHTS), (
        _row("LCM", "RS'2021", "52.66", "-", 43.42, 49.65, 49.42, 55.91, 57.47, 60.31, 60.43, 65.78),
        _row("LPN", "TCSVT'2022", "62.39", "36.78", 61.58, 67.23, 70.85, 75.96, 80.38, 83.80, 81.47, 84.53),
        _row("ViT", "TCSVT'2023", "172.20", "-", 59.32, 64.93, 62.30, 67.24, 71.35, 75.49, 77.17, 80.67),
        _row("IFSs", "TGRS'2024", "-", "-", 77.57, 81.30, 89.50, 91.40, 92.58, 94.21, 97.40, 97.92),
        _row("MCCG", "TCSVT'2023", "56.65", "51.04", 82.22, 85.47, 89.38, 91.41, 93.82, 95.04, 95.07, 96.20),
        _row("SDPL", "TCSVT'2024", "42.56", "69.71", 82.95, 85.82, 92.73, 94.07, 96.05, 96.69, 97.83, 98.05),
        _row("CCR", "TCSVT'2024", "156.57", "160.61", 87.08, 89.55, 93.57, 94.90, 95.42, 96.28, 96.82, 97.39),
        _row("MFJR", "TGRS'2024", ">88.00", "-", 88.95, 91.05, 93.60, 94.72, 95.42, 96.28, 97.45, 97.84),
        _row("SRLN", "TGRS'2024", "193.03", "-", 89.90, 91.90, 94.32, 95.65, 95.92, 96.79, 96.37, 97.21),
        _row("Sample4Geo", "ICCV'2023", "87.57", "90.24", 92.60, 94.00, 97.38, 97.81, 98.28, 98.64, 99.18, 99.36),
        _row("DAC", "TCSVT'2024", "103.84", "90.24", 96.80, 97.54, 97.48, 97.97, 98.20, 98.62, 97.58, 98.14),
        _row("CAMP", "TGRS'2024", "91.40", "90.24", 95.40, 96.38, 97.63, 98.16, 98.05, 98.45, 99.33, 99.46),
        _row("MEAN", "-", "36.50", "26.18", 95.50, 96.46, 98.38, 98.72, 98.95, 99.17, 99.52, 99.63),
    )),)),
    Table("IV", "SUES-200, satellite to drone", (Block(_cells(_S2D, HEIGHTS), (
        _row("LCM", "RS'2021", "52.66", "-", 57.50, 38.11, 68.75, 49.19, 72.50, 47.94, 75.00, 59.36),
        _row("LPN", "TCSVT'2022", "62.39", "36.78", 83.75, 83.75, 83.75, 83.75, 83.75, 83.75, 83.75, 83.75),
        _row("ViT", "TCSVT'2023", "172.20", "-", 82.50, 58.95, 85.00, 62.56, 88.75, 69.96, 96.25, 84.16),
        _row("CCR", "TCSVT'2024", "156.57", "160.61", 92.50, 88.54, 97.50, 95.22, 97.50, 97.10, 97.50, 97.49),
        _row("Sample4Geo", "ICCV'2023", "87.57", "90.24", 92.60, 94.00, 97.38, 97.81, 98.28, 98.64, 99.18, 99.36),
        _row("IFSs", "TGRS'2024", "-", "-", 93.75, 79.49, 97.50, 90.52, 97.50, 96.03, 100.00, 97.66),
        _row("MCCG", "TCSVT'2023", "56.65", "51.04", 93.75, 89.72, 93.75, 92.21, 96.25, 96.14, 98.75, 96.64),
        _row("SDPL", "TCSVT'2024", "42.56", "69.71", 93.75, 83.75, 96.25, 92.42, 97.50, 95.65, 96.25, 96.17),
        _row("SRLN", "TGRS'2024", "193.03", "-", 93.75, 93.01, 97.50, 95.08, 97.50, 96.52, 97.50, 96.71),
        _row("MFJR", "TGRS'2024", ">88.00", "-", 95.00, 89.31, 96.25, 94.72, 94.69, 96.92, 98.75, 97.14),
        _row("CAMP", "TGRS'2024", "91.40", "90.24", 96.25, 93.69, 97.50, 96.76, 98.75, 98.10, 100.00, 98.85),
        _row("DAC", "TCSVT'2024", "103.84", "90.24", 97.50, 94.06, 98.75, 96.66, 98.75, 98.09, 98.75, 97.87),
        _row("MEAN", "-", "36.50", "26.18", 97.50, 94.75, 100.00, 97.09, 100.00, 98.28, 100.00, 99.21),
    )),), (
        "The paper's caption says drone to satellite; its header and the 80 queries say satellite to drone.",
        "Sample4Geo's row is that of Table III: 80 queries allow multiples of 1.25 only, which rules out its R@1 and "
        "MFJR's at 250 m.",
        "LPN's row holds one figure eight times.",
    )),
    Table("V", "University-1652 to SUES-200, drone to satellite", (Block(_cells(_D2S, HEIGHTS), (
        _row("MCCG", "TCSVT'2023", "56.65", "51.04", 57.62, 62.80, 66.83, 71.60, 74.25, 78.35, 82.55, 85.27),
        _row("Sample4Geo", "ICCV'2023", "87.57", "90.24", 70.05, 74.93, 80.68, 83.90, 87.35, 89.72, 90.03, 91.91),
        _row("DAC", "TCSVT'2024", "103.84", "90.24", 76.65, 80.56, 86.45, 89.00, 92.95, 94.18, 94.53, 95.45),
        _row("CAMP", "TGRS'2024", "91.40", "90.24", 78.90, 82.38, 86.83, 89.28, 91.95, 93.63, 95.68, 96.65),
        _row("MEAN", "-", "36.50", "26.18", 81.73, 87.72, 89.05, 91.00, 92.13, 93.60, 94.63, 95.76),
    )),), ("Trained on University-1652, evaluated on SUES-200 as it is.",)),
    Table("VI", "University-1652 to SUES-200, satellite to drone", (Block(_cells(_S2D, HEIGHTS), (
        _row("MCCG", "TCSVT'2023", "56.65", "51.04", 61.25, 53.51, 82.50, 67.06, 81.25, 74.99, 87.50, 80.20),
        _row("Sample4Geo", "ICCV'2023", "87.57", "90.24", 83.75, 73.83, 91.25, 83.42, 93.75, 89.07, 93.75, 90.66),
        _row("DAC", "TCSVT'2024", "103.84", "90.24", 87.50, 79.87, 96.25, 88.98, 95.00, 92.81, 96.25, 94.00),
        _row("CAMP", "TGRS'2024", "91.40", "90.24", 87.50, 78.98, 95.00, 87.05, 95.00, 91.05, 96.25, 93.44),
        _row("MEAN", "-", "36.50", "26.18", 91.25, 81.50, 96.25, 89.55, 95.00, 92.36, 96.25, 94.32),
    )),), ("Trained on University-1652, evaluated on SUES-200 as it is.",)),
    Table("VII", "Parts of MEAN on University-1652", (Block(_BOTH, (
        _bare("baseline", 84.00, 86.51, 92.29, 82.90),
        _bare("PEE", 91.10, 92.59, 95.57, 90.23),
        _bare("PEE+GEE", 91.49, 92.93, 95.72, 90.80),
        _bare("PEE+GEE+CEA", 92.07, 93.39, 95.58, 91.57),
        _bare("PEE+GEE+CEA+L(D)", 92.84, 94.04, 95.44, 91.78),
        _bare("PEE+GEE+CEA+L(D)+L(C)", 93.55, 94.53, 96.01, 92.08),
    )),), (
        "The baseline is ConvNeXt-Tiny trained with the cross-entropy loss alone.",
        "That the fifth row lacks L(C), not L(D), is inferred from the order of the columns.",
    ), costs=False),
)}
# fmt: on
"""The tables by number, figures as printed."""


# --- our figures ---


def our_rows(number: str, summaries: Iterable[Mapping[str, Any]]) -> list[Ours]:
    """The rows that evaluations add to a table: one for each model, data and protocol.

    Args:
        number: of the table.
        summaries: of `train_scripts.evaluate`. Read are protocol ("paper" or "full"), direction, recall["1"], ap,
            dataset ("university1652" or "sues200") and, where they are known, model, data (a name of the data if
            they are not the published ones), condition (a weather), height_m, trained_on (a dataset), ablation,
            multi_query, params_m and gflops.
    """
    found: dict[tuple[str, str, str | None], dict[str, Any]] = {}
    for summary in summaries:
        cell = _cell(number, summary)
        if cell is None:
            continue
        below = summary.get("ablation") if number == "VII" else None
        label = _label(summary, "sues200" if number in ("III", "IV") else "university1652")
        comparable = not (summary.get("data") or summary.get("multi_query"))
        row = found.setdefault((label, summary["protocol"], below), {"scores": {}, "comparable": comparable})
        row["scores"][cell] = (float(summary["recall"]["1"]), float(summary["ap"]))
        for key in ("params_m", "gflops"):
            if summary.get(key) is not None:
                row[key] = f"{float(summary[key]):.2f}"
    return [
        Ours(model, protocol, row.get("params_m", "-"), row.get("gflops", "-"), row["scores"], below, row["comparable"])
        for (model, protocol, below), row in found.items()
    ]


def place(summary: Mapping[str, Any]) -> list[str]:
    """Numbers of the tables that an evaluation belongs to; empty if none."""
    return [number for number in PAPER if _cell(number, summary) is not None]


def read_summaries(file: Path) -> list[Mapping[str, Any]]:
    """Summaries of a report, or of a JSON document that holds one or a list of them.

    Raises:
        GalleryError: the file is missing or holds none.
    """
    if file.suffix == ".parquet":
        from gallery.report import read_report

        return [read_report(file).summary]
    try:
        held = json.loads(file.read_text())
    except FileNotFoundError as error:
        raise GalleryError(f"There is no file {file.name}. Check the path.") from error
    except (OSError, ValueError) as error:
        raise GalleryError(f"{file.name} is neither a report nor JSON. Evaluate with --out or --json.") from error
    summaries = held if isinstance(held, list) else [held]
    if not summaries or not all(_is_summary(one) for one in summaries):
        raise GalleryError(f"{file.name} holds no summary of an evaluation. Evaluate with --json.")
    return summaries


def _is_summary(held: Any) -> bool:
    return (
        isinstance(held, Mapping)
        and isinstance(held.get("recall"), Mapping)
        and isinstance(held["recall"].get("1"), int | float)
        and isinstance(held.get("ap"), int | float)
    )


def _cell(number: str, summary: Mapping[str, Any]) -> Cell | None:
    """Where an evaluation stands in a table; None where it does not belong there."""
    direction = next((known for known in BOTH_WAYS if known == summary.get("direction")), None)
    dataset = summary.get("dataset")
    if summary.get("protocol") not in PROTOCOLS or direction is None:
        return None
    wanted: str
    if number in ("I", "II", "VII"):
        weather = summary.get("condition") or "normal"
        ablation = summary.get("ablation")
        fits = dataset == "university1652" and (number == "II" or weather == "normal")
        fits = fits and (ablation in ABLATIONS if number == "VII" else ablation in (None, ABLATIONS[-1]))
        wanted = weather if number == "II" else ""
    else:
        height = summary.get("height_m")
        abroad = summary.get("trained_on") == "university1652"
        fits = dataset == "sues200" and height is not None and abroad == (number in ("V", "VI"))
        fits = fits and summary.get("ablation") in (None, ABLATIONS[-1])
        wanted = f"{height:g} m" if isinstance(height, int | float) else str(height)
    cell = (direction, wanted)
    return cell if fits and any(cell in block.cells for block in PAPER[number].blocks) else None


def _label(summary: Mapping[str, Any], trained_on: str) -> str:
    """Who was measured, with what differs from what the table is about."""
    label = str(summary.get("model") or "ours")
    if summary.get("data"):
        label += f" on {summary['data']}"
    if summary.get("trained_on") not in (None, trained_on):
        label += f", trained on {summary['trained_on']}"
    return label + (", multi-query" if summary.get("multi_query") else "")


# --- layout ---


def render(number: str, ours: Sequence[Ours] = (), markdown: bool = False) -> str:
    """One table, our rows marked and named after their protocol; a measured row of the paper's protocol and data is
    followed by its difference to the paper's MEAN, or in Table VII to the paper's row of the same parts.

    Args:
        ours: see `our_rows`.
        markdown: else plain text.
    """
    table = PAPER[number]
    heading = f"Table {table.number}. {table.title}; R@1 and AP in percent"
    parts = [f"### {heading}" if markdown else heading]
    for block in table.blocks:
        if len(table.blocks) > 1:
            parts.append(_ARROWS[block.cells[0][0]])
        lines = [_header(table, block), *_body(table, block, ours)]
        parts.append(_as_markdown(lines) if markdown else _as_text(lines))
    parts.append("\n".join(f"- {note}" for note in (*table.notes, _LEGEND)))
    return "\n\n".join(parts) + "\n"


def _header(table: Table, block: Block) -> list[str]:
    columns = ["Model", "Protocol"]
    if table.costs:
        columns[1:1] = ["Venue"]
        columns += ["Params (M)", "GFLOPs"]
    directions = len({direction for direction, _ in block.cells})
    for direction, condition in block.cells:
        what = " ".join(part for part in (_ARROWS[direction] if directions > 1 else "", condition) if part)
        columns += [f"{what} R@1/AP"] if table.paired else [f"{what} R@1", f"{what} AP"]
    return columns


def _body(table: Table, block: Block, ours: Sequence[Ours]) -> list[list[str]]:
    lines = []
    own = [row for row in ours if any(cell in row.scores for cell in block.cells)]
    reference = {row.model: row for row in block.rows}
    for row in block.rows:
        lines.append(_line(table, (row.model, row.venue, row.protocol, row.params, row.gflops), row.scores))
        lines += [line for mine in own if mine.below == row.model for line in _own_lines(table, block, mine, row)]
    for mine in own:
        if mine.below is None:
            lines += _own_lines(table, block, mine, reference["MEAN"])
    return lines


def _own_lines(table: Table, block: Block, mine: Ours, paper: Row) -> list[list[str]]:
    scores = [mine.scores.get(cell, (None, None)) for cell in block.cells]
    lines = [_line(table, (f"* {mine.model}", "-", mine.protocol, mine.params, mine.gflops), scores)]
    if mine.comparable and mine.protocol == paper.protocol:
        apart = [
            tuple(None if a is None or b is None else a - b for a, b in zip(*pair, strict=True))
            for pair in zip(scores, paper.scores, strict=True)
        ]
        lines.append(_line(table, (f"  minus {paper.model} above", "", "", "", ""), apart, sign="+"))
    return lines


def _line(
    table: Table, names: tuple[str, str, str, str, str], scores: Iterable[Sequence[float | None]], sign: str = ""
) -> list[str]:
    model, venue, protocol, params, gflops = names
    line = [model, venue, protocol, params, gflops] if table.costs else [model, protocol]
    for score in scores:
        shown = ["-" if value is None else f"{value:{sign}.2f}" for value in score]
        line += ["/".join(shown)] if table.paired else shown
    return line


def _as_markdown(lines: Sequence[Sequence[str]]) -> str:
    escaped = [[cell.strip().replace("|", "\\|").replace("* ", "\\* ", 1) for cell in line] for line in lines]
    header, *body = escaped
    rule = [":--" if index == 0 else "--:" for index in range(len(header))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *body))


def _as_text(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    aligned = [
        "  ".join(cell.ljust(width) if not column else cell.rjust(width) for column, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    ]
    return "\n".join([aligned[0], "-" * len(aligned[0]), *aligned[1:]])


def main(argv: list[str] | None = None) -> None:
    parser = Parser(
        "python -m train_scripts.tables", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("numbers", nargs="*", metavar="NUMBER", help="I to VII; all when none is named")
    parser.add_argument("--ours", nargs="+", type=Path, default=[], metavar="FILE", help="reports or JSON summaries")
    parser.add_argument("--markdown", action="store_true", help="Markdown instead of plain text")
    options = parser.parse_args(argv)
    numbers = [number.upper() for number in options.numbers] or list(PAPER)
    unknown = [number for number in numbers if number not in PAPER]
    if unknown:
        parser.error(f"there is no Table {unknown[0]}; choose among {', '.join(PAPER)}.")
    try:
        held = [(file.name, summary) for file in options.ours for summary in read_summaries(file)]
    except GalleryError as error:
        parser.error(str(error))
    for name, summary in held:
        if not place(summary):
            sys.stderr.write(
                f"{name} belongs to no table: its protocol is {summary.get('protocol')!r}, its direction "
                f"{summary.get('direction')!r}, its dataset {summary.get('dataset')!r}.\n"
            )
    tables = (render(number, our_rows(number, (one for _, one in held)), options.markdown) for number in numbers)
    sys.stdout.write("\n\n".join(tables))


if __name__ == "__main__":
    main()
