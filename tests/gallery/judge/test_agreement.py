"""The rule for a position: tiles that lie at one place, and how much that means."""

from gallery.geo import LonLat, distance_m, rectangle
from gallery.judge.agreement import agreement_of, located_by_rule
from gallery.tiles import Match, Tile


def match(rank: int, lon: float, lat: float, score: float = 0.8) -> Match:
    centre = LonLat(lon, lat)
    return Match(rank, Tile(str(rank), centre, rectangle(centre, 100, 100), 0.5, "r"), score)


def test_three_neighbours_of_five_give_a_position_that_holds_them():
    near = [match(1, 10, 50), match(2, 10.0005, 50), match(3, 20, 40), match(4, 10, 50.0003), match(5, -60, 0)]
    agreement = agreement_of(near)
    located, note = located_by_rule(agreement, 0.01, least=3)
    position = agreement.position
    assert located and "3 of the best 5" in note
    assert distance_m(LonLat(position.lon, position.lat), LonLat(10.00017, 50.0001)) < 5
    for one in (near[0], near[1], near[3]):
        for lon, lat in one.tile.footprint.exterior.coords:
            assert distance_m(LonLat(position.lon, position.lat), LonLat(lon, lat)) <= position.radius_m + 0.5


def test_no_position_without_agreement_or_in_a_small_area():
    scattered = agreement_of([match(rank, 10 + rank, 50) for rank in range(1, 6)])
    three = agreement_of([match(rank, 10 + rank // 4, 50) for rank in range(1, 6)])
    together = agreement_of([match(rank, 10, 50) for rank in range(1, 6)])
    assert [one.agreeing for one in (scattered, three, together)] == [1, 3, 5]
    assert [located_by_rule(one, 0.01)[0] for one in (scattered, three, together)] == [False, False, True]
    assert located_by_rule(together, 0.5) == (
        False, "5 of the best 5 tiles lie at one place, but the searched area is too small for that to mean anything.",
    )  # fmt: skip


def test_agreement_works_over_the_180th_meridian():
    agreement = agreement_of([match(1, 179.9999, 0), match(2, -179.9999, 0), match(3, -180, 0)])
    assert agreement.agreeing == 3 and abs(agreement.position.lon) > 179.99 and agreement.position.radius_m < 150
