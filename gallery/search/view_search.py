"""The views of photos embedded, and searched among the tiles of their size."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gallery.areas import Area
from gallery.embedder import Embedder, Photo
from gallery.interruption import can_be_stopped, stop_if_asked
from gallery.judge.geometry import Check
from gallery.photo.pose import complete_pose
from gallery.photo.views import QueryCrop, QueryViews, query_views, view_px_of
from gallery.registration.registrar import Registration
from gallery.search.options import DEFAULTS, SearchOptions, require_k
from gallery.search.ranking import Ranker
from gallery.search.scales import scales_of, suited
from gallery.store.gallery import Gallery
from gallery.tiles import Ranking

AT_ONCE = 16
"""Views that are embedded between two looks at whether the search was stopped."""


@dataclass(frozen=True)
class Question:
    """What is asked of some photos.

    Attributes:
        k: how many tiles to rank, or to show.
        options: how the photos are searched.
        near: the area that only tiles touching it are searched in; None: everywhere.
        allowed: (N,) bool, the tiles of that area; None: all.

    Raises:
        GalleryError: k is out of range.
    """

    k: int
    options: SearchOptions = DEFAULTS
    near: Area | None = None
    allowed: np.ndarray | None = None

    def __post_init__(self) -> None:
        require_k(self.k)


@dataclass(frozen=True)
class Searched:
    """One photo that was searched, and perhaps checked by geometry.

    Attributes:
        photo: as `embedder.read` returns it.
        views: the pictures of it that were embedded.
        ranking: the best tiles.
        among: (N,) bool, the tiles that were searched; None: all.
        check: what geometry says; None: it was not asked.
        registration: the photo on the ground, believed or not; None: it was not laid there.
        notes: why it was not, and what it says of the photo's own statements.
        timings: seconds of each stage.
    """

    photo: Photo
    views: QueryViews
    ranking: Ranking
    among: np.ndarray | None
    check: Check | None = None
    registration: Registration | None = None
    notes: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)


class ViewSearch:
    """Searches one gallery by the views of photos.

    Attributes:
        scales: sizes of tiles that ground squares are searched among; empty if the network does not know such views.
    """

    def __init__(self, gallery: Gallery, embedder: Embedder) -> None:
        self.embedder = embedder
        self.scales = scales_of(gallery) if embedder.from_above else ()
        self._rankers: dict[float | None, Ranker] = {None: Ranker(gallery)}
        self._rankers |= {scale.side_m: Ranker(gallery, scale.rows) for scale in self.scales}

    @property
    def view_px(self) -> int:
        """Side of the squares that photos are brought to the ground plane as, pixels."""
        return view_px_of(self.embedder.image_size)

    def views(self, photo: Photo, options: SearchOptions) -> QueryViews:
        """What is embedded of a photo whose pose is not guessed: `query_views` for this gallery and network."""
        pose = complete_pose(photo.pose) if options.north_up else None
        side_m = suited(self.scales, photo.image.size, pose).side_m if pose and self.scales else None
        return query_views(photo, options.rotations, options.north_up, side_m, self.view_px)

    def embed(self, searched: Sequence[Sequence[QueryCrop]]) -> list[np.ndarray]:
        """(V, D) unit rows of each photo's views; all photos share batches."""
        images = [view.image for views in searched for view in views]
        if not images:
            return []
        together = AT_ONCE if can_be_stopped() else len(images)
        parts = []
        for first in range(0, len(images), together):
            stop_if_asked()
            parts.append(self.embedder.embed(images[first : first + together]))
        vectors = np.asarray(np.concatenate(parts), np.float32)
        return np.split(vectors, np.cumsum([len(views) for views in searched])[:-1])

    def ranker(self, side_m: float | None) -> Ranker:
        """Ranks the tiles of a scale. Args: side_m: of the scale; None: all tiles."""
        return self._rankers[side_m]

    def rank(self, views: QueryViews, vectors: np.ndarray, question: Question) -> Ranking:
        """The tiles by all views: turns by the best of them, ground squares together among the tiles of their size."""
        ranker = self.ranker(views.side_m)
        if views.side_m is None:
            return ranker.best_of(vectors, question.k, question.allowed)
        return ranker.added_up(vectors, views.views, views.side_m, question.k, question.allowed)
