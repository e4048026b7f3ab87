"""Places by name: of the geocoder that was chosen only, whatever it answers."""

import pytest

from pages.errors import BadQuestion
from pages.services.place_search import NoGeocoder, Place, PlaceSearch, places_of


def test_two_kinds_of_answers_are_read():
    nominatim = [{"display_name": "A", "lon": "1.5", "lat": "2"}]
    photon = {"features": [{"geometry": {"coordinates": [1.5, 2]}, "properties": {"name": "A", "city": "B"}}]}
    assert places_of(nominatim) == [Place("A", 1.5, 2.0)]
    assert places_of(photon) == [Place("A, B", 1.5, 2.0)]


@pytest.mark.parametrize(
    "answer",
    [None, "x", 3, {}, [1], [{}], {"features": [{}]}, [{"display_name": "A", "lon": "east", "lat": 0}]]
    + [[{"display_name": "A", "lon": lon, "lat": lat}] for lon, lat in ((181, 0), (0, -91), ("nan", 0), (0, "inf"))],
)
def test_what_makes_no_sense_is_left_out(answer):
    assert places_of(answer) == []


@pytest.mark.parametrize(
    "template", ["", "x", "file:///etc/passwd?{q}", "ftp://host/{q}", "https://host/search", "http:///{q}"]
)
def test_a_geocoder_is_an_address_with_a_place_for_the_question(template):
    with pytest.raises(NoGeocoder):
        PlaceSearch(template)


def test_nothing_is_asked_for_nothing_and_silence_is_told():
    search = PlaceSearch("http://127.0.0.1:9/{q}")
    with pytest.raises(BadQuestion):
        search.find(" \n ")
    with pytest.raises(NoGeocoder, match=r"127\.0\.0\.1 does not answer"):
        search.find("a field")
