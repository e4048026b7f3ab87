"""What a stranger sends to every function of the running app: no path makes the server read its own files."""

import json
import threading
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from gradio.utils import get_upload_folder
from gradio_client import Client, handle_file

import app
from pages.common.guarded_blocks import MALFORMED, NOT_UPLOADED
from pages.services import request_limits
from tests.helpers.small_world import catalog_of, imagery, served, service_of, write_photo

TAKE_FILES = {
    *("file", "image", "gallery", "video", "audio", "uploadbutton", "downloadbutton", "imageeditor", "imageslider"),
    *("multimodaltextbox", "model3d", "annotatedimage", "chatbot", "fileexplorer"),
}
"""Gradio's components whose value may be a file."""

MARK = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The folder of an app's gallery, and the address of the app with all its pages."""
    folder = tmp_path_factory.mktemp("attacked")
    catalog = catalog_of(service_of(folder))
    options = app.Options(folder / "gallery")
    with served(catalog, app.more_pages(options, catalog)) as address:
        yield folder, address


def post(address, path, value):
    request = urllib.request.Request(
        f"{address}gradio_api/{path}", json.dumps(value).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def answers(address, session, sent):
    """The last message about each event of a session."""
    done = {}
    with urllib.request.urlopen(f"{address}gradio_api/queue/data?session_hash={session}", timeout=60) as stream:
        for line in stream:
            message = json.loads(line[6:]) if line.startswith(b"data: ") else {}
            if message.get("msg") == "process_completed":
                done[message["event_id"]] = message
            if len(done) == sent:
                return done
    return done


def call(address, data):
    """What the endpoint /localize answers to raw values."""
    event = post(address, "call/localize", {"data": data})["event_id"]
    return urllib.request.urlopen(f"{address}gradio_api/call/localize/{event}", timeout=20).read().decode()


@pytest.fixture(scope="module")
def paths(world, tmp_path_factory):
    """Paths that nobody uploaded."""
    photo = write_photo(tmp_path_factory.mktemp("elsewhere") / "secret_holiday.jpg", imagery(200), 20, 20)
    uploads = Path(get_upload_folder())
    uploads.mkdir(parents=True, exist_ok=True)
    link = uploads / "link_of_a_test.jpg"
    link.symlink_to(photo)
    yield [
        "/etc/passwd",
        str(photo),
        str(photo.with_name("nothing.jpg")),
        "app.py",
        "../../etc/passwd",
        f"{uploads}/../..{photo}",
        str(link),
        str(uploads),
        str(uploads / "nothing.jpg"),
        "http://127.0.0.1:9/photo.jpg",
        "https://example.org/photo.jpg",
        "file:///etc/passwd",
        "/" + "a" * 5000,
        "/etc/\0passwd",
        ["/etc/passwd"],
    ]
    link.unlink()


@pytest.mark.slow
def test_no_function_of_any_page_reads_a_path_that_was_not_uploaded(world, paths):
    _, address = world
    config = json.load(urllib.request.urlopen(f"{address}config"))
    components = {each["id"]: each for each in config["components"]}
    attacked, sent = set(), []
    for function in config["dependencies"]:
        kinds = [components[each]["type"] for each in function["inputs"]]
        for at, kind in enumerate(kinds):
            if kind not in TAKE_FILES:
                continue
            attacked.add(kind)
            many = components[function["inputs"][at]]["props"].get("file_count") == "multiple"
            data = [components[each]["props"].get("value") for each in function["inputs"]]
            for path in paths:
                for file in ({"path": path}, {"path": path, "url": path, "meta": MARK}):
                    data[at] = [file] if many or kind == "gallery" else file
                    body = {"data": data, "fn_index": function["id"], "session_hash": "attacker"}
                    sent.append(post(address, "queue/join", body)["event_id"])
                    ended = answers(address, "attacker", 1)[sent[-1]]
                    assert not ended["success"] and ended["output"]["error"] == NOT_UPLOADED, (kind, file, ended)
    assert attacked >= {"image", "file"} and len(sent) > 4 * len(paths)


def test_the_endpoint_says_the_same_of_every_path(world, paths):
    _, address = world
    told = {call(address, [{"path": path}, 3, None, None, None, None]) for path in paths}
    assert len(told) == 1 and NOT_UPLOADED in told.pop()


def test_an_upload_is_still_answered(world):
    folder, address = world
    answer = Client(address, verbose=False).predict(
        photo=handle_file(folder / "gallery" / "photos" / "photo_1.jpg"), k=1, api_name="/localize"
    )
    assert answer["photo"] == "photo_1.jpg" and answer["matches"]


def test_an_address_that_waits_for_many_answers_asks_no_more_and_cannot_take_another(tmp_path):
    go = threading.Event()
    service = service_of(tmp_path, side_px=200)
    service.locate = lambda *question: go.wait(60) and SimpleNamespace(to_dict=dict)
    with served(catalog_of(service), proxies=1) as address:
        with (tmp_path / "gallery" / "photos" / "photo_1.jpg").open("rb") as photo:
            (path,) = requests.post(f"{address}gradio_api/upload", files={"files": photo}, timeout=20).json()

        def asked(forwarded):
            body = {"data": [{"path": path, "meta": MARK}, 3, None, None, None, None]}
            headers = {"X-Forwarded-For": forwarded}
            return requests.post(f"{address}gradio_api/call/localize", json=body, headers=headers, timeout=20)

        told = [asked(f"{number}.1.1.1, 7.7.7.7") for number in range(14)]  # the proxy appends where it was asked from
        other = asked("1.1.1.1, 8.8.8.8")
        too_much = requests.post(f"{address}gradio_api/queue/join", data=b"x" * 5_000_000, timeout=20)
        go.set()
    assert [each.status_code for each in told] == [200] * 12 + [429] * 2
    assert told[-1].json()["detail"].startswith("Wait for an answer first")
    assert other.status_code == 200 and too_much.status_code == 413


def test_the_header_of_proxies_is_not_believed_by_itself(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(request_limits, "counts", lambda address: seen.append(address))
    with served(catalog_of(service_of(tmp_path, side_px=200))) as address:
        requests.post(f"{address}gradio_api/call/localize", json={}, headers={"X-Forwarded-For": "6.6.6.6"}, timeout=20)
    assert seen and set(seen) <= {"127.0.0.1", request_limits.NO_ADDRESS}  # the second: all who come through a proxy


@pytest.mark.parametrize("photo", ["/etc/passwd", 5, {"path": None, "meta": 3}, [], {"size": "many"}])
def test_a_value_of_the_wrong_kind_is_a_sentence(world, photo):
    assert MALFORMED in call(world[1], [photo, 3, None, None, None, None])


@pytest.mark.parametrize("at", range(1, 6))
@pytest.mark.parametrize("value", ["three", [], {}, {"path": 5}, 1e400, "a" * 100_000, None])
def test_no_value_of_the_endpoint_ends_without_a_word(world, at, value):
    data = [None, 3, None, None, None, None]
    data[at] = value
    told = call(world[1], data)
    assert '"error": null' not in told and ("error" in told or "No photo" in told)


@pytest.mark.parametrize("data", [[], [None], [None] * 40])
def test_too_few_and_too_many_values_are_a_sentence(world, data):
    told = call(world[1], data)
    assert MALFORMED in told or "No photo" in told


@pytest.mark.parametrize("k", ["three", [], {}, float("nan"), float("inf"), 1e400])
def test_a_number_of_the_wrong_kind_is_a_sentence(world, k):
    told = call(world[1], [None, k, None, None, None, None])
    assert MALFORMED in told or "No photo" in told


def test_a_request_of_before_the_endpoint_grew_is_still_answered(world):
    """Values that it does not give are as the page's components stand: programs that send six go on working."""
    folder, address = world
    with (folder / "gallery" / "photos" / "photo_1.jpg").open("rb") as photo:
        (path,) = requests.post(f"{address}gradio_api/upload", files={"files": photo}, timeout=20).json()
    assert '"matches"' in call(address, [{"path": path, "meta": MARK}, 3, None, None, None, None])
