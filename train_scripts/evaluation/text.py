"""The summaries of evaluations in words, and the paper's tables that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gallery.report.ground import OUTCOMES
from train_scripts.data.readers.dataset import PROTOCOLS
from train_scripts.data.readers.listing import shown, some
from train_scripts.evaluation import paper_comparison
from train_scripts.evaluation.paper_tables import PAPER
from train_scripts.evaluation.photos import FAR_OFF_M
from train_scripts.evaluation.picture_vectors import CLEAR


def of_places(summary: Mapping[str, Any]) -> str:
    """The summary of a trial on a dataset of places, in a few lines."""
    name = f"{summary['data']} data in the layout of {summary['name']}" if summary["data"] else summary["name"]
    varied = [summary["condition"]] * (summary["condition"] != CLEAR) + ["multi-query"] * summary["multi_query"]
    removed = f", {summary['gallery_removed']:,} removed" if summary["gallery_removed"] else ""
    protocol = summary["protocol"]
    lines = [
        ", ".join([name, *varied]),
        f"{summary['direction']}, {protocol} protocol ({PROTOCOLS[protocol]}): "
        f"{summary['queries']:,} queries against {summary['gallery']:,}{removed}",
        "  ".join([*(f"R@{k} {value:.2f}" for k, value in summary["recall"].items()), f"AP {summary['ap']:.2f} %"]),
    ]
    lines += _positions(summary["positions"])
    if summary["unreadable"]:
        names = summary["unreadable"]
        lines.append(f"Left out as unreadable ({len(names):,}): {some(names)}.")
    if summary["tied"]:
        lines.append(f"{summary['tied']:,} queries have a match that scores exactly as another picture.")
    lines += summary["notes"]
    lines += [f"report: {summary['report']}"] if "report" in summary else []
    return "\n".join(map(shown, lines)) + "\n"


def of_photos(summary: Mapping[str, Any]) -> str:
    """The summary of photos that were searched in a gallery, in a few lines."""
    removed = f", {summary['gallery_removed']:,} removed" if summary["gallery_removed"] else ""
    lines = [
        f"{summary['photos']}, searched in {summary['searched']}; truth from {summary['truth']}",
        f"{summary['direction']}, {summary['protocol']} protocol ({PROTOCOLS[summary['protocol']]}): "
        f"{summary['queries']:,} photos against {summary['gallery']:,} tiles{removed}",
    ]
    for name, value in summary["recall"].items():
        low, high = summary["interval95"][name]
        lines.append(f"R@{name:<3} {value:6.2f} %   (95 %: {low:.1f} to {high:.1f})")
    lines += [
        f"AP    {summary['ap']:6.2f} %",
        *_positions(summary["positions"]),
        f"median {summary['median_error_m']:.0f} m to the best tile's centre",
    ]
    if "located" in summary:
        lines.append(f"position given for {summary['located']}, right for {summary['located_right']}")
    if summary.get("trust"):
        trust = summary["trust"]
        kept = ", ".join(f"{100 * share:.1f} % at {float(at):.0%}" for at, share in trust["coverage"].items())
        auc = "" if trust["auc_pr"] is None else f"AUC-PR {trust['auc_pr']:.3f}, "
        lines.append(
            f"confidence: {auc}calibration error {trust['calibration_error']:.3f}; answers that can be kept at a "
            f"precision: {kept}"
        )
    if "on_ground" in summary:
        counts = "; ".join(f"{count} {OUTCOMES[name]}" for name, count in summary["on_ground"].items() if count)
        lines.append(f"on the ground: {counts}")
    if summary.get("verified"):
        lines.append(
            f"verified by geometry {summary['verified']}, median {summary['verified_median_error_m']:.1f} m off; "
            f"{summary['verified_within_radius']} within their radius, {summary['verified_far_off']} more than "
            f"{FAR_OFF_M:.0f} m off"
        )
    for key, what in (("unplaced", "without a known position"), ("unreadable", "unreadable")):
        if summary[key]:
            lines.append(f"Left out as {what} ({len(summary[key]):,}): {some(summary[key])}.")
    lines += summary["notes"]
    lines += [f"report: {summary['report']}"] if "report" in summary else []
    return "\n".join(map(shown, lines)) + "\n"


def _positions(positions: Mapping[str, Any] | None) -> list[str]:
    """Lines on how near the best tiles lie, as `PositionScores.to_dict` has it; none where that is not known."""
    if positions is None:
        return []
    forms = {"sdm_degrees": "as DenseUAV defines it", "sdm_metres": "as GTA-UAV does"}
    near = [*(f"MA@{k}m {value:.2f}" for k, value in positions["ma"].items())]
    far = [*(f"Dis@{k} {value:.0f} m" for k, value in positions["dis_m"].items())]
    return [
        *("  ".join(f"SDM@{k} {value:.2f}" for k, value in positions[form].items()) + f"  ({words})"
          for form, words in forms.items()),
        "  ".join(near),
        "  ".join(far),
    ]  # fmt: skip


def tables_of(summaries: Sequence[Mapping[str, Any]]) -> str:
    """The paper's tables that the summaries belong to, ours beside its rows: in weather Table II alone."""
    weathers = any(summary["condition"] != CLEAR for summary in summaries)
    numbers = {
        number for summary in summaries for number in paper_comparison.place(summary) if (number == "II") == weathers
    }
    return "\n".join(
        paper_comparison.render(number, paper_comparison.our_rows(number, summaries))
        for number in PAPER
        if number in numbers
    )
