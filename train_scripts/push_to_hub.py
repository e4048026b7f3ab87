"""Publish a model folder or a gallery on the Hugging Face Hub: `python -m train_scripts.push_to_hub FOLDER user/name`.

Only the model's own files are sent, or the gallery with its imagery and example photos, with a card that says what it
has to. Log in first (`hf auth login`, or HF_TOKEN). `--dry-run` shows card and files and asks no network.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gallery import Gallery
from gallery.arguments import USER_MISTAKE, Parser
from gallery.constants import EXACT_INDEX
from gallery.errors import GalleryError
from gallery.imagery.raster_io import NOTES, is_mosaic, members_of, sidecars_of
from gallery.judge.calibration import Calibration
from gallery.report.report import read_report
from gallery.store.check import check_gallery
from gallery.store.checksums import sealed
from gallery.store.manifest import MANIFEST
from mean_model.checkpoint import CALIBRATION_FILE, CARD_FILE, CONFIG_FILE, WEIGHTS_FILE
from mean_model.errors import HubError, MeanModelError
from mean_model.hub import Kind, Repo, one_sentence
from train_scripts.cards import CardError, Facts, gallery_card, model_card


def prepare(folder: Path, facts: Facts, model: str | None = None) -> tuple[Kind, dict[str, Path | bytes]]:
    """What would be published.

    Args:
        model: where others find the weights that built a gallery; None for what it notes.

    Returns:
        "model" or "dataset", and the content of each file by its name in the repository; the card is README.md.

    Raises:
        CardError, MeanModelError, GalleryError: something is missing or damaged.
    """
    if (folder / MANIFEST).is_file():
        gallery = _loadable(Gallery.open(folder), model)
        files = {**_gallery_files(gallery), **_calibration_of(folder)}
        return "dataset", {**files, CARD_FILE: gallery_card(gallery, facts).encode()}
    files = {name: folder / name for name in (CONFIG_FILE, WEIGHTS_FILE)}
    return "model", {**files, **_calibration_of(folder), CARD_FILE: model_card(folder, facts).encode()}


def publish(repo: Repo, files: Mapping[str, Path | bytes], private: bool = False, message: str = "Publish") -> str:
    """Make the repository if it is not there, and put all files into one commit.

    Returns: the commit.

    Raises:
        HubError: no network, no right to write.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi()
    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    with one_sentence(repo):
        try:
            api.create_repo(repo.name, repo_type=repo.kind, private=private, exist_ok=True)
            return api.create_commit(repo.name, operations, commit_message=message, repo_type=repo.kind).oid
        except HfHubHTTPError as error:
            if error.response.status_code in (401, 403):
                raise HubError(
                    f"You may not write to {repo.name}: log in by `hf auth login` with a token that may."
                ) from error
            raise


def _loadable(gallery: Gallery, model: str | None) -> Gallery:
    """The gallery with a note of its model that holds on other machines."""
    noted = model or str(gallery.manifest["model"]["source"])
    if "=" in noted or noted.startswith((".", "/")) or len(Path(noted).parts) > 2:
        raise GalleryError(
            f"The gallery notes weights on this machine ({Path(noted).name}): say with --model where others find them, "
            "such as user/name@revision."
        )
    return Gallery(gallery.folder, {**gallery.manifest, "model": {**gallery.manifest["model"], "source": noted}})


def _gallery_files(gallery: Gallery) -> dict[str, Path | bytes]:
    """The gallery's own files, the imagery that its tiles are cut from, and its example photos."""
    damage = [problem.message for problem in check_gallery(gallery) if problem.damage]
    if damage:
        raise GalleryError(f"The gallery is damaged and not published: {damage[0]}.")
    if gallery.manifest.get("index", EXACT_INDEX)["kind"] == "milvus":
        raise GalleryError("The gallery is searched by a server that others do not have: build it with --index auto.")
    root = gallery.folder.resolve()
    places = [place for source in gallery.sources for place in _imagery_of(root / source)]
    for place in places:
        if not place.is_relative_to(root) or place == root:
            raise GalleryError(
                f"{place.name} does not lie within the gallery. Build it again with --pack, which puts it there."
            )
    names = [root / name for name in gallery.manifest["files"]]
    found = [*names, *_files_in(places), *_files_in([root / "photos"])]
    manifest = json.dumps(sealed(gallery.manifest), indent=2, ensure_ascii=False).encode()
    return {MANIFEST: manifest, **{path.relative_to(root).as_posix(): path for path in found}}


