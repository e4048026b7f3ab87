"""README and docs: every block of commands runs as it stands, every link leads somewhere, and the pages are a site."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.helpers import ROOT
from tests.helpers.doc_blocks import Block, blocks_of, require_parsed, run

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = {page.relative_to(ROOT).as_posix(): blocks_of(page) for page in PAGES}
PROGRAMS = ("bash", "python")
"""Languages of blocks that are run."""

CAUSES = ("needs", "takes", "starts", "minutes", "hour", "CI runs")
"""What a reason for not running a block may be about."""

NUMBER = re.compile(r"-?\d[\d,.]*")


def runnable(page: str) -> list[Block]:
    return [block for block in BLOCKS[page] if block.language in PROGRAMS and block.reason is None]


def excepted() -> list[Block]:
    return [block for blocks in BLOCKS.values() for block in blocks if block.reason is not None]


def run_page(page: str) -> None:
    """Run the blocks of a page one after the other, and compare what they print where that stands below them."""
    for block in runnable(page):
        printed = run(block)
        if block.prints is not None:
            told, stated = (NUMBER.sub("#", text).splitlines() for text in (printed, block.prints))
            assert told == stated, f"{block} prints something else than what stands below it:\n{printed}"


@pytest.fixture(scope="module")
def readme_world(tmp_path_factory) -> Path:
    """A clean clone in which a newcomer has done what the README says, and has imagery of another town."""
    world = tmp_path_factory.mktemp("clone")
    for name in ("gallery", "mean_model", "pages", "train_scripts", "app.py"):
        (world / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "docs", world / "docs")
    shutil.copy(ROOT / "mkdocs.yml", world)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(world)
        run_page("README.md")
    (world / "runs").mkdir()
    cut = ["rio", "clip", "gallery/sample/region.tif", "next_town.tif", "--bounds", "300 -300 800 200"]
    subprocess.run([Path(sys.executable).with_name("rio"), *cut[1:]], cwd=world, check=True)
    return world


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in BLOCKS if page != "README.md" and runnable(page)])
def test_every_block_runs_as_written(readme_world, tmp_path, monkeypatch, page):
    """A page starts where the README ends."""
    shutil.copytree(readme_world, tmp_path / "clone", symlinks=True)
    monkeypatch.chdir(tmp_path / "clone")
    run_page(page)


@pytest.mark.slow
def test_the_readmes_three_commands_print_what_it_says(readme_world):
    """`readme_world` compares."""
    assert (
        any(block.prints for block in runnable("README.md")) and (readme_world / "my_area" / "gallery.json").is_file()
    )


@pytest.mark.parametrize("block", excepted(), ids=str)
def test_what_is_not_run_says_why_and_is_understood_by_its_program(block, monkeypatch):
    assert block.reason and any(cause in block.reason for cause in CAUSES), f"{block}: {block.reason}"
    monkeypatch.chdir(ROOT)  # where the configs are; nothing is written
    assert list(require_parsed(block)) or re.search(r"\b(git|pip|pytest|ruff|Client)\b", block.text)


def test_no_block_is_of_an_unknown_language():
    languages = {block.language for blocks in BLOCKS.values() for block in blocks}
    assert languages <= {*PROGRAMS, "text", "bibtex", "console"}, "what is no command has to say so"


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub and mkdocs both make it of plain words."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        target = page if not name else (page.parent / name).resolve()
        headings = map(slug, re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)) if anchor else ()
        if not target.exists() or (anchor and anchor not in headings):
            lost.append(link)
    assert not lost


def test_the_readme_is_short_and_every_page_is_in_the_site():
    assert len(README.read_text("utf-8")) <= 12_000
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    listed = re.findall(r"[\w]+\.md", yaml.dump(yaml.safe_load(text)["nav"]))
    assert sorted(listed) == sorted(page.name for page in PAGES if page != README)


def test_the_moving_picture_is_small_and_moves():
    from PIL import Image

    file = ROOT / "docs" / "locate.webp"
    with Image.open(file) as picture:
        assert picture.is_animated and picture.width >= 700
    assert file.stat().st_size < 1_500_000
