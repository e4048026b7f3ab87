"""The position that the best tiles of a ranking agree on, by a simple rule."""

from collections.abc import Sequence

import numpy as np

from gallery.answers import Position
from gallery.geo import diagonal_m, distance_m, moved, offsets_m, size_m
from gallery.tiles import Match, Tile

AGREEMENT_OF = 5
"""The rule for a position looks at this many best tiles, whatever number is shown."""

AGREEMENT_LEAST = 4
"""So many of them must lie at one place."""

AGREEMENT_LEAST_ADDED_UP = 3
"""The same where several views under a stated pose had to agree on each tile already."""

AGREEMENT_MOST_BY_CHANCE = 0.2
"""The rule says nothing where more than this share of the searched tiles lies at that place anyway."""


def place_size_m(tile: Tile) -> float:
    """How far apart the centres of two tiles may lie to count as one place: the tile's longer side."""
    return max(size_m(tile.bounds))


def agreed_position(
    matches: Sequence[Match], share_by_chance: float, least: int = AGREEMENT_LEAST
) -> tuple[Position | None, str]:
    """The position that the best tiles agree on, by a simple rule, and a sentence about what it rests on.

    The rule: of the best `AGREEMENT_OF` tiles, at least `least` have their centre within one tile side of
    the best one's centre, and at most `AGREEMENT_MOST_BY_CHANCE` of all searched tiles do. The position is the mean
    of those centres, weighted by score; the radius reaches to the farthest corner of their footprints. Scores alone
    decide nothing: a cosine is no confidence, and this rule has not been calibrated.

    Args:
        matches: at least one, best first.
        share_by_chance: share of the searched tiles that lie within one tile side of the best one.
        least: see above.
    """
    best = matches[0].tile
    considered = matches[:AGREEMENT_OF]
    reach_m = place_size_m(best)
    agreeing = [match for match in considered if distance_m(best.centre, match.tile.centre) <= reach_m]
    count = f"{len(agreeing)} of the best {len(considered)} tiles lie at one place"
    if share_by_chance > AGREEMENT_MOST_BY_CHANCE:
        return None, f"{count}, but the searched area is too small for that to mean anything."
    if len(agreeing) < least:
        return None, f"{count}; at least {least} would be needed for a position."
    weights = np.array([max(match.score, 1e-6) for match in agreeing])
    offsets = np.array([offsets_m(best.centre, match.tile.centre) for match in agreeing])
    east_m, north_m = weights @ offsets / weights.sum()
    centre = moved(best.centre, float(east_m), float(north_m))
    radius_m = max(distance_m(centre, match.tile.centre) + diagonal_m(match.tile.bounds) / 2 for match in agreeing)
    note = f"{count}: the position is their mean, not yet checked by geometry nor calibrated."
    return Position(centre.lon, centre.lat, radius_m), note
