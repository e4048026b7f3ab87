"""What is kept for another page."""

from pages.services.expiring import ExpiringStore


def test_a_value_comes_back_under_its_own_name_only():
    store = ExpiringStore()
    first, second = store.put("a"), store.put("b")
    assert (store.get(first), store.get(second), store.get("nobody")) == ("a", "b", None)
    assert first != second and len(first) > 20


def test_old_and_surplus_values_go():
    few = ExpiringStore(most=2)
    names = [few.put(value) for value in "abc"]
    assert [few.get(name) for name in names] == [None, "b", "c"]
    brief = ExpiringStore(for_s=-1)
    assert brief.get(brief.put("a")) is None


def test_what_every_visitor_is_shown_stays():
    """The first page's own example could not be inspected an hour after the server's start."""
    store = ExpiringStore(most=1, for_s=-1)
    name = store.keep("example")
    for value in "abc":
        store.put(value)
    assert store.get(name) == "example"
