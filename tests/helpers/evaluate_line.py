"""The command line of the evaluation, as tests speak to it."""

import pytest

from train_scripts.evaluate import main


def say(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What the command line prints."""
    main([str(argument) for argument in arguments])
    return capsys.readouterr().out


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What the command line says when it refuses: one line, exit 2."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr().err.split("\r")[-1].strip("\n").split("\n")[-1]
    assert stopped.value.code == 2
    return said
