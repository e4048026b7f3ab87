"""The command `build`: a gallery from rasters and folders of images."""

import argparse
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gallery.arguments import path_of
from gallery.build.tile_sizes import require_overlap, sizes_of
from gallery.cli.loading import ground_made, load, on_ray, require_model
from gallery.cli.options import bbox, examples, json_option, model_option, numbers
from gallery.cli.output import say, say_json, table
from gallery.cli.progress import Bar
from gallery.constants import INDEX_KINDS
from gallery.errors import BuildError

if TYPE_CHECKING:
    from gallery.build.options import BuildOptions
    from gallery.build.pipeline import Progress
    from gallery.build.same_ground import SameGround
    from gallery.build.sources import ImagerySettings
    from gallery.embedder import Embedder
    from gallery.store.gallery import Gallery

AS_STATED = ("georeferenced", "stated extent")
"""How tiles are placed whose source says where they lie."""

_TILE_SIZE_HELP = (
    "side of a raster's tiles on the ground, or several sides for a gallery of several scales; "
    "the first is assumed for images of unknown extent (default 100)"
)
_OVERLAP_HELP = "share of a tile that its neighbour shows too (default 0.5)"
_POSITIONS_HELP = (
    "CSV (file,lon,lat[,west,south,east,north]) or KML with the images' positions; "
    "without it, names (z/x/y, a@LON@LAT@.jpg, UTM) and EXIF count"
)
_UNPLACED_HELP = "what becomes of images without a position, or with several that disagree (default error)"
_ZOOM_HELP = (
    "of a tile server, of PMTiles, of images named x_y like map tiles, and which counts where there are several"
)
_SOURCE_HELP = (
    "a raster, a folder of images, or a tile server as https://host/{z}/{x}/{y}.png ({-y}: TMS, {q}: quadkey)"
)
_LICENCE_HELP = "on which terms the imagery may be used; noted in the gallery, and required for a tile server"
_RATE_HELP = "tiles a second that a server is asked for at most (default 4)"
_CRS_HELP = "coordinate system of rasters and of pictures with a world file that state none themselves"
_ADD_HELP = "add the tiles to the gallery in DIR; what is there is left out, nothing is embedded again"
_SAME_GROUND_HELP = "with --add: do not ask where the gallery shows that ground already, from another source"
_PACK_HELP = "keep the imagery in DIR too, so that the folder alone can be moved or given away"
_FEATURELESS_HELP = "keep tiles that show nothing (less than one grey level of detail), which are left out otherwise"
_RAY_HELP = (
    "read and embed on a Ray cluster (pip install -r requirements-cluster.txt): its address, or 'local' for all cores "
    "of this machine; imagery and weights lie under the same paths on all of its machines"
)
_PRECISION_HELP = (
    "what the model computes in; auto: as the gallery that is added to, else bfloat16 where the machine has it built in"
)
_GROUND_HELP = "make no ground to lay photos on: saves some 7 MB and 1.5 s a km², and real photos are found less often"
_DRY_RUN_HELP = "say how many tiles of how much ground there will be, how long that takes and how large it is; stop"
_INDEX_HELP = (
    "how vectors are searched: exact, approximate, by their number (default auto), or by Milvus at an address or in a "
    ".db file (pip install -r requirements-cluster.txt; a token in MILVUS_TOKEN)"
)


