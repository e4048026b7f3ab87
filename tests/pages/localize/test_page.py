"""The page as a client meets it: the endpoint /localize, what is private, what is never served."""

import json
import urllib.error
import urllib.request

import pytest
from gradio_client import Client, handle_file

from tests.helpers.small_world import bad_files, catalog_of, served, service_of


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    return service_of(tmp_path_factory.mktemp("localize"))


@pytest.fixture(scope="module")
def address(service):
    with served(catalog_of(service)) as address:
        yield address


@pytest.fixture(scope="module")
def client(address):
    return Client(address, verbose=False)


def ask(client, path, **more):
    given = {"k": 5, "lon": None, "lat": None, "radius_km": None, **more}
    return client.predict(photo=handle_file(path), **given, api_name="/localize")


def test_the_answer_is_that_of_the_contract(client, service):
    answer = ask(client, service.examples[0])
    assert list(answer) == ["photo", "matches", "position", "verdict", "confidence", "exif", "geometry", "pose"]
    assert answer["photo"] == "photo_1.jpg"
    assert [match["rank"] for match in answer["matches"]] == [1, 2, 3, 4, 5]
    assert set(answer["matches"][0]) == {"rank", "tile_id", "score", "lon", "lat", "bounds"}
    assert answer["verdict"] in ("located", "unsure") and answer["confidence"] is None
    assert answer["exif"]["error_m"] < 20
    json.dumps(answer)


def test_k_and_area_are_kept(client, service):
    best = ask(client, service.examples[1], k=1)["matches"]
    assert len(best) == 1
    near = ask(client, service.examples[1], k=3, lon=best[0]["lon"], lat=best[0]["lat"], radius_km=0.01)
    assert near["matches"][0]["tile_id"] == best[0]["tile_id"]
    assert ask(client, service.examples[1], lon=90.0, lat=45.0, radius_km=1.0)["matches"] == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lon": 1.0}, "all three"),
        ({"lon": 500.0, "lat": 0.0, "radius_km": 1.0}, "-180"),
        ({"lon": 0.0, "lat": 0.0, "radius_km": -1.0}, "radius"),
        ({"k": 0}, "k is 0"),
        ({"height_m": 0}, "height of 0 m"),
        ({"heading_deg": 400}, "heading of 400 degrees"),
    ],
)
def test_questions_that_cannot_be_asked_get_a_sentence(client, service, given, words):
    answer = ask(client, service.examples[0], **given)
    assert answer["photo"] == "photo_1.jpg" and words in answer["error"]


@pytest.mark.slow
def test_bad_files_get_their_sentence_and_the_server_goes_on(client, service):
    for kind, bad in bad_files().items():
        answer = ask(client, bad.path)
        assert answer["photo"] == bad.path.name
        assert ("error" in answer) == (bad.expected == "refused"), kind
        if bad.expected == "refused":
            assert all(word.lower() in answer["error"].lower() for word in bad.words), (kind, answer)
    assert ask(client, service.examples[0])["matches"]


def test_values_of_the_camera_count_in_place_of_the_photos(client, service):
    answer = ask(client, service.examples[0], heading_deg=90, height_m=80)
    believed = {each["quantity"]: (each["value"], each["from"]) for each in answer["pose"]["believed"]}
    assert believed["heading"] == (90.0, "you") and believed["height"] == (80.0, "you")


def test_only_localize_is_offered(client):
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/localize"}


def test_files_of_the_machine_are_not_served(address, service):
    for path in ("/etc/passwd", __file__, str(service.examples[0].parents[1] / "tiles.parquet")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}gradio_api/file={path}")
        assert refused.value.code in (403, 404)


def test_the_page_itself_names_no_other_host(address):
    page = urllib.request.urlopen(address).read().decode()
    assert "fonts.googleapis.com" not in page
