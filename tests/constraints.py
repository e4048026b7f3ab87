"""The versions that the tests ran with: what an installation is held to, and whether it still covers what is needed.

    python -m tests.constraints           compare the environment with constraints.txt
    python -m tests.constraints --write   write what the environment has, after the whole suite passed in it

`pip install -r requirements.txt -c constraints.txt` installs these versions. A Space installs pre-requirements.txt, the
same list, before requirements.txt. A line with a marker, for another version of Python, is kept as it stands.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.helpers import ROOT

CONSTRAINTS, SPACE = ROOT / "constraints.txt", ROOT / "pre-requirements.txt"

HEAD = """# Versions that the tests ran with, by python -m tests.constraints --write. Not held: torch and what comes
# with it, which differs by machine (CUDA, CPU, the versions that ZeroGPU lends).
"""

FREE = re.compile(r"(torch|torchvision|triton|nvidia-.*|cuda-.*)")
"""Names of what is not held."""


def requirements() -> list[Requirement]:
    """The lines of requirements.txt."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


def needed() -> dict[str, str]:
    """Versions, by name, of all distributions that requirements.txt brings into this environment."""
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = list(requirements())
    while waiting:
        asked = waiting.pop()
        name = canonicalize_name(asked.name)
        if (name, frozenset(asked.extras)) in seen:
            continue
        seen.add((name, frozenset(asked.extras)))
        try:
            known = distribution(name)
        except PackageNotFoundError:  # for another system
            continue
        found[name] = known.version
        waiting += _asked_by(known.requires or [], asked.extras)
    return dict(sorted(found.items()))


def _asked_by(lines: list[str], extras: set[str]) -> Iterator[Requirement]:
    for line in lines:
        asked = Requirement(line)
        if asked.marker is None or any(asked.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield asked


def held() -> dict[str, str]:
    """Versions, by name, in constraints.txt."""
    return {asked.name: str(asked.specifier).removeprefix("==") for asked in _lines()}


def _lines() -> list[Requirement]:
    lines = CONSTRAINTS.read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def main(arguments: list[str]) -> int:
    """Compare, or write. Returns: the exit status: 1 where something that is needed is not held at all."""
    now = {name: version.partition("+")[0] for name, version in needed().items() if not FREE.fullmatch(name)}
    if arguments == ["--write"]:
        elsewhere = [str(asked) for asked in _lines() if asked.marker is not None and not asked.marker.evaluate()]
        lines = sorted([*(f"{name}=={version}" for name, version in now.items()), *elsewhere])
        text = HEAD + "".join(f"{line}\n" for line in lines)
        for file in (CONSTRAINTS, SPACE):
            file.write_text(text, "utf-8")
        return 0
    stated = held()
    for name, version in now.items():
        if stated.get(name) != version:
            sys.stdout.write(f"constraints.txt: {name} {stated.get(name, 'is not there')}, here {version}\n")
    return 1 if now.keys() - stated.keys() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
