"""The rooms of the house: who may import whom. Arrows run one way, and a wrong one is named."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from runpy import run_path

import pytest

from tests.helpers import ROOT

PACKAGES = ("app", "pages", "gallery", "mean_model", "train_scripts", "tests")
EXCEPTIONS = {"gallery/cli/loading.py": {"mean_model"}}  # the command line is the one that loads a model
NOT_AT_ALL = {"gallery": {"torch", "torchvision", "timm", "gradio"}, "mean_model": {"gradio", "faiss", "geopandas"}}
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def table(name: str) -> dict[str, set[str]]:
    """What may import what, as `docs/architecture.md` says. Args: name: a pattern of the names in the first column."""
    rows = re.findall(rf"^\| ({name}) \|[^|]*\|([^|]*)\|$", ARCHITECTURE, re.M)
    return {each: {other.strip() for other in allowed.split(",") if other.strip()} for each, allowed in rows}


ROOMS = table(r"\w+/[\w/]+")
MAY_IMPORT = {name.removesuffix(".py"): allowed for name, allowed in table("|".join(PACKAGES) + r"|app\.py").items()}


def files_of(package: str) -> list[Path]:
    return [ROOT / "app.py"] if package == "app" else sorted((ROOT / package).rglob("*.py"))


def module_of(file: Path) -> str:
    """The dotted name of a file below the root."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(file): file for package in MAY_IMPORT for file in files_of(package)}


def imported(source: str, package: str = "") -> Iterator[tuple[int, str, str]]:
    """Line, module and name of every import, those inside functions included. Args: package: of relative imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name, "") for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            yield from ((node.lineno, module, name.name) for name in node.names)


def own_imports(file: Path) -> Iterator[tuple[int, str]]:
    """Line and module of each import of the project's own."""
    module = module_of(file)
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for line, target, name in imported(file.read_text("utf-8"), package):
        found = next((each for each in (f"{target}.{name}", target) if each in MODULES), None)
        if found is not None:
            yield line, found


def room_of(module: str) -> str:
    """The folder below a package that a module lies in, as a path; of a file beside the folders its own path."""
    path = MODULES[module].relative_to(ROOT)
    return path.parent.as_posix() if len(path.parts) > 2 else path.with_suffix("").as_posix()


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """Names along one circle, or nothing."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_arrows_between_packages_run_one_way(package):
    offenders = []
    for file in files_of(package):
        name = file.relative_to(ROOT).as_posix()
        allowed = {package} | MAY_IMPORT[package] | EXCEPTIONS.get(name, set())
        banned = (set(PACKAGES) - allowed) | NOT_AT_ALL.get(package, set())
        for line, module, _ in imported(file.read_text("utf-8"), package):
            if module.split(".")[0] in banned:
                offenders.append(f"{name}:{line} imports {module}")
    assert not offenders, "; ".join(offenders)


def test_rooms_import_what_the_architecture_page_allows():
    allowed, used, offenders = ROOMS, defaultdict(set), []
    for module, file in MODULES.items():
        room = room_of(module)
        for line, target in own_imports(file):
            other = room_of(target)
            if room in allowed and other in allowed and other != room and room.split("/")[0] == other.split("/")[0]:
                used[room].add(other)
                if other not in allowed[room]:
                    offenders.append(f"{file.relative_to(ROOT)}:{line} imports {target}")
    assert not offenders, "; ".join(offenders)
    unused = [f"{room} -> {other}" for room in allowed for other in sorted(allowed[room] - used[room])]
    assert not unused, f"in the table, but nobody uses it: {'; '.join(unused)}"


def test_every_folder_of_code_has_a_row_of_its_own():
    folders = {room_of(module) for module, file in MODULES.items() if len(file.relative_to(ROOT).parts) > 2}
    assert folders <= ROOMS.keys(), sorted(folders - ROOMS.keys())


def test_there_is_no_circle_between_rooms():
    assert not circle_in(ROOMS)


def test_there_is_no_circle_between_files():
    inside = {module: file for module, file in MODULES.items() if file.name != "__init__.py"}
    graph = {module: {target for _, target in own_imports(file) if target in inside} for module, file in inside.items()}
    assert not circle_in({module: targets - {module} for module, targets in graph.items()})


def test_the_picture_of_the_rooms_is_drawn_of_the_table():
    program = run_path(str(ROOT / "docs" / "draw_architecture.py"))
    assert program["PICTURE"].read_text("utf-8") == program["drawn"](ARCHITECTURE), "python docs/draw_architecture.py"


def test_what_the_architecture_page_names_is_there():
    named = set(re.findall(r"`([\w.]+(?:/[\w.]+)+)`", ARCHITECTURE))
    assert len(named) > 30 and not [path for path in named if not (ROOT / path).exists()]


def resolved(dotted: str) -> bool:
    """Whether a dotted name of ours is a module, or stands in the file of the module before it."""
    module = dotted
    while module not in MODULES and "." in module:
        module = module.rpartition(".")[0]
    name = dotted.removeprefix(module).strip(".").split(".")[0]
    return module in MODULES and (not name or re.search(rf"\b{name}\b", MODULES[module].read_text("utf-8")) is not None)


def test_what_prose_names_with_its_package_is_there():
    """Docstrings, comments and pages that name a module, or something in it, in backticks; a changelog looks back."""
    ours = re.compile(rf"`((?:{'|'.join(PACKAGES[1:5])})(?:\.\w+)+)`")
    pages = [*MODULES.values(), ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    lost = {f"{page.name}: {name}" for page in pages for name in ours.findall(page.read_text("utf-8"))}
    assert not sorted(each for each in lost if not resolved(each.partition(": ")[2]))


def test_what_the_pages_know_knows_no_gradio_not_even_by_others():
    """Whatever `pages/services` imports, however far away, imports no Gradio."""
    ways = {module: [module] for module in MODULES if module.startswith("pages.services.")}
    ahead = list(ways)
    while ahead:
        module = ahead.pop()
        for _, target in own_imports(MODULES[module]):
            if target not in ways:
                ways[target] = [*ways[module], target]
                ahead.append(target)
    offenders = [
        " -> ".join(ways[module])
        for module in ways
        if any(name.split(".")[0] == "gradio" for _, name, _ in imported(MODULES[module].read_text("utf-8")))
    ]
    assert len(ways) > 30 and not offenders, "; ".join(offenders)


def test_an_offender_would_be_named():
    source = "import numpy\ndef f():\n    from pages.localize import x\nfrom .. import y"
    assert list(imported(source, "a.b")) == [(1, "numpy", ""), (4, "a", "y"), (3, "pages.localize", "x")]
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}}) and not circle_in({"a": {"b"}, "b": set()})


def names_in(modules: Iterable[str]) -> set[str]:
    return {module.rpartition(".")[2] for module in modules}


@pytest.mark.parametrize("vague", ["utils", "helpers", "misc", "common_functions", "stuff"])
def test_no_module_is_named_for_nothing(vague):
    assert vague not in names_in(MODULES)
