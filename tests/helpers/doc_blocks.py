"""The fenced blocks of README and `docs`, and their commands run as they stand, in this process."""

import argparse
import contextlib
import importlib
import io
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import pytest

import app
from tests.helpers import ROOT
from train_scripts.train import read_config

NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
"""Stands directly above a block that needs data, hours, the network or a server, and says which."""

PROGRAMS = ("gallery", "train_scripts")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: relative to the repository.
        line: of the fence, from 1.
        reason: why it is not run; None: it is.
        prints: the block below it, where that is what it prints.
    """

    page: str
    line: int
    language: str
    text: str
    reason: str | None = None
    prints: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """Its lines, those that end in a backslash joined with the next, without comments."""
        joined = re.sub(r"\\\n\s*", " ", self.text)
        return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page in their order."""
    lines = page.read_text("utf-8").splitlines()
    name, found, at = page.relative_to(ROOT).as_posix(), [], 0
    while at < len(lines):
        if not (opened := re.fullmatch(r"```(\w*)", lines[at])):
            at += 1
            continue
        end = lines.index("```", at + 1)
        above = NOT_RUN.fullmatch(lines[at - 1]) if at else None
        found.append(Block(name, at + 1, opened[1], "\n".join(lines[at + 1 : end]), above and above[1]))
        at = end + 1
    return [
        Block(**{**vars(block), "prints": after.text if after and after.language == "text" else None})
        for block, after in zip(found, [*found, None][1:], strict=True)
    ]


def run(block: Block) -> str:
    """Run a block in the working directory. Returns: what it prints. Raises: AssertionError: a command fails."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if block.language == "python":
            exec(compile(block.text, str(block), "exec"), {"__name__": "__main__"})
        else:
            for command in block.commands:
                _run_line(command, str(block))
    return printed.getvalue()


def _run_line(line: str, where: str) -> None:
    """One line: our programs in this process, which has imported what takes seconds, others in a shell."""
    words = shlex.split(line, comments=True)
    if words[:2] != ["python", "-m"] or words[2].split(".")[0] not in PROGRAMS:
        subprocess.run(["bash", "-euo", "pipefail", "-c", line], check=True, stdout=subprocess.DEVNULL)
        return
    file = io.StringIO()
    target = Path(words[-1]) if words[-2] == ">" else None
    given = [name for word in words[3 : -2 if target else None] for name in _expanded(word)]
    with contextlib.redirect_stdout(file) if target else contextlib.nullcontext():
        try:
            status = main_of(words[2])(given)
        except SystemExit as leave:
            status = leave.code
    assert not status, f"{where}: {line} ended with {status}"
    if target:
        target.write_text(file.getvalue())


def _expanded(word: str) -> Sequence[str]:
    """A word as the shell expands it."""
    return (sorted(glob(word)) or [word]) if re.search(r"[*?\[]", word) else [word]


def main_of(module: str):
    """The `main` of what `python -m` runs."""
    found = importlib.import_module(module)
    return (importlib.import_module(f"{module}.__main__") if hasattr(found, "__path__") else found).main


class _Parsed(Exception):
    """The options were understood."""


def require_parsed(block: Block) -> Iterator[str]:
    """Give each command of our programs to its parser. Yields: the commands. Raises: AssertionError: it refuses one."""
    for command in block.commands:
        words = shlex.split(command, comments=True)
        if "app.py" in words:
            app._parser().parse_args(words[words.index("app.py") + 1 :])
        elif "-m" in words and words[words.index("-m") + 1].split(".")[0] in PROGRAMS:
            _parse(words[words.index("-m") + 1 :], f"{block}: {command}")
        else:
            continue
        yield command


def _parse(words: Sequence[str], where: str) -> None:
    understood, mixed = argparse.ArgumentParser.parse_args, argparse.ArgumentParser.parse_intermixed_args

    def stop(self, args=None, namespace=None):
        understood(self, args, namespace)
        raise _Parsed

    def stop_before_training(self, args=None, namespace=None):
        options = mixed(self, args, namespace)
        read_config(options.config, options.overrides)
        raise _Parsed

    module, *given = words
    given = given[: given.index(">")] if ">" in given else given
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        patch.setattr(argparse.ArgumentParser, "parse_intermixed_args", stop_before_training)
        try:
            main_of(module)(given)
        except _Parsed:
            return
        except SystemExit as leave:
            raise AssertionError(f"{where} ended with {leave.code}") from leave
    raise AssertionError(f"{where} was not parsed")
