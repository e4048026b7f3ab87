"""A search ends soon after whoever asked has stopped it, and nobody else's does."""

import threading

import pytest

from gallery import Localizer
from gallery.errors import Interrupted
from gallery.interruption import can_be_stopped, stop_if_asked, stoppable
from tests.helpers.small_world import ColourEmbedder, make_small_world


def test_only_what_is_asked_within_can_be_stopped_and_only_in_its_thread():
    heard: list[bool] = []
    with stoppable(lambda: True):
        with pytest.raises(Interrupted):
            stop_if_asked()
        other = threading.Thread(target=lambda: heard.append(can_be_stopped()))
        other.start()
        other.join()
    stop_if_asked()
    assert heard == [False] and not can_be_stopped()


def test_a_search_ends_in_the_middle(tmp_path):
    gallery, photos = make_small_world(tmp_path)
    embedder = ColourEmbedder()
    localizer, asked = Localizer(gallery, embedder), [0]

    def stopped() -> bool:
        asked[0] += 1
        return asked[0] > 1

    whole = localizer.localize(photos[0])
    with stoppable(stopped), pytest.raises(Interrupted):
        localizer.localize(photos[0])
    assert asked[0] == 2, "it ended at the second look"
    with stoppable(lambda: False):
        assert localizer.localize(photos[0]).to_dict() == whole.to_dict(), "what could be stopped finds the same"
