"""Visitors take turns, whoever asked most; one alone never holds all places."""

import threading
import time
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from hypothesis import given
from hypothesis import strategies as st

from pages.common.fair_queue import MOST_WAITING_OF_ONE, in_turn
from pages.common.guarded_blocks import GuardedBlocks
from tests.helpers.small_world import free_port


def event(number, session, address="a"):
    request = SimpleNamespace(client=SimpleNamespace(host=address))
    return SimpleNamespace(_id=str(number), session_hash=session, enqueue_time=number, request=request)


def order(waiting, running=()):
    return [int(each._id) for each in in_turn(waiting, running)]


def test_the_first_question_of_each_session_comes_before_the_second_of_any():
    waiting = [event(0, "x"), event(1, "x"), event(2, "x"), event(3, "y"), event(4, "z"), event(5, "y")]
    assert order(waiting) == [0, 3, 4, 1, 5, 2]


def test_what_is_being_answered_counts():
    assert order([event(1, "x"), event(2, "y")], [event(0, "x")]) == [2, 1]


def test_many_sessions_of_one_address_gain_nothing():
    waiting = [event(number, f"x{number}", "attacker") for number in range(5)] + [event(5, "y", "visitor")]
    assert order(waiting) == [0, 5, 1, 2, 3, 4]


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("ab")), max_size=12))
def test_nobody_is_lost_and_ones_own_questions_keep_their_order(asked):
    waiting = [event(number, session, address) for number, (session, address) in enumerate(asked)]
    turns = order(waiting)
    assert sorted(turns) == list(range(len(asked)))
    for name in "xyz":
        own = [number for number in turns if asked[number][0] == name]
        assert own == sorted(own)


@pytest.fixture
def slow_app():
    """An app of two places whose answers wait for a key. Yields: its address, and the key."""
    key = threading.Event()

    def answer(name):
        key.wait(20)
        return name

    with GuardedBlocks(analytics_enabled=False) as blocks:
        asked, told = gr.Textbox(), gr.Textbox()
        asked.submit(answer, asked, told, api_name="answer", concurrency_limit=2)
    blocks.queue(max_size=20)
    _, address, _ = blocks.launch(server_port=free_port(), prevent_thread_lock=True, quiet=True)
    yield address, key
    key.set()
    blocks.close()


def ranks(jobs):
    """The places of those that wait."""
    return [status.rank for status in (job.status() for job in jobs) if status.code.name == "IN_QUEUE"]


def test_a_visitor_is_answered_while_another_fills_the_queue(slow_app):
    address, key = slow_app
    greedy, visitor = Client(address, verbose=False), Client(address, verbose=False)
    jobs = [greedy.submit(str(number), api_name="/answer") for number in range(4)]

    def eventually(what):
        deadline = time.monotonic() + 10
        while not what() and time.monotonic() < deadline:
            time.sleep(0.05)
        return what()

    def running():
        return sum(job.status().code.name == "PROCESSING" for job in jobs)

    # One is answered, though there are two places; the others know theirs.
    waiting = [0, 1, 2]
    assert eventually(lambda: running() == 1 and sorted(ranks(jobs)) == waiting)
    fast = visitor.submit("visitor", api_name="/answer")
    assert eventually(lambda: fast.status().code.name == "PROCESSING") and running() == 1
    key.set()
    assert fast.result(timeout=10) == "visitor" and [job.result(timeout=10) for job in jobs] == list("0123")


def test_one_session_does_not_fill_the_queue(slow_app):
    address, _ = slow_app
    told = [
        httpx.post(
            f"{address}gradio_api/queue/join", json={"data": ["x"], "fn_index": 0, "session_hash": "greedy"}, timeout=10
        )
        for _ in range(MOST_WAITING_OF_ONE + 2)
    ]
    assert [each.status_code for each in told[:-1]] == [200] * (MOST_WAITING_OF_ONE + 1)
    assert told[-1].status_code == 503 and "questions waiting already" in told[-1].text
