"""The position that the best tiles of a ranking agree on, and a simple rule whether that is enough."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gallery.geo import Position, diagonal_m, distance_m, moved, offsets_m
from gallery.tiles import Match

AGREEMENT_OF = 5
"""Best tiles that the rule for a position looks at, whatever number is shown."""

AGREEMENT_LEAST = 4
"""Least number of them that must lie at one place."""

AGREEMENT_LEAST_ADDED_UP = 3
"""The same, where several views under a stated pose had to agree on each tile already."""

AGREEMENT_MOST_BY_CHANCE = 0.2
"""Largest share of the searched tiles that may lie at that place anyway; the rule says nothing beyond it."""


@dataclass(frozen=True)
class Agreement:
    """The place of a ranking's first tile, as the best tiles have it.

    Attributes:
        position: the mean of the agreeing tiles' centres, weighted by score; the radius reaches to the farthest corner
            of their footprints.
        agreeing: of the best `AGREEMENT_OF` tiles, how many have their centre within one tile side of the best one's.
        considered: how many best tiles there were, `AGREEMENT_OF` at most.
    """

    position: Position
    agreeing: int
    considered: int

    @property
    def sentence(self) -> str:
        """The same in words, without a full stop."""
        return f"{self.agreeing} of the best {self.considered} tiles lie at one place"


def agreement_of(matches: Sequence[Match]) -> Agreement:
    """What the best tiles say of the first one's place. Args: matches: at least one, best first."""
    best = matches[0].tile
    considered = matches[:AGREEMENT_OF]
    reach_m = best.side_m
    agreeing = [match for match in considered if distance_m(best.centre, match.tile.centre) <= reach_m]
    weights = np.array([max(match.score, 1e-6) for match in agreeing])
    offsets = np.array([offsets_m(best.centre, match.tile.centre) for match in agreeing])
    east_m, north_m = weights @ offsets / weights.sum()
    centre = moved(best.centre, float(east_m), float(north_m))
    radius_m = max(distance_m(centre, match.tile.centre) + diagonal_m(match.tile.bounds) / 2 for match in agreeing)
    return Agreement(Position(centre.lon, centre.lat, radius_m), len(agreeing), len(considered))


def located_by_rule(agreement: Agreement, share_by_chance: float, least: int = AGREEMENT_LEAST) -> tuple[bool, str]:
    """Whether so many tiles agree that the place counts as found where nothing is calibrated, and a sentence on it.

    The rule: at least `least` of the best `AGREEMENT_OF` tiles agree, and at most `AGREEMENT_MOST_BY_CHANCE` of all
    searched tiles lie there anyway. Scores alone decide nothing: a cosine is no confidence.

    Args: share_by_chance: share of the searched tiles that lie within one tile side of the best one.
    """
    if share_by_chance > AGREEMENT_MOST_BY_CHANCE:
        return False, f"{agreement.sentence}, but the searched area is too small for that to mean anything."
    if agreement.agreeing < least:
        return False, f"{agreement.sentence}; at least {least} would be needed for a position."
    return True, f"{agreement.sentence}: the position is their mean, neither checked by geometry nor calibrated."
