"""The command `info`: what a gallery holds."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gallery.cli.loading import opened_gallery
from gallery.cli.options import GALLERY_HELP, examples, json_option
from gallery.cli.output import say, say_json, table
from gallery.plain_numbers import in_full

SHOWN_SOURCES = 5


def add(commands: Any) -> None:
    """The command and its options."""
    info = commands.add_parser(
        "info",
        help="what a gallery holds",
        description="Say what a gallery holds.",
        **examples("info gallery/sample", "info my_area --health", "info my_area --json"),
    )
    info.add_argument("gallery", metavar="DIR", type=Path, help=GALLERY_HELP)
    info.add_argument(
        "--health", action="store_true", help="look for repeated, look-alike and empty tiles, and for gaps between them"
    )
    json_option(info)
    info.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    gallery = opened_gallery(options.gallery)
    from gallery.store.health import examine

    info = gallery.info()
    health = examine(gallery) if options.health else None
    if options.json:
        say_json(info if health is None else {**info, "health": health.to_dict(gallery)})
        return 0
    say(table(_rows(info)))
    for finding in () if health is None else health.findings:
        say(finding.sentence)
    return 0


def _rows(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a gallery holds, for reading: names and values."""
    build, model, pixels = info["build"], info["model"], info["metres_per_px"]
    sizes = build.get("tile_size_m")
    sources = [str(source) for source in build.get("sources") or ()]
    more = [f"and {len(sources) - SHOWN_SOURCES} more; --json lists them"] if len(sources) > SHOWN_SOURCES else []
    least, most = (f"{pixels[end]:.2g}" if pixels[end] < 1 else f"{pixels[end]:.1f}" for end in ("least", "most"))
    bounds = info["bounds"]
    rows = [
        ("gallery", f"{info['name']} (format {info['format']})"),
        ("tiles", f"{info['tiles']:,}{_counts(info['placed'])}"),
        ("tile size", f"{' and '.join(map(in_full, sizes if isinstance(sizes, list) else [sizes or 0]))} m"),
        ("overlap", f"{100 * build.get('overlap', 0):.0f} %"),
        ("pixel", f"{least} m" if least == most else f"{least} to {most} m"),
        ("west, south", "across the 180th meridian" if bounds is None else ", ".join(map(in_full, bounds[:2]))),
        ("east, north", "across the 180th meridian" if bounds is None else ", ".join(map(in_full, bounds[2:]))),
        ("sources", "\n".join([*sources[:SHOWN_SOURCES], *more]) or "not noted"),
        ("licence", str(build.get("licence") or "not noted")),
        ("model", f"{model['name']} ({model['fingerprint']}), {model['dimension']} numbers a tile"),
        ("index", str(info["index"]["kind"])),
        ("left out", ", ".join(f"{count:,} {reason}" for reason, count in info["skipped"].items()) or "nothing"),
        ("on disk", f"{info['bytes'] / 1e6:,.1f} MB, without imagery and ground"),
    ]
    return rows


def _counts(placed: Mapping[str, int]) -> str:
    """How many tiles know their place in which way."""
    return "" if not placed else f" ({', '.join(f'{count:,} {how}' for how, count in placed.items())})"
