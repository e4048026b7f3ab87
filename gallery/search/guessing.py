"""Photos that do not state how their camera looked: poses are tried, and the best answered one is taken."""

import time
from collections.abc import Sequence

import numpy as np

from gallery.embedder import Photo
from gallery.photo.pose import Pose
from gallery.photo.rectify import seen_from_above
from gallery.photo.views import QueryCrop, guessed_poses, guessed_views
from gallery.search.options import SearchOptions
from gallery.search.scales import Scale
from gallery.search.view_search import Question, Searched, ViewSearch

FOLLOWED_UP = 12
"""Guessed poses that are searched with all their views, at each scale."""

Guess = tuple[Pose, float]
"""A pose to try, and the side in metres of the tiles that its views are searched among."""


def guesses_of(photo: Photo, scales: Sequence[Scale], options: SearchOptions) -> list[Guess]:
    """What is tried for a photo that does not state its whole pose; empty for one that is searched without guessing."""
    return [
        (pose, scale.side_m)
        for scale in scales
        for pose in guessed_poses(photo, options.rotations, options.north_up, scale.side_m)
    ]


def search_guessed(search: ViewSearch, photo: Photo, guesses: Sequence[Guess], question: Question) -> Searched:
    """A photo searched by the pose whose views the gallery answers with the best score.

    The middle square under each pose is searched first; only the most promising poses are followed up.

    Args: guesses: at least one, see `guesses_of`.
    """
    begun = time.perf_counter()
    middles = [QueryCrop(seen_from_above(photo.image, pose, side_m, search.view_px).image) for pose, side_m in guesses]
    [vectors] = search.embed([middles])
    promising = _promising(search, vectors, guesses, question)
    tried = [guessed_views(photo.image, *guesses[number], len(guesses), search.view_px) for number in promising]
    tried = [views for views in tried if views.views]
    embedded = search.embed([views.views for views in tried])
    embed_s = time.perf_counter() - begun
    rankings = [search.rank(views, own, question) for own, views in zip(embedded, tried, strict=True)]
    best = max(range(len(tried)), key=lambda number: rankings[number].scores.max(initial=-1.0))
    return Searched(
        photo,
        tried[best],
        rankings[best],
        search.ranker(tried[best].side_m).ranked(question.allowed),
        timings={"embed": embed_s, "search": time.perf_counter() - begun - embed_s},
    )


def _promising(search: ViewSearch, vectors: np.ndarray, guesses: Sequence[Guess], question: Question) -> list[int]:
    """The guesses whose middle square is answered best, some at each scale. Args: vectors: (G, D), of the squares."""
    promising: list[int] = []
    for scale in search.scales:
        own = np.array([number for number, (_, side_m) in enumerate(guesses) if side_m == scale.side_m])
        scores, _ = search.ranker(scale.side_m).search(vectors[own], 1, question.allowed)
        order = np.argsort(-scores.max(axis=1, initial=-1.0), kind="stable")
        promising += own[order[:FOLLOWED_UP]].tolist()  # scores of two scales do not compare yet
    return promising
