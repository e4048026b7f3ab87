"""Limits of requests: who asks, how much at once and in an hour, how long, and that all others are answered."""

import asyncio
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pages.services import request_limits
from pages.services.request_limits import DiskUse, Limits, RequestLimits, address_of

LIMITS = Limits(open_requests=3, all_open_requests=5, uploads=4, upload_bytes=1000, body_bytes=100, stall_s=0.05)


def scope(path="/gradio_api/upload", client="1.2.3.4", length=None, forwarded=None, method="POST"):
    headers = [] if length is None else [(b"content-length", str(length).encode())]
    headers += [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    return {"type": "http", "method": method, "path": path, "client": (client, 1), "headers": headers}


async def echo(scope, receive, send):
    """An app that reads the request to its end, and answers with its length and its client."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{size} {scope['client'][0]}".encode()})


async def ask(layer, scope, parts=(b"",), hangs=False, told=None):
    """Returns: status and body. Args: parts: of the request. hangs: after them nothing comes."""
    waiting = [
        {"type": "http.request", "body": part, "more_body": hangs or at < len(parts) - 1}
        for at, part in enumerate(parts)
    ]
    answers = [] if told is None else told

    async def receive():
        if not waiting:
            await asyncio.sleep(3600)
        return waiting.pop(0)

    async def send(message):
        answers.append(message)

    await layer(scope, receive, send)
    return answers[0]["status"], b"".join(each.get("body", b"") for each in answers).decode()


def test_what_is_within_the_limits_passes():
    layer = RequestLimits(echo, LIMITS)
    assert asyncio.run(ask(layer, scope(), [b"x" * 300, b"y" * 300])) == (200, "600 1.2.3.4")
    assert asyncio.run(ask(layer, scope("/config", method="GET"))) == (200, "0 1.2.3.4")


def test_an_address_uploads_so_much_in_an_hour_and_others_as_much():
    layer = RequestLimits(echo, LIMITS)
    assert asyncio.run(ask(layer, scope(), [b"x" * 700]))[0] == 200
    assert asyncio.run(ask(layer, scope(length=400)))[0] == 429, "as it states"
    assert asyncio.run(ask(layer, scope(), [b"x" * 200] * 2))[0] == 413, "as it comes"
    assert asyncio.run(ask(layer, scope(client="1.2.3.5"), [b"x" * 700]))[0] == 200
    later = RequestLimits(echo, replace(LIMITS, kept_s=0))
    assert all(asyncio.run(ask(later, scope(), [b"x" * 900]))[0] == 200 for _ in range(9))
    assert len(later._uploads) == 1


@pytest.mark.parametrize("own", ["127.0.0.1", "::1"])
def test_this_machine_is_not_one_visitor(own):
    """It is that of its owner."""
    layer = RequestLimits(echo, LIMITS, questions_of=lambda address: 99)
    assert all(asyncio.run(ask(layer, scope(client=own), [b"x" * 900]))[0] == 200 for _ in range(9))
    assert asyncio.run(ask(layer, scope("/queue/join", client=own)))[0] == 200
    assert asyncio.run(ask(layer, scope(client=own), [b"x" * 1001]))[0] == 413


@pytest.mark.parametrize(
    "sign", [{"headers": {"x-real-ip": "6.6.6.6"}}, {"headers": {"Host": "locator.example.org"}}, {"version": "1.0"}]
)
@pytest.mark.parametrize("own", ["127.0.0.1", "::1"])
def test_behind_a_proxy_that_nobody_told_of_all_visitors_share_the_limits_of_one(own, sign, caplog):
    layer = RequestLimits(echo, LIMITS, questions_of=lambda address: 99 if address == "unknown" else 0)
    headers = [(name.lower().encode(), value.encode()) for name, value in sign.get("headers", {}).items()]

    def forwarded(path="/gradio_api/upload"):
        asked = scope(path, client=own)
        return {**asked, "headers": [*asked["headers"], *headers], "http_version": sign.get("version", "1.1")}

    told = [asyncio.run(ask(layer, forwarded(), [b"x"]))[0] for _ in range(5)]
    assert told == [200] * 4 + [429]
    assert asyncio.run(ask(layer, scope(client=own), [b"x"]))[0] == 429  # one without the sign, too
    assert asyncio.run(ask(layer, forwarded("/queue/join")))[0] == 429
    assert [record.message for record in caplog.records] == [
        "A proxy of this machine asks for all visitors, who share limits. Give --proxies 1."
    ]


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "LOCALHOST:80", "[::1]:7860", "127.0.1.1"])
def test_a_browser_of_this_machine_is_no_proxy(host):
    asked = scope(client="127.0.0.1")
    assert not request_limits.is_forwarded({**asked, "headers": [(b"host", host.encode())], "http_version": "1.1"})


def test_an_address_uploads_so_often_in_an_hour():
    layer = RequestLimits(echo, LIMITS)
    told = [asyncio.run(ask(layer, scope(), [b"x"]))[0] for _ in range(5)]
    assert told == [200] * 4 + [429]


def test_other_requests_are_small():
    layer = RequestLimits(echo, LIMITS)
    assert asyncio.run(ask(layer, scope("/queue/join", length=101)))[0] == 413
    assert asyncio.run(ask(layer, scope("/queue/join"), [b"x" * 60] * 2))[0] == 413
    assert asyncio.run(ask(layer, scope("/queue/join"), [b"x" * 50] * 2))[0] == 200


def test_an_address_asks_so_many_questions_at_once():
    layer = RequestLimits(echo, LIMITS, questions_of=lambda address: 12 if address == "1.2.3.4" else 11)
    for path in ("/gradio_api/queue/join", "/gradio_api/call/localize"):
        status, told = asyncio.run(ask(layer, scope(path)))
        assert status == 429 and json.loads(told)["detail"].startswith("Wait for an answer first")
        assert asyncio.run(ask(layer, scope(path, client="1.2.3.5")))[0] == 200
        assert asyncio.run(ask(layer, scope(path + "/event", method="GET")))[0] == 200, "the answer itself"


def test_a_request_that_does_not_come_to_its_end_is_ended():
    layer = RequestLimits(echo, LIMITS)
    status, sentence = asyncio.run(ask(layer, scope(), [b"x"], hangs=True))
    assert status == 408 and sentence.endswith("Send it again.")
    assert not layer._open

    async def swallows(scope, receive, send):  # as FastAPI does with what goes wrong while it reads
        try:
            await echo(scope, receive, send)
        except Exception:
            await send({"type": "http.response.start", "status": 400, "headers": []})

    assert asyncio.run(ask(RequestLimits(swallows, LIMITS), scope(), [b"x"], hangs=True))[0] == 408


@pytest.mark.parametrize(("rate", "status"), [(1e4, 408), (10.0, 200)])
def test_a_request_that_comes_drop_by_drop_is_ended_and_a_slow_one_is_not(rate, status):
    async def slowly():
        layer = RequestLimits(echo, replace(LIMITS, body_s=0.05, least_bytes_per_s=rate))
        answers, parts = [], iter(range(30))

        async def receive():
            await asyncio.sleep(0.01)
            return {"type": "http.request", "body": b"x", "more_body": next(parts) < 29}

        async def send(message):
            answers.append(message)

        await layer(scope(), receive, send)
        return answers[0]["status"]

    assert asyncio.run(slowly()) == status


def test_an_address_has_so_many_requests_open_and_others_have_theirs():
    async def waits(scope, receive, send):
        await echo(scope, receive, send)
        await asyncio.sleep(0.2)

    async def all_at_once():
        layer = RequestLimits(waits, LIMITS)
        clients = ["1.2.3.4"] * 5 + ["1.2.3.5"] * 2 + ["1.2.3.6"]
        told = [status for status, _ in await asyncio.gather(*(ask(layer, scope(client=each)) for each in clients))]
        assert told == [200] * 3 + [429] * 2 + [200, 200, 503] and not layer._open

    asyncio.run(all_at_once())


def test_the_disk_has_room_or_nothing_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(request_limits, "LOOK_S", -1)
    limits = replace(LIMITS, disk_bytes=100_000, least_free_bytes=0)
    disk = DiskUse(lambda: tmp_path, limits)
    layer = RequestLimits(echo, limits, disk)
    assert disk.has_room(90_000) and not disk.has_room(100_001)
    (tmp_path / "upload").write_bytes(b"x" * 99_900)
    assert asyncio.run(ask(layer, scope(length=900)))[0] == 507
    assert not DiskUse(lambda: tmp_path, replace(limits, disk_bytes=10**9, disk_files=1)).has_room()
    assert not DiskUse(lambda: tmp_path, replace(limits, disk_bytes=10**9, least_free_bytes=10**18)).has_room()
    (tmp_path / "upload").unlink()
    assert asyncio.run(ask(layer, scope(length=900), [b"x" * 900]))[0] == 200


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        (None, 0, "10.0.0.1"),
        ("6.6.6.6", 0, "10.0.0.1"),
        ("6.6.6.6", 1, "6.6.6.6"),
        ("6.6.6.6, 7.7.7.7", 1, "7.7.7.7"),
        ("6.6.6.6, 7.7.7.7:80", 1, "7.7.7.7"),
        ("6.6.6.6, 7.7.7.7", 2, "6.6.6.6"),
        ("6.6.6.6", 2, "10.0.0.1"),
        (None, 1, "10.0.0.1"),
        ("nonsense", 1, "unknown"),
        ("[2001:db8::5]:443", 1, "2001:db8::/64"),
        ("2001:db8:0:0:9::1", 1, "2001:db8::/64"),
        ("::ffff:9.9.9.9", 1, "9.9.9.9"),
    ],
)
def test_who_asks(forwarded, proxies, address):
    assert address_of(scope(client="10.0.0.1", forwarded=forwarded), proxies) == address


@given(some.text(max_size=60), some.integers(0, 3))
def test_what_a_visitor_writes_into_the_header_is_never_an_error(text, proxies):
    asked = scope()
    asked["headers"] = [(b"x-forwarded-for", text.encode("utf-8"))]
    assert address_of(asked, proxies)


@given(some.lists(some.ip_addresses(v=4).map(str), max_size=5))
def test_a_visitor_behind_one_proxy_cannot_choose_an_address(written):
    forwarded = ", ".join([*written, "5.5.5.5"])  # the proxy appends where it was asked from
    assert address_of(scope(client="10.0.0.1", forwarded=forwarded), 1) == "5.5.5.5"
