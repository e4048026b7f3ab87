"""The paper's tables with rows of our own beside theirs, each with its protocol."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gallery.errors import GalleryError
from train_scripts.data.readers.dataset import BOTH_WAYS, PROTOCOLS
from train_scripts.evaluation.paper_tables import ABLATIONS, PAPER, Block, Cell, Row, Score, Table
from train_scripts.text_table import as_text

_ARROWS = dict(zip(BOTH_WAYS, ("Drone→Satellite", "Satellite→Drone"), strict=True))


_LEGEND = (
    f"Protocol: paper = {PROTOCOLS['paper']}, full = {PROTOCOLS['full']}, both as each method's public code has it; "
    "? = no public code."
)


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
        from gallery.report.report import read_report

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


def render(number: str, ours: Sequence[Ours] = (), markdown: bool = False) -> str:
    """One table, our rows marked and named after their protocol.

    A measured row of the paper's protocol and data is followed by its difference to the paper's MEAN, or in Table VII
    to the paper's row of the same parts.

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
        parts.append(_as_markdown(lines) if markdown else as_text(lines))
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
