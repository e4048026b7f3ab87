"""What is made of a search: a place, whether it counts as found, how probably it is right, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from gallery.geo import Position
from gallery.judge.agreement import AGREEMENT_LEAST, AGREEMENT_LEAST_ADDED_UP, agreement_of, located_by_rule
from gallery.judge.calibration import Calibration, percent
from gallery.judge.evidence import Evidence, SearchMode
from gallery.judge.geometry import Check
from gallery.photo.views import QueryViews
from gallery.tiles import Match


@dataclass(frozen=True)
class Verdict:
    """How far a place is believed.

    Attributes:
        place: by the geometric fit, else by the best tiles.
        located: whether it counts as found.
        confidence: the probability that it is right; None where nothing was calibrated.
        reasons: sentences.
    """

    place: Position
    located: bool
    confidence: float | None
    reasons: tuple[str, ...]


def search_mode(views: QueryViews) -> SearchMode:
    """How a photo was searched, as calibrations tell it."""
    if views.side_m is None:
        return "turned"
    return "guessed" if views.guessed else "stated"


def judge(
    matches: Sequence[Match],
    views: QueryViews,
    share_by_chance: float,
    check: Check | None,
    evidence: Evidence | None,
    calibration: Calibration | None,
    trust: float,
) -> Verdict:
    """Whether to believe a search: by the calibrated probability, or by a simple rule where there is none.

    Args:
        matches: at least one, best first.
        views: that were searched.
        share_by_chance: share of the searched tiles that lie at the first one's place.
        check: what geometry says, if it was asked.
        evidence: None where nothing tells the place from others.
        calibration: of the model, if there is one.
        trust: share of right answers among the located ones, one of `gallery.constants.SHARES`.
    """
    agreement = agreement_of(matches)
    fit = None if check is None else check.fit
    place = agreement.position if fit is None else Position(fit.point.lon, fit.point.lat, fit.radius_m)
    checked = () if check is None else (check.reason,)
    way = None if calibration is None or evidence is None else calibration.of(search_mode(views), evidence)
    if way is None or evidence is None:
        if fit is not None:
            return Verdict(place, True, None, checked)
        witnessed = views.side_m is not None and len(views.views) > 1 and not views.guessed
        least = AGREEMENT_LEAST_ADDED_UP if witnessed else AGREEMENT_LEAST
        located, reason = located_by_rule(agreement, share_by_chance, least)
        return Verdict(place, located, None, (reason, *checked))
    probability, least_probable = way.probability(evidence), way.located_at[trust]
    located = least_probable is not None and probability >= least_probable
    told = f"The place is right with a probability of {percent(probability)}"
    if least_probable is None:
        told += f"; no probability is enough for {percent(trust)} of the located ones to be right."
    else:
        told += f"; from {percent(least_probable)} on it counts as located, so that {percent(trust)} of these are."
    return Verdict(place, located, probability, (*(checked if fit else (f"{agreement.sentence}.", *checked)), told))
