"""Figures of an evaluation: distances, embeddings in the plane, ranked strips, accuracy against parameters.

Every drawing function returns a figure and leaves saving to the caller. No function touches pyplot or its settings, so
that figures can be made in any thread of a program that has its own. Nothing is told by colour alone.
"""

import colorsys
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gallery.errors import GalleryError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, GREEN, RED, GREY = "#0072B2", "#009E73", "#C62828", "#767676"

BINS = 200
"""Of a histogram of cosine distances, 0 to 2."""

CHUNK_ELEMENTS = 8_000_000
"""Distances that are held at once."""

JUNK = -1
"""Gallery items with this label are left out."""


# --- distances (Fig. 4, a to e) ---


@dataclass(frozen=True)
class Distances:
    """Cosine distances between queries and gallery items, counted in bins from 0 (same direction) to 2."""

    intra: np.ndarray  # (BINS,) int64, pairs of the same place
    inter: np.ndarray  # (BINS,) int64, pairs of different places
    intra_mean: float
    inter_mean: float

    @property
    def separation(self) -> float:
        """How often a pair of one place is closer than a pair of two: 1 when a threshold separates them, 0.5 by chance.

        Pairs in the same bin count half.
        """
        closer = np.cumsum(self.intra) - self.intra / 2
        return float((closer * self.inter).sum() / (self.intra.sum() * self.inter.sum()))


