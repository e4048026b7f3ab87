"""Figures of embeddings: distances inside and between places, and places in the plane (Fig. 4 of the paper).

Every drawing function returns a figure and leaves saving to the caller. No function touches pyplot or its settings, so
that figures can be made in any thread of a program that has its own. Nothing is told by colour alone.
"""

import colorsys
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gallery.errors import GalleryError
from gallery.intervals import wilson
from gallery.metrics import CHUNK_ELEMENTS, JUNK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gallery.judge.calibration_fit import Reliability

BLUE, GREEN, RED, GREY = "#0072B2", "#009E73", "#C62828", "#767676"

BINS = 200
"""Bins of a histogram of cosine distances, 0 to 2."""


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
    figure, axes = panels_of(len(panels), width_in=3.4, height_in=2.7)
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
        titled(axis, f"{name}  ({distances.separation:.1%} of pairs in order)")
    axes[0].set_ylabel("share of pairs")
    return figure


# --- reliability of confidences ---


def reliability_curves(panels: Mapping[str, "Reliability"]) -> "Figure":
    """Share of right answers over their probability, one panel for each; honest ones lie on the diagonal.

    Args: panels: by name, which becomes the panel's title.
    """
    figure, axes = panels_of(len(panels), width_in=2.6, height_in=2.7)
    for axis, (name, trust) in zip(axes, panels.items(), strict=True):
        axis.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1)
        probability, right = np.array([(one.probability, one.right) for one in trust.bins]).T
        low, high = np.array([wilson(round(one.right * one.count), one.count) for one in trust.bins]).T / 100
        spread = np.stack([right - low, high - right]).clip(0)  # 0 may come out as less by rounding
        axis.errorbar(probability, right, yerr=spread, color=BLUE, marker="o", markersize=4, linewidth=1.2, capsize=2)
        axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="probability", aspect="equal")
        axis.spines[["top", "right"]].set_visible(False)
        titled(axis, f"{name}  (ECE {trust.calibration_error:.3f})")
    axes[0].set_ylabel("share that is right")
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
    points, name = projected(vectors, method, seed)
    return Cloud(points, np.concatenate([query_places[asked], labels[shown]]), satellite, name)


def embedding_scatter(panels: Mapping[str, Cloud]) -> "Figure":
    """One plot for each model: crosses are drone photos, stars are satellite tiles, a colour is a place.

    A thin line joins each photo to the middle of its place's tiles, so that pairs can be read without the colours.
    """
    from matplotlib.collections import LineCollection

    figure, axes = panels_of(len(panels), width_in=4.2, height_in=4.3)
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
        titled(axis, name)
        axis.set_xlabel(f"{cloud.method}, {len(known)} places", fontsize=8)
    handles = [
        axes[0].scatter([], [], c="black", marker="x", s=16, linewidths=0.9, label="drone photo"),
        axes[0].scatter(
            [], [], c="white", marker="*", s=90, edgecolors="black", linewidths=0.6, label="satellite tile"
        ),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def projected(vectors: np.ndarray, method: str, seed: int = 0) -> tuple[np.ndarray, str]:
    """(N, 2) points of (N, D) vectors, and how they came into the plane. Args: method: pca or tsne."""
    if not np.ptp(vectors, axis=0).any():  # scikit-learn's t-SNE ends the process there
        return np.zeros((len(vectors), 2)), "all embeddings are the same"
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


def panels_of(count: int, width_in: float, height_in: float) -> "tuple[Figure, list[Axes]]":
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


def titled(axis: "Axes", text: str) -> None:
    """Write a panel's title; dollar signs in names are no formulas."""
    axis.set_title(text, fontsize=9, parse_math=False)
