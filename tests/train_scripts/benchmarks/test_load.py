"""The load command asks a running app and counts what it gets."""

import json
from collections import Counter

import pytest

import app
from tests.helpers.small_world import catalog_of, imagery, served, service_of, write_photo
from train_scripts.benchmark import main
from train_scripts.benchmarks.load import ClientRecord, evenness, summary


def test_evenness_is_one_for_equal_shares_and_one_nth_for_one_winner():
    assert evenness([3, 3, 3]) == evenness([]) == evenness([0, 0]) == 1
    assert evenness([5, 0, 0, 0]) == pytest.approx(0.25)


def test_the_summary_counts():
    records = [ClientRecord([1.0, 3.0], Counter(full=2)), ClientRecord([2.0], Counter(full=1, late=1)), ClientRecord()]
    told = summary(records, 10)
    assert told["answers"] == 3 and told["answers_per_s"] == 0.3 and told["p50_s"] == 2
    assert told["refused"] == {"full": 3, "late": 1}
    assert told["answers_of_a_client"] == {"least": 0, "median": 1, "most": 2}


def test_it_loads_an_app(tmp_path, capsys):
    catalog = catalog_of(service_of(tmp_path))
    photo = write_photo(tmp_path / "photo.jpg", imagery(200), 20, 20)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"text")
    with served(catalog, app.more_pages(app.Options(tmp_path / "gallery"), catalog)) as address:
        capsys.readouterr()
        main(["load", str(photo), str(broken), "--url", address, "--clients", "2", "--seconds", "1", "--greedy", "2"])
        told = json.loads(capsys.readouterr().out)
    assert told["answers"] == told["answers_of_a_client"]["most"] == told["answers_of_the_greedy_client"] > 0
    assert any("broken.jpg is text" in sentence for sentence in told["refused"])