def add(commands: Any) -> None:
    """The command and its options."""
    build = commands.add_parser(
        "build",
        help="make a gallery from rasters or folders of images",
        description="Make a gallery from rasters with a CRS (GeoTIFF, COG, VRT, MBTiles, PMTiles, JPEG 2000, pictures "
        "with a world file), folders of images with positions, or a tile server. Rasters that touch become one "
        "mosaic. A build that was stopped goes on when the same command is given again.",
        **examples(
            "build orthophoto.tif --out my_area",
            "build orthophoto.tif --out my_area --tile-size-m 80,160 --dry-run --plan plan.png",
            "build my_tiles --positions places.csv --out my_area --tile-size-m 120",
            "build next_town.tif --out my_area --add",
        ),
    )
    build.add_argument("sources", nargs="+", type=_source, metavar="SOURCE", help=_SOURCE_HELP)
    build.add_argument("--out", required=True, metavar="DIR", type=Path, help="the gallery's folder")
    build.add_argument("--add", action="store_true", help=_ADD_HELP)
    build.add_argument("--same-ground", action="store_true", help=_SAME_GROUND_HELP)
    build.add_argument("--pack", action="store_true", help=_PACK_HELP)
    model_option(build, None, "starter; with --add, the gallery's own")
    build.add_argument("--tile-size-m", type=_sizes, default=(100.0,), metavar="M[,M…]", help=_TILE_SIZE_HELP)
    build.add_argument("--overlap", type=float, default=0.5, metavar="SHARE", help=_OVERLAP_HELP)
    build.add_argument("--positions", type=Path, metavar="FILE", help=_POSITIONS_HELP)
    build.add_argument("--unplaced", choices=("error", "skip"), default="error", help=_UNPLACED_HELP)
    build.add_argument("--zoom", type=int, metavar="Z", help=_ZOOM_HELP)
    build.add_argument("--tms", action="store_true", help="map tiles are numbered from the south (TMS)")
    build.add_argument("--crs", metavar="EPSG:N", help=_CRS_HELP)
    build.add_argument("--bounds", type=bbox, metavar="W,S,E,N", help="what to fetch of a tile server, degrees")
    build.add_argument("--licence", metavar="TEXT", help=_LICENCE_HELP)
    build.add_argument("--rate", type=float, default=4.0, metavar="PER_S", help=_RATE_HELP)
    build.add_argument("--keep-featureless", action="store_true", help=_FEATURELESS_HELP)
    build.add_argument("--no-ground", dest="ground", action="store_false", help=_GROUND_HELP)
    build.add_argument("--index", type=_index, metavar="KIND|milvus:URI", help=_INDEX_HELP)
    build.add_argument("--dry-run", action="store_true", help=_DRY_RUN_HELP)
    build.add_argument("--plan", type=Path, metavar="FILE.png", help="with --dry-run: draw the tiles over the imagery")
    build.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto", help=_PRECISION_HELP)
    build.add_argument("--compile", action="store_true", help="compile the model first: worth it for long builds")
    build.add_argument("--ray", metavar="ADDRESS", help=_RAY_HELP)
    json_option(build)
    build.set_defaults(run=run)


def _index(text: str) -> str:
    if text not in INDEX_KINDS and not text.startswith("milvus:"):
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(INDEX_KINDS)}, milvus:URI")
    return text


def _source(text: str) -> str:
    return text if "://" in text else str(path_of(text))


def _sizes(text: str) -> list[float]:
    return numbers(text, ",".join(["M"] * len(text.split(","))))


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    if options.plan is not None and not options.dry_run:
        raise BuildError("--plan belongs to --dry-run: add that, or build without a picture of the plan.")
    _require_sense(options)  # before the imports that take seconds
    from gallery.build.options import BuildOptions
    from gallery.build.pipeline import build_gallery
    from gallery.build.same_ground import share_known
    from gallery.store.gallery import Gallery

    stated = _stated(options)
    for source in options.sources:
        if "://" in source:
            stated.order(source)
    earlier = Gallery.open(options.out) if options.add else None
    model = options.model or ("starter" if earlier is None else earlier.model_source)
    if earlier is not None and not options.same_ground:
        files = [Path(source) for source in options.sources if "://" not in source]
        _ask_of(share_known(earlier, files, options.crs))
    precision = (earlier and options.precision == "auto" and earlier.precision) or options.precision
    embedder = load(model, compile=options.compile, precision=precision)
    choices = BuildOptions(stated, options.keep_featureless, options.index, options.add, pack=options.pack)
    if options.dry_run:
        return _plan(options, embedder, choices)
    workers = None if options.ray is None else on_ray(model, options, embedder)
    with Bar(" tiles fetched") as fetching, Bar(" tiles") as bar:
        gallery = build_gallery(
            options.sources,
            options.out,
            embedder,
            options.tile_size_m,
            options.overlap,
            options.positions,
            partial(_move, bar),
            replace(choices, on_tile=fetching.move, model_source=model, workers=workers),
        )
    if options.ground:
        ground_made(gallery)
    if options.json:
        say_json(gallery.info())
    else:
        say(table(_made(gallery, options)))
        for placed, count in gallery.info()["placed"].items():
            if placed not in AS_STATED:
                say(f"  {count} of them: {placed}")
    return 0


