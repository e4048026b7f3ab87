"""The engine: loads once, beside; its troubles become one sentence for whoever waits."""

import threading

import pytest

from gallery.errors import NotAGallery
from pages.errors import NotReady, sentence
from pages.services.engine import Embedders, Engine


def test_all_who_wait_get_the_one_localizer():
    loaded = []

    def load():
        loaded.append(1)
        return "localizer"

    engine = Engine(load)
    got = []
    waiting = [threading.Thread(target=lambda: got.append(engine.wait(5))) for _ in range(4)]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    assert got == ["localizer"] * 4
    assert loaded == [1]
    assert engine.ready


def test_a_spoken_error_is_told_to_each_who_asks():
    def load():
        raise NotAGallery("There is no gallery here. Build one")

    engine = Engine(load)
    for _ in range(2):
        with pytest.raises(NotReady, match=r"^There is no gallery here\. Build one\.$"):
            engine.wait(5)
    assert not engine.ready and engine.settle(5)


def test_a_bug_keeps_its_traceback_and_lets_nobody_wait_forever(monkeypatch):
    traces = []
    monkeypatch.setattr(threading, "excepthook", traces.append)

    def load():
        raise RuntimeError("a bug")

    engine = Engine(load)
    with pytest.raises(NotReady, match="log"):
        engine.wait(5)
    assert engine.settle(5)
    assert traces and traces[0].exc_type is RuntimeError


def test_who_asks_too_early_is_told_to_come_again():
    go = threading.Event()
    engine = Engine(lambda: go.wait(5))
    with pytest.raises(NotReady, match="again"):
        engine.wait(0.01)
    go.set()


def test_later_steps_run_after_loading_and_may_fail():
    def fails(localizer):
        raise NotAGallery("no ground")

    done = []
    engine = Engine(lambda: "localizer")
    engine.then(fails, done.append)
    assert engine.settle(5)
    assert done == ["localizer"]


@pytest.mark.parametrize(
    ("text", "told"), [("a\n b", "a b."), ("Why?", "Why?"), ("", "This did not work; the server's log may say why.")]
)
def test_sentences(text, told):
    assert sentence(ValueError(text)) == told


def test_embedders_are_known_by_name_and_by_fingerprint():
    loads = []

    class Loaded:
        def __init__(self, source):
            loads.append(source)
            self.fingerprint = source.upper()

    embedders = Embedders(Loaded)
    first = embedders.get("a", "A")
    assert embedders.get("a", "A") is embedders.get("elsewhere/a", "A") is first
    assert embedders.get("b", "B") is not first
    assert embedders.get("a", "Z") is first, "what the source names; the gallery then refuses it"
    assert loads == ["a", "b"]


def test_nobody_waits_for_what_comes_later():
    """The ground of a region takes a minute; the first example's answer came only after it."""
    done, let_go = [], threading.Event()
    engine = Engine(lambda: "localizer")
    engine.later(lambda localizer: (let_go.wait(30), done.append("later")))
    engine.then(lambda localizer: done.append("then"))
    assert engine.settle(10) and done == ["then"]
    let_go.set()
    engine._thread.join(10)
    assert done == ["then", "later"]
