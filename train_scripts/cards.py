"""The cards of published models and galleries: what a reader has to know, and nothing left out silently."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gallery import Gallery
from mean_model.atomic_files import file_sha256
from mean_model.checkpoint import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, load_network
from mean_model.config import MeanConfig
from mean_model.embedder import fingerprint

RESPONSIBLE_USE = (
    "For checking where your own or openly licensed aerial photos belong: mapping, search and rescue, archives, "
    "research. Not for finding or following people, nor for decisions that nobody checks."
)
LIBRARY = "mean-locator"


class CardError(Exception):
    """A card that would not say what it has to."""


@dataclass(frozen=True)
class Facts:
    """What only the publisher knows; None where a section of the folder's own README.md says it."""

    licence: str | None = None  # an identifier of the Hub, such as apache-2.0
    data: str | None = None  # what the weights were trained on, or whose imagery the gallery shows
    recipe: str | None = None  # how they were trained: prose, or the text of the TOML file
    limits: str | None = None  # where it fails
    summaries: Sequence[Mapping[str, Any]] | None = None  # of evaluations; empty: it was not evaluated


def model_card(folder: Path, facts: Facts) -> str:
    """The card of a model folder: its README.md with every section that it lacks.

    Raises:
        CardError: nobody says the licence, data, recipe, figures or limits.
        MeanModelError: the folder holds no whole model.
    """
    from huggingface_hub import EvalResult, ModelCardData

    _, network, config, sha256 = load_network(folder)
    made_by = fingerprint(sha256, config)
    for summary in facts.summaries or ():
        if summary.get("fingerprint", made_by) != made_by:
            raise CardError(f"A report is of other weights ({summary['fingerprint']}, not {made_by}): evaluate these.")
    stated, text = _own(folder)
    results = [
        EvalResult(
            task_type="image-feature-extraction",
            dataset_type=str(summary.get("dataset", "gallery")),
            dataset_name=_trial(summary),
            metric_type=f"recall@{k}",
            metric_value=value,
        )
        for summary in facts.summaries or ()
        for k, value in summary["recall"].items()
    ]
    data = ModelCardData(
        license=_licence(facts, stated),
        library_name=LIBRARY,
        pipeline_tag="image-feature-extraction",
        tags=["geo-localization", "image-retrieval", "uav"],
        model_name=folder.resolve().name,
        eval_results=results or None,
    )
    crop = "cut to the square in their middle" if config.crop == "centre" else "resized to a square as a whole"
    sections = {
        "Data": facts.data,
        "Recipe": facts.recipe and _code_if_toml(facts.recipe),
        "Preprocessing": f"Photos {crop}, {config.resize} to {config.image_size} px, mean {config.mean}, "
        f"standard deviation {config.std}. "
        f"The embedding is {_embedding(config)}, {network.dimension}-d, brought to "
        f"length 1; {network.parameter_counts().inference / 1e6:.1f} M parameters compute it.",
        "Figures": None if facts.summaries is None else _figures(facts.summaries),
        "Limits": facts.limits,
        "Files": f"Fingerprint of weights and preprocessing: `{made_by}`. A gallery answers only to "
        f"the fingerprint that built it.\n\n{_hashes(folder, [CONFIG_FILE, WEIGHTS_FILE])}",
        "Responsible use": RESPONSIBLE_USE,
    }
    text = text or (
        f"# {folder.resolve().name}\n\nMEAN (Chen, Yang and Rong, 2024) turns drone photos and satellite tiles into "
        "unit vectors that are close where they show the same place.\n\n"
        "```python\nfrom mean_model import load_model\n\n"
        'vectors = load_model("user/name@revision").embed(["photo.jpg"])\n```'
    )
    return _whole(data.to_yaml(), text, sections)


