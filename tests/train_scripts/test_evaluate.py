"""The command line of the evaluation: what belongs to which kind of dataset, and numbers as they are written."""

import argparse

import pytest

from train_scripts.evaluate import DATA, KINDS_OF, parser, pose_error


def test_every_option_that_belongs_somewhere_exists():
    options = vars(parser().parse_args(["--dataset", "x"]))
    assert KINDS_OF.keys() <= options.keys()
    assert {kind for kinds in KINDS_OF.values() for kind in kinds} == set(DATA)


def test_a_pose_error_is_three_numbers():
    assert pose_error("5,2.5,10") == (5, 2.5, 10)
    for wrong in ("5,2", "5,2,-1", "5,2,inf"):
        with pytest.raises(argparse.ArgumentTypeError, match="HEADING"):
            pose_error(wrong)
