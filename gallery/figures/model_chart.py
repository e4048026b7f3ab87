"""The figure of accuracy against parameters (Fig. 1 of the paper)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gallery.errors import GalleryError
from gallery.figures.embeddings import BLUE, GREY, RED, panels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ModelPoint:
    """A method in a comparison."""

    name: str
    parameters_m: float  # millions
    accuracy: float  # percent
    protocol: str = "?"  # paper, full, or ? where it is not known: figures of different ones do not compare
    at_least: bool = False  # only a lower bound of the parameters is published
    ours: bool = False


def accuracy_against_parameters(points: Sequence[ModelPoint], accuracy: str = "R@1 (%)") -> "Figure":
    """Every method as a point; the upper left is better.

    Full symbols were measured under the paper's protocol, open ones on the whole gallery, grey ones under an unknown
    protocol. An arrow says that the method has more parameters than shown.

    Args: accuracy: what the vertical axis shows.

    Raises:
        GalleryError: there is no point, or one that is no number.
    """
    if not points:
        raise GalleryError("There is no model to show.")
    for point in points:
        if not (math.isfinite(point.parameters_m) and math.isfinite(point.accuracy)):
            raise GalleryError(f"{point.name} has no number of parameters, or no accuracy.")
    figure, (axis,) = panels_of(1, width_in=6.4, height_in=4.4)
    used: dict[str, Any] = {}
    for point in points:
        colour = RED if point.ours else GREY if point.protocol not in _PROTOCOLS else BLUE
        label = "ours" if point.ours else _PROTOCOLS.get(point.protocol, "protocol unknown")
        used[label] = axis.scatter(
            point.parameters_m,
            point.accuracy,
            s=130 if point.ours else 42,
            marker="*" if point.ours else "o" if point.protocol in _PROTOCOLS else "s",
            facecolors="white" if point.protocol == "full" else colour,
            edgecolors=colour,
            zorder=3,
        )
        if point.at_least:
            arrow = {"arrowstyle": "<-", "color": colour, "linewidth": 0.9}  # its head is at the text's end
            place = (point.parameters_m, point.accuracy)
            axis.annotate("", place, (22, 0), textcoords="offset points", arrowprops=arrow)
    axis.set_xlabel("parameters (millions)")
    axis.set_ylabel(accuracy)
    axis.margins(0.12)
    axis.set_xlim(left=0)
    axis.grid(color="#dddddd", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(used.values(), used.keys(), fontsize=8, loc="lower right")
    _label_points(figure, axis, points)
    return figure


_PROTOCOLS = {"paper": "paper's protocol", "full": "whole gallery"}


def _label_points(figure: "Figure", axis: "Axes", points: Sequence[ModelPoint]) -> None:
    """Write each name beside its point where it covers least of what stands there."""
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()  # fixes the layout, so that places on the page are known
    scale = figure.dpi / 72
    spots = axis.transData.transform([(point.parameters_m, point.accuracy) for point in points])
    reach = [(22 if point.at_least else 5) * scale for point in points]  # an arrow goes to the right
    half = 5 * scale
    taken = [
        Bbox.from_extents(x - half, y - half, x + right, y + half) for (x, y), right in zip(spots, reach, strict=True)
    ]
    legend = axis.get_legend()
    if legend:
        taken.append(legend.get_window_extent())
    frame = axis.get_window_extent()
    for (x, y), right, point in sorted(zip(spots, reach, points, strict=True), key=lambda item: not item[2].ours):
        text = axis.annotate(
            point.name, (point.parameters_m, point.accuracy), xytext=(0, 0), textcoords="offset points",
            fontsize=8, fontweight="bold" if point.ours else "normal", parse_math=False,
        )  # fmt: skip
        size = text.get_window_extent()
        width, height, off = size.width, size.height, 7 * scale
        beside, left = right + 2 * scale, -off - width
        best = min(
            ((x + dx, y + dy) for dx, dy in (
                (beside, -height / 2), (-width / 2, off), (-width / 2, -off - height), (left, -height / 2),
                (beside, off / 2), (beside, -off / 2 - height), (left, off / 2), (left, -off / 2 - height),
                (off, 2 * off), (off, -2 * off - height), (left, 2 * off), (left, -2 * off - height),
            )),
            key=lambda corner: _covered(Bbox.from_bounds(corner[0], corner[1], width, height), taken, frame),
        )  # fmt: skip
        text.set_position(((best[0] - x) / scale, (best[1] - y) / scale))
        taken.append(Bbox.from_bounds(best[0], best[1], width, height))


def _covered(box: Any, taken: Sequence[Any], frame: Any) -> float:
    """Area of a box that lies on others, or outside the frame."""
    from matplotlib.transforms import Bbox

    def shared(other: Any) -> float:
        common = Bbox.intersection(box, other)
        return float(common.width * common.height) if common is not None else 0.0

    return sum(map(shared, taken)) + 2 * (float(box.width * box.height) - shared(frame))