def pair_distances(
    query_vectors: np.ndarray, query_labels: np.ndarray, gallery_vectors: np.ndarray, gallery_labels: np.ndarray
) -> Distances:
    """Distances of all pairs of a query and a gallery item, chunk by chunk.

    Args:
        query_vectors: (Q, D) rows of length 1.
        query_labels: (Q,) integers, the place of each.
        gallery_vectors: (G, D) rows of length 1.
        gallery_labels: (G,) integers; -1 is left out.

    Raises:
        GalleryError: shapes do not fit, or there is no pair of the same place, or none of different places.
    """
    queries, places, gallery, labels = _checked(query_vectors, query_labels, gallery_vectors, gallery_labels)
    gallery, labels = np.ascontiguousarray(gallery[labels != JUNK]), labels[labels != JUNK]
    counts, sums = np.zeros((2, BINS), np.int64), np.zeros(2)
    chunk = max(1, CHUNK_ELEMENTS // max(1, len(gallery)))
    for start in range(0, len(queries), chunk):
        part = slice(start, start + chunk)
        distance = np.clip(1 - queries[part] @ gallery.T, 0, 2)
        same = places[part, None] == labels[None, :]
        kind_and_bin = np.minimum((distance * (BINS / 2)).astype(np.int64), BINS - 1) + BINS * ~same
        counts += np.bincount(kind_and_bin.ravel(), minlength=2 * BINS).reshape(2, BINS)
        sums += distance.sum(where=same, dtype=np.float64), distance.sum(where=~same, dtype=np.float64)
    intra, inter = counts.sum(axis=1)
    if not intra or not inter:
        kind = "the same place" if not intra else "different places"
        raise GalleryError(f"No query and gallery item show {kind}, so that there are no distances to compare.")
    return Distances(counts[0], counts[1], float(sums[0] / intra), float(sums[1] / inter))


def distance_histograms(panels: Mapping[str, Distances]) -> "Figure":
    """One histogram for each model: distances inside a place in blue, between places in green and dashed.

    Args: panels: by name, which becomes the panel's title.
    """
    figure, axes = _panels(len(panels), width_in=3.4, height_in=2.7)
    filled = np.flatnonzero(np.sum([d.intra + d.inter for d in panels.values()], axis=0))
    fewest = min(d.intra.sum() for d in panels.values())
    # a hundred pairs in bins of 0.01 are a comb: wider bins then show the shape
    wide = next(
        w for w in (1, 2, 4, 5, 10, 20) if (filled[-1] - filled[0]) / w <= max(24, 2 * math.sqrt(fewest)) or w == 20
    )
    edges = np.linspace(0, 2, BINS // wide + 1)
    low, high = edges[max(0, filled[0] // wide - 1)], edges[min(BINS // wide, filled[-1] // wide + 2)]
    for axis, (name, distances) in zip(axes, panels.items(), strict=True):
        for counts, mean, colour, line, label in (
            (distances.intra, distances.intra_mean, BLUE, "-", "same place"),
            (distances.inter, distances.inter_mean, GREEN, "--", "different places"),
        ):
            density = counts.reshape(-1, wide).sum(axis=1) / counts.sum() / (wide * 2 / BINS)
            axis.stairs(density, edges, fill=True, color=colour, alpha=0.3)
            axis.stairs(density, edges, color=colour, linestyle=line, linewidth=1.3, label=f"{label}, mean {mean:.2f}")
            axis.axvline(mean, ymax=1 / 1.35, color=colour, linestyle=line, linewidth=0.8)
        axis.set_xlim(low, high)
        axis.set_ylim(0, axis.dataLim.y1 * 1.35)  # room for the legend
        axis.set_xlabel("cosine distance")
        axis.set_yticks([])
        axis.spines[["left", "top", "right"]].set_visible(False)
        axis.legend(fontsize=7, frameon=False, loc="upper left")
        _title(axis, f"{name}  ({distances.separation:.1%} of pairs in order)")
    axes[0].set_ylabel("share of pairs")
    return figure


# --- embeddings in the plane (Fig. 4, f to j) ---


@dataclass(frozen=True)
class Cloud:
    """Embeddings in the plane."""

    points: np.ndarray  # (N, 2)
    places: np.ndarray  # (N,) integers
    satellite: np.ndarray  # (N,) bool; False: from a drone
    method: str  # how they came into the plane


def pick_places(query_labels: np.ndarray, gallery_labels: np.ndarray, count: int = 40, seed: int = 0) -> np.ndarray:
    """Places that both views show, drawn at random, in ascending order. The paper draws 40.

    Returns: at most `count` labels.

    Raises:
        GalleryError: there is no such place.
    """
    shared = np.setdiff1d(np.intersect1d(query_labels, gallery_labels), [JUNK])
    if not len(shared):
        raise GalleryError("No place is shown by both a query and a gallery item.")
    return np.sort(np.random.default_rng(seed).permutation(shared)[:count])


def cloud_of(
    query_vectors: np.ndarray,
    query_labels: np.ndarray,
    gallery_vectors: np.ndarray,
    gallery_labels: np.ndarray,
    *,
    places: np.ndarray,
    method: Literal["tsne", "pca"] = "tsne",
    queries_are_satellite: bool = False,
    seed: int = 0,
) -> Cloud:
    """Put the embeddings of some places into the plane, queries and gallery together.

    Args:
        query_vectors, query_labels, gallery_vectors, gallery_labels: as for `pair_distances`.
        places: labels that are shown, as `pick_places` draws them.
        method: t-SNE keeps neighbours together and distorts distances; PCA is a plain projection.
        queries_are_satellite: the direction satellite to drone.

    Raises:
        GalleryError: shapes do not fit, or fewer than 5 embeddings are left.
    """
    queries, query_places, gallery, labels = _checked(query_vectors, query_labels, gallery_vectors, gallery_labels)
    asked, shown = np.isin(query_places, places), np.isin(labels, places)
    vectors = np.concatenate([queries[asked], gallery[shown]])
    satellite = np.repeat([queries_are_satellite, not queries_are_satellite], [asked.sum(), shown.sum()])
    if len(vectors) < 5:
        raise GalleryError(f"{len(vectors)} embeddings are too few for a plot; choose more places.")
    points, name = _projected(vectors, method, seed)
    return Cloud(points, np.concatenate([query_places[asked], labels[shown]]), satellite, name)


def embedding_scatter(panels: Mapping[str, Cloud]) -> "Figure":
    """One plot for each model: crosses are drone photos, stars are satellite tiles, a colour is a place.

    A thin line joins each photo to the middle of its place's tiles, so that pairs can be read without the colours.
    """
    from matplotlib.collections import LineCollection

    figure, axes = _panels(len(panels), width_in=4.2, height_in=4.3)
    for axis, (name, cloud) in zip(axes, panels.items(), strict=True):
        known = np.unique(cloud.places)
        colours = np.array(_distinct_colours(len(known)))[np.searchsorted(known, cloud.places)]
        stars, crosses = cloud.satellite, ~cloud.satellite
        pairs = [
            (point, cloud.points[own & stars].mean(axis=0))
            for own in (cloud.places == place for place in known)
            if (own & stars).any()
            for point in cloud.points[own & crosses]
        ]
        axis.add_collection(LineCollection(pairs, colors=GREY, linewidths=0.3, alpha=0.5, zorder=1))
        x, y = cloud.points.T
        axis.scatter(x[crosses], y[crosses], c=colours[crosses], marker="x", s=16, linewidths=0.9, zorder=2)
        style: dict[str, Any] = {"marker": "*", "s": 90, "edgecolors": "black", "linewidths": 0.4}
        axis.scatter(x[stars], y[stars], c=colours[stars], zorder=3, **style)
        axis.set_xticks([])
        axis.set_yticks([])
        _title(axis, name)
        axis.set_xlabel(f"{cloud.method}, {len(known)} places", fontsize=8)
    handles = [
        axes[0].scatter([], [], c="black", marker="x", s=16, linewidths=0.9, label="drone photo"),
        axes[0].scatter(
            [], [], c="white", marker="*", s=90, edgecolors="black", linewidths=0.6, label="satellite tile"
        ),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def _projected(vectors: np.ndarray, method: str, seed: int) -> tuple[np.ndarray, str]:
    if method == "pca":
        from sklearn.decomposition import PCA

        model = PCA(2, random_state=seed)
        points = model.fit_transform(vectors)
        return points, f"PCA ({model.explained_variance_ratio_.sum():.0%} of the variance)"
    if method != "tsne":
        raise GalleryError(f"There is no method {method!r}; choose tsne or pca.")
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(vectors) - 1) / 3)
    model = TSNE(2, perplexity=perplexity, metric="cosine", init="pca", random_state=seed)
    return model.fit_transform(vectors), f"t-SNE (perplexity {perplexity:.0f})"


def _distinct_colours(count: int) -> list[tuple[float, float, float]]:
    """Hues around the circle in three lightnesses, so that neighbours in the list differ."""
    return [colorsys.hls_to_rgb((i * 0.381966) % 1, (0.35, 0.5, 0.62)[i % 3], 0.75) for i in range(count)]


# --- ranked strips (Fig. 5 and 6) ---


@dataclass(frozen=True)
class Shown:
    """A picture in a strip."""

    picture: Image.Image | None  # None: it could not be read, an empty field stands for it
    caption: str = ""
    right: bool | None = None  # shows the place that is asked for; None: not judged, no frame


@dataclass(frozen=True)
class Strip:
    """A query and what was found for it."""

    query: Shown
    ranked: tuple[Shown, ...]  # best first
    truth: Shown | None = None  # a right tile, where none stands among the ranked


def ranked_strips(strips: Sequence[Strip], side_px: int = 192) -> Image.Image:
    """A sheet with one row for each query: the query, the ranked tiles, and the true tile where it is missing.

    Right tiles have a green frame and a tick, wrong ones a red frame and a cross.

    Args: side_px: of each picture, 48 to 1024.

    Raises:
        GalleryError: there is nothing to show, or the sheet would be too large.
    """
    if not strips:
        raise GalleryError("There is no query to show.")
    if not 48 <= side_px <= 1024:
        raise GalleryError(f"side_px is {side_px}; choose 48 to 1024.")
    k = max(len(strip.ranked) for strip in strips)
    with_truth = any(strip.truth for strip in strips)
    gap, line = max(4, side_px // 16), max(11, side_px // 12)
    font = ImageFont.load_default(line)
    row_px, column_px = side_px + line + gap + line // 2, side_px + gap
    lefts = [gap] + [2 * gap + column_px + i * column_px for i in range(k)]
    lefts += [lefts[-1] + column_px + gap] if with_truth else []
    size = lefts[-1] + column_px, line * 2 + row_px * len(strips) + gap
    if size[0] * size[1] > 200_000_000:
        raise GalleryError(f"{len(strips)} rows of {k} pictures make too large a sheet; choose fewer, or smaller ones.")
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for left, text in zip(lefts, ["Query", *map(str, range(1, k + 1)), "True tile"], strict=False):
        draw.text((left + side_px / 2, gap), text, "black", font, anchor="ma")
    for i, strip in enumerate(strips):
        top = line * 2 + i * row_px
        for left, shown in zip(lefts, (strip.query, *strip.ranked), strict=False):
            _paste(sheet, draw, shown, (left, top), side_px, font)
        if strip.truth:
            _paste(sheet, draw, strip.truth, (lefts[-1], top), side_px, font)
    return sheet


def _paste(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, shown: Shown, corner: tuple[int, int], side_px: int, font: Any
) -> None:
    left, top = corner
    right, bottom = left + side_px - 1, top + side_px - 1
    if shown.picture is None:
        draw.rectangle((left, top, right, bottom), "#eeeeee")
        draw.text((left + side_px / 2, top + side_px / 2), "no picture", GREY, font, anchor="mm")
    else:
        draw.rectangle((left, top, right, bottom), "#eeeeee")
        scale = side_px / max(shown.picture.size)
        width_px, height_px = (max(1, round(side * scale)) for side in shown.picture.size)  # a strip of 3 x 400 too
        place = left + (side_px - width_px) // 2, top + (side_px - height_px) // 2
        sheet.paste(shown.picture.convert("RGB").resize((width_px, height_px), Image.Resampling.BICUBIC), place)
    if shown.right is not None:
        width = max(3, side_px // 32)
        colour = GREEN if shown.right else RED
        draw.rectangle((left, top, right, bottom), outline=colour, width=width)
        _mark(draw, shown.right, left + width, top + width, max(14, side_px // 8), colour)
    caption = shown.caption.replace("\n", " ")
    draw.text((left + side_px / 2, bottom + 3), _fitting(caption, font, side_px), "black", font, anchor="ma")


def _mark(draw: ImageDraw.ImageDraw, right: bool, left: float, top: float, side_px: int, colour: str) -> None:
    """A tick or a cross in a square: drawn, because fonts lack it."""
    draw.rectangle((left, top, left + side_px, top + side_px), colour)
    lines = (
        [[(0.2, 0.55), (0.42, 0.77), (0.82, 0.25)]]
        if right
        else [[(0.24, 0.24), (0.76, 0.76)], [(0.76, 0.24), (0.24, 0.76)]]
    )
    for points in lines:
        places = [(left + x * side_px, top + y * side_px) for x, y in points]
        draw.line(places, "white", max(2, side_px // 8), joint="curve")


def _fitting(text: str, font: Any, width_px: float) -> str:
    """The text, its middle left out where it is too long."""
    length = font.getlength(text)
    if length <= width_px:
        return text
    for kept in range(min(len(text) - 1, int(1.5 * len(text) * width_px / length)), 1, -1):
        shorter = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
        if font.getlength(shorter) <= width_px:
            return shorter
    return "…"


# --- accuracy against parameters (Fig. 1) ---


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
    figure, (axis,) = _panels(1, width_in=6.4, height_in=4.4)
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
    for (x, y), point in sorted(zip(spots, points, strict=True), key=lambda pair: not pair[1].ours):
        text = axis.annotate(
            point.name, (point.parameters_m, point.accuracy), xytext=(0, 0), textcoords="offset points",
            fontsize=8, fontweight="bold" if point.ours else "normal", parse_math=False,
        )  # fmt: skip
        size = text.get_window_extent()
        width, height, off = size.width, size.height, 7 * scale
        best = min(
            ((x + dx, y + dy) for dx, dy in (
                (off, -height / 2), (-width / 2, off), (-width / 2, -off - height), (-off - width, -height / 2),
                (off, off / 2), (off, -off / 2 - height), (-off - width, off / 2), (-off - width, -off / 2 - height),
                (off, 2 * off), (off, -2 * off - height), (-off - width, 2 * off), (-off - width, -2 * off - height),
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
        return common.width * common.height if common is not None else 0.0

    return sum(map(shared, taken)) + 2 * (box.width * box.height - shared(frame))


# --- shared ---


def _checked(
    query_vectors: np.ndarray, query_labels: np.ndarray, gallery_vectors: np.ndarray, gallery_labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    queries, gallery = np.asarray(query_vectors, np.float32), np.asarray(gallery_vectors, np.float32)
    places, labels = np.asarray(query_labels), np.asarray(gallery_labels)
    if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1]:
        raise GalleryError(f"Vectors of shapes {queries.shape} and {gallery.shape} cannot be compared.")
    if places.shape != (len(queries),) or labels.shape != (len(gallery),):
        raise GalleryError(
            f"There are {len(queries)} queries and {len(gallery)} gallery items, but other label counts."
        )
    return queries, places, gallery, labels


def _panels(count: int, width_in: float, height_in: float) -> "tuple[Figure, list[Axes]]":
    """A figure with panels side by side, at most five in a row, and their axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not count:
        raise GalleryError("There is no model to show.")
    columns = min(count, 5)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(width_in * columns, height_in * rows), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for unused in axes[count:]:
        unused.remove()
    return figure, axes[:count]


def _title(axis: "Axes", text: str) -> None:
    axis.set_title(text, fontsize=9, parse_math=False)
