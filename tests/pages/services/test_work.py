"""One question of each visitor is at work; a new one, Stop or leaving ends it."""

from pages.services.work import Works


def test_a_new_question_drops_the_one_before_it_and_nobody_elses():
    works = Works()
    mine, others = works.begin("a"), works.begin("b")
    newer = works.begin("a")
    assert mine.stopped() and mine.dropped
    assert not others.stopped() and not newer.stopped()


def test_stop_keeps_what_there_is_and_leaving_drops_it():
    works = Works()
    work = works.begin("a")
    works.stop("nobody")
    assert not work.stopped()
    works.stop("a")
    assert work.stopped() and not work.dropped
    works.stop("a", drop=True)
    assert work.dropped


def test_what_has_ended_is_forgotten_but_not_what_came_after_it():
    works = Works()
    old = works.begin("a")
    new = works.begin("a")
    works.end("a", old)
    works.stop("a")
    assert new.stopped()
    works.end("a", new)
    works.stop("a")
    works.stop("a", drop=True)
    assert not new.dropped