def gallery_card(gallery: Gallery, facts: Facts) -> str:
    """The card of a gallery, as of a dataset.

    Raises:
        CardError: nobody says the licence of the imagery, its source or the limits.
    """
    from huggingface_hub import DatasetCardData

    folder, manifest = gallery.folder, gallery.manifest
    stated, text = _own(folder)
    data = DatasetCardData(license=_licence(facts, stated), tags=["geo-localization", "image-retrieval", "uav"])
    west, south, east, north = gallery.tiles.total_bounds
    build, model = manifest["build"], manifest["model"]
    sections = {
        "Data": facts.data,
        "Tiles": f"{len(gallery):,} tiles of {build['tile_size_m']:g} m with {build['overlap']:.0%} overlap, from "
        f"{west:.5f}, {south:.5f} to {east:.5f}, {north:.5f} (longitude, latitude).",
        "Model": f"Embedded by {model['name']} (`{model['source']}`), fingerprint `{model['fingerprint']}`, "
        f"{model['dimension']}-d vectors. No other weights can search it.",
        "Limits": facts.limits,
        "Files": _hashes(folder, list(manifest["files"])),
        "Responsible use": RESPONSIBLE_USE,
    }
    text = text or f"# {folder.resolve().name}\n\nA gallery of satellite tiles with positions."
    return _whole(data.to_yaml(), text, sections)


def _own(folder: Path) -> tuple[dict[str, Any], str]:
    """Front matter and text of the folder's README.md; empty where there is none."""
    from huggingface_hub import RepoCard

    if not (folder / CARD_FILE).is_file():
        return {}, ""
    card = RepoCard.load(folder / CARD_FILE, ignore_metadata_errors=True)
    return card.data.to_dict(), card.text.strip()


def _licence(facts: Facts, stated: Mapping[str, Any]) -> str:
    licence = facts.licence or stated.get("license")
    if not licence:
        raise CardError("The card does not say the licence: give --license.")
    return str(licence)


_OPTIONS = {"Data": "--data", "Recipe": "--recipe", "Figures": "--report or --not-evaluated", "Limits": "--limits"}


def _whole(front_matter: str, text: str, sections: Mapping[str, str | None]) -> str:
    """The text with every section that it lacks, in their order."""
    absent = {name: content for name, content in sections.items() if not _has(text, name)}
    unsaid = [name for name, content in absent.items() if not content]
    if unsaid:
        options = ", ".join(_OPTIONS[name] for name in unsaid)
        raise CardError(f"The card says nothing on {', '.join(unsaid)}: give {options}, or write it into README.md.")
    added = [f"## {name}\n\n{content}" for name, content in absent.items()]
    return "\n\n".join([f"---\n{front_matter.strip()}\n---", text, *added]) + "\n"


def _has(text: str, section: str) -> bool:
    """Whether a heading or the bold beginning of a list item has this name."""
    names = "Limits|Known failures" if section == "Limits" else section
    return re.search(rf"^(#+ |- \*\*)({names})\b", text, re.MULTILINE | re.IGNORECASE) is not None


def _figures(summaries: Sequence[Mapping[str, Any]]) -> str:
    if not summaries:
        return "Not evaluated."
    ranks = list(summaries[0]["recall"])
    head = ["evaluation", "queries", "gallery", *(f"R@{k} %" for k in ranks), "AP %"]
    rows = [
        [
            _trial(each),
            f"{each['queries']:,}",
            f"{each['gallery']:,}",
            *(f"{each['recall'][k]:.2f}" for k in ranks),
            f"{each['ap']:.2f}",
        ]
        for each in summaries
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def _trial(summary: Mapping[str, Any]) -> str:
    """What was measured, in a few words."""
    parts = ("dataset", "direction", "protocol", "condition")
    return ", ".join(str(summary[part]) for part in parts if summary.get(part) is not None)


def _hashes(folder: Path, names: Sequence[str]) -> str:
    return "\n".join(f"- `{name}`: SHA-256 `{file_sha256(folder / name)}`" for name in names)


def _embedding(config: MeanConfig) -> str:
    """What a network's embedding is, before it is brought to length 1."""
    if not config.grid:
        return f"the pooled feature of {config.backbone}"
    stages = f" after {config.stages} stages" if config.stages else ""
    cells = f"{config.grid} x {config.grid} cells, each projected to {config.cell_channels} numbers"
    return f"the map of {config.backbone}{stages} as {cells}"


def _code_if_toml(recipe: str) -> str:
    return f"```toml\n{recipe.strip()}\n```" if re.search(r"^\w+ *=", recipe, re.MULTILINE) else recipe