def _imagery_of(source: Path) -> list[Path]:
    """A folder of images, or a raster with what belongs to it; a mosaic with its rasters."""
    if source.is_dir():
        return [source.resolve()]
    rasters = [source, *(file for file, _ in members_of(source))] if is_mosaic(source) else [source]
    beside = [file for raster in rasters for file in sidecars_of(raster) if not file.name.endswith(NOTES)]
    return [place.resolve() for place in (*rasters, *beside)]


def _calibration_of(folder: Path) -> dict[str, Path]:
    """How far searches are to be believed, where that was measured: `Calibration.read` refuses what is none."""
    file = folder / CALIBRATION_FILE
    if not file.is_file():
        return {}
    Calibration.read(file)
    return {CALIBRATION_FILE: file}


def _files_in(places: Sequence[Path]) -> list[Path]:
    return [
        file
        for place in places
        for file in ([place] if place.is_file() else sorted(place.rglob("*")))
        if file.is_file() and not file.name.startswith(".")
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish, or show what would be. Returns: the exit status."""
    parser = Parser("python -m train_scripts.push_to_hub", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a model folder or a gallery")
    parser.add_argument("repository", metavar="user/name")
    parser.add_argument("--license", metavar="ID", help="of the weights or the imagery, such as apache-2.0")
    parser.add_argument("--data", metavar="TEXT", help="what it was trained on, or whose imagery it shows")
    parser.add_argument("--recipe", metavar="TEXT|FILE", help="how it was trained: prose, or the TOML of the training")
    parser.add_argument("--limits", metavar="TEXT", help="where it fails")
    parser.add_argument("--model", metavar="SOURCE", help="of a gallery: where others find the weights that built it")
    figures = parser.add_mutually_exclusive_group()
    figures.add_argument("--report", type=Path, nargs="+", metavar="FILE", help="reports of train_scripts.evaluate")
    figures.add_argument("--not-evaluated", action="store_true", help="say in the card that there are no figures")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument("--message", default="Publish", metavar="TEXT", help="of the commit")
    parser.add_argument("--dry-run", action="store_true", help="show card and files; send nothing")
    options = parser.parse_args(arguments)
    try:
        kind, files = prepare(options.folder, _facts(options), options.model)
        repo = Repo.parse(options.repository, kind)
        if repo is None or repo.revision is not None:
            raise HubError(f"{options.repository} is no name for a repository: give it as user/name.")
        if options.dry_run:
            sys.stdout.write(f"{_card(files)}\n{_listing(files)}\n")
            return 0
        commit = publish(repo, files, options.private, options.message)
    except (CardError, MeanModelError, GalleryError) as error:
        sys.stderr.write(f"push_to_hub: {error}\n")
        return USER_MISTAKE
    option = "--gallery" if kind == "dataset" else "--model"
    sys.stdout.write(f"Published: python app.py {option} {repo.name}@{commit}\n")
    return 0


def _facts(options: Any) -> Facts:
    recipe = options.recipe
    if recipe and recipe.endswith(".toml"):
        if not Path(recipe).is_file():
            raise CardError(f"There is no recipe {Path(recipe).name}: check its path.")
        recipe = Path(recipe).read_text("utf-8")
    summaries = [read_report(file).summary for file in options.report or ()]
    asked = options.report or options.not_evaluated
    return Facts(options.license, options.data, recipe, options.limits, summaries if asked else None)


def _card(files: Mapping[str, Path | bytes]) -> str:
    card = files[CARD_FILE]
    return card.decode() if isinstance(card, bytes) else card.read_text("utf-8")


def _listing(files: Mapping[str, Path | bytes]) -> str:
    sizes = {name: len(file) if isinstance(file, bytes) else file.stat().st_size for name, file in files.items()}
    return "\n".join(f"{size:>14,}  {name}" for name, size in sizes.items())


if __name__ == "__main__":
    sys.exit(main())
