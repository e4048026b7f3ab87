"""The address of the first page: what it brings back, and what never stands in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.photo.correction import PoseCorrection
from pages.localize.address import PLAIN, Address, can_be_written
from pages.services.question import PhotoQuestion

NAMES = st.text(max_size=12)
QUESTIONS = st.builds(
    PhotoQuestion,
    k=st.integers(1, 20),
    turn=st.sampled_from(["heading", "guessed", "none"]),
    use_exif=st.booleans(),
) | st.builds(PhotoQuestion, where=st.just("exif"), radius_km=st.sampled_from([0.1, 0.5, 1.0, 20.0]))


@given(NAMES, NAMES, QUESTIONS)
def test_what_is_written_is_read_again(gallery, example, question):
    address = Address(gallery, example, question=question)
    assert Address.read(address.query) == address == Address.read(f"?{address.query}")


@given(st.text(max_size=600) | st.none() | st.integers())
def test_anything_can_be_read(query):
    assert 1 <= Address.read(query).question.k <= 20


@pytest.mark.parametrize(
    "query", ["k=0x5", "k=-1", "k=²", "turn=up", "where=point&lon=1&lat=2", "where=exif&radius=nan"]
)
def test_what_makes_no_sense_is_as_if_it_were_not_there(query):
    assert Address.read(query).question in (PLAIN, PhotoQuestion(where="exif"))


def test_the_plain_page_has_no_query_and_a_kept_answer_only_its_name():
    assert Address().query == ""
    assert Address(answer="a-b_c", question=PhotoQuestion(k=9)).query == "answer=a-b_c"
    assert Address(answers="xyz").query == "answers=xyz"


def test_no_position_can_be_written():
    assert can_be_written(PhotoQuestion(k=3, where="exif"))
    assert not can_be_written(PhotoQuestion(where="point", lon=1.5, lat=2.5))
    assert not can_be_written(PhotoQuestion(correction=PoseCorrection(heading_deg=10)))
    assert "1.5" not in Address(question=PhotoQuestion(where="point", lon=1.5, lat=2.5)).query