def _require_sense(options: argparse.Namespace) -> None:
    """Refuse what can be refused at once: sources that are not there, sizes, overlap, the gallery, the model.

    Raises:
        GalleryError: names the first of them.
    """
    require_overlap(options.overlap)
    sizes_of(options.tile_size_m)
    for source in options.sources:
        if "://" not in source and not os.path.exists(source):
            raise BuildError(f"There is no raster or folder {source}. Check the path.")
    if options.positions is not None and not any(map(os.path.isdir, options.sources)):
        raise BuildError("Positions belong to a folder of images, but no folder is among the sources.")
    if options.add:
        from gallery.store.manifest import read_manifest, standing_folder

        read_manifest(standing_folder(options.out))
    require_model(options.model)


def _ask_of(known: "SameGround | None") -> None:
    """Ask before ground is added that the gallery shows already; where nobody can be asked, refuse.

    Raises:
        BuildError: nobody says yes.
    """
    if known is None:
        return
    share = f"{100 * known.share:.0f} % of the ground of {known.source}"
    found = f"{share} is in the gallery already, cut from {known.known_by}."
    if sys.stdin.isatty():
        sys.stderr.write(f"{found} Its tiles would be there twice. Add it all the same? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
        raise BuildError("Nothing was added.")
    raise BuildError(
        f"{found} Remove that first (python -m gallery remove DIR --source NAME), or add it all the same with "
        "--same-ground."
    )


def _made(gallery: "Gallery", options: argparse.Namespace) -> list[tuple[str, str]]:
    """What a build came to, what it took for granted, and what to do next: names and values."""
    info = gallery.info()
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in info["skipped"].items())
    squares = {how: count for how, count in info["placed"].items() if how.startswith(("assumed", "estimated"))}
    rows = [("made", f"{options.out}: {len(gallery):,} tiles"), *([("left out", left_out)] if left_out else [])]
    if gallery.assumed_crs:
        rows.append(("assumed", f"{gallery.assumed_crs} for rasters that state no CRS"))
    for how, count in squares.items():
        rows.append(("assumed", f"{count:,} images state no extent: {how}, north up"))
    return [*rows, ("next", f"python -m gallery search {options.out} PHOTO")]


def _plan(options: argparse.Namespace, embedder: "Embedder", choices: "BuildOptions") -> int:
    from gallery.build.plan import plan_gallery

    cut = options.tile_size_m, options.overlap, options.positions
    plan = plan_gallery(options.sources, options.out, embedder, *cut, choices, options.plan)
    if options.json:
        say_json(plan.to_dict())
    else:
        for sentence in plan.sentences():
            say(sentence)
    return 0


def _stated(options: argparse.Namespace) -> "ImagerySettings":
    from gallery.build.sources import ImagerySettings
    from gallery.georef.file_names import TileNames

    return ImagerySettings(
        unplaced=options.unplaced,
        tile_names=TileNames(options.zoom, options.tms),
        crs=options.crs,
        bounds=options.bounds,
        licence=options.licence,
        rate=options.rate,
    )


def _move(bar: Bar, progress: "Progress") -> None:
    left_out = ", ".join(f"{count} {reason}" for reason, count in progress.reasons.items())
    bar.move(progress.done, progress.total, progress.resumed, f"left out: {left_out}" if left_out else "")
