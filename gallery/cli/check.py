"""The command `check`: whether a gallery is damaged."""

import argparse
from pathlib import Path
from typing import Any

from gallery.cli.loading import gallery_folder, load, require_model
from gallery.cli.options import GALLERY_HELP, examples, json_option, model_option
from gallery.cli.output import fail, say, say_json

SHOWN_PROBLEMS = 20


def add(commands: Any) -> None:
    """The command and its options."""
    check = commands.add_parser(
        "check",
        help="look for damage",
        description="Check every file against its checksum; look for duplicates, tiles without position, sources that "
        "are gone, and (with --model) another model. Exit 2 when something is damaged; duplicates are remarks.",
        **examples("check gallery/sample", "check my_area --model starter"),
    )
    check.add_argument("gallery", metavar="DIR", type=Path, help=GALLERY_HELP)
    model_option(check, None, "not compared")
    json_option(check)
    check.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    named = gallery_folder(options.gallery)  # before the imports that take a second
    require_model(options.model)
    from gallery.ground.sheets import damaged_files
    from gallery.store.check import Problem, check_gallery
    from gallery.store.gallery import Gallery
    from gallery.store.manifest import read_manifest, standing_folder

    folder = standing_folder(named)
    gallery = Gallery(folder, read_manifest(folder))
    fingerprint = load(options.model).fingerprint if options.model is not None else None
    problems = check_gallery(gallery, fingerprint)
    problems += [Problem("checksum", f"{name} of the ground is damaged") for name in damaged_files(gallery)]
    problems = sorted(problems, key=lambda problem: not problem.damage)
    damage = sum(problem.damage for problem in problems)
    if options.json:
        found = [{"kind": each.kind, "damage": each.damage, "message": each.message} for each in problems]
        say_json({"ok": not damage, "tiles": len(gallery), "problems": found})
    else:
        for problem in problems[:SHOWN_PROBLEMS]:
            say(problem.message)
        if len(problems) > SHOWN_PROBLEMS:
            say(f"and {len(problems) - SHOWN_PROBLEMS} more; --json lists them all")
        say(f"{options.gallery}: {len(gallery)} tiles, {damage} damaged, {len(problems) - damage} remarks.")
        if any(problem.kind == "source" for problem in problems):
            say(f"Where imagery was moved, say where it lies now: python -m gallery repoint {options.gallery} RASTER")
    return fail(f"{options.gallery} is damaged: {problems[0].message}.") if damage else 0
