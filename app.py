"""Start the web pages: arguments -> engine -> pages -> server."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from gallery.arguments import Parser, count
from gallery.constants import SAMPLE, SHARES
from gallery.plain_text import in_short
from gallery.store.manifest import FILES, MANIFEST

if TYPE_CHECKING:
    import gradio as gr

    from gallery import Localizer
    from gallery.judge.local_features import Matcher
    from mean_model.embedder import Embedder
    from mean_model.zero_gpu import LentGpu
    from pages.services.catalog import GalleryCatalog
    from pages.services.place_search import PlaceSearch
    from pages.services.request_limits import DiskUse

ROOT = Path(__file__).resolve().parent
PRIVATE_FOLDERS = (".git", "mean_model", "train_scripts", "tests", "pages")  # never served, whatever a page returns
LARGEST_UPLOAD = "50mb"
FILES_LIVE_S = 3600  # uploads and downloads go when they are older
MOST_WAITING = 32
LAST_PORT = 65_535
LENT_S = 20  # seconds of a lent GPU that one call may take; visitors have a daily allowance
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class Options:
    """What the app is started with."""

    gallery: Path
    model: str | None = None  # None: what built the gallery
    matcher: str | None = None  # None: SIFT
    trust: float = 0.95  # share of located answers that shall be right
    report: Path | None = None  # None: the one in the gallery, where there is one
    against: Path | None = None
    pictures: tuple[Path, ...] = ()
    host: str | None = None  # None: Gradio's own choice, 127.0.0.1 unless GRADIO_SERVER_NAME says otherwise
    port: int | None = None
    proxies: int = 0  # that stand before the server and are trusted to say who asks
    others: tuple[Path, ...] = ()  # further galleries to choose from

    @property
    def galleries(self) -> tuple[Path, ...]:
        """All galleries, the one that answers first at the front."""
        return (self.gallery, *self.others)


def options_of(arguments: Sequence[str]) -> Options:
    """Read the command line; MEAN_GALLERY and MEAN_MODEL stand behind it."""
    parser = _parser()
    given = parser.parse_args(arguments)
    for report in (given.report, given.against):
        if report is not None and not report.is_file():
            parser.error(f"there is no report {report.name}; make one with python -m train_scripts.evaluate --out FILE")
    for folder in given.pictures:
        if not folder.is_dir():
            parser.error(f"there is no folder {folder.name}; --pictures names one with the report's photos")
    galleries = list(given.gallery)
    if given.galleries is not None:
        below = galleries_below(given.galleries)
        if not below:
            parser.error(f"there is no gallery in {given.galleries.name}; each is a folder with a {MANIFEST}")
        galleries += below
    first, *others = galleries or [Path(os.environ.get("MEAN_GALLERY") or SAMPLE)]
    return Options(
        gallery=first,
        model=given.model,
        matcher=given.matcher,
        trust=given.trust,
        report=given.report,
        against=given.against,
        pictures=tuple(given.pictures),
        host=given.host,
        port=given.port,
        proxies=given.proxies,
        others=tuple(others),
    )


def _parser() -> Parser:
    parser = Parser(prog="app.py", description="Find where drone photos were taken, in the browser.")
    parser.add_argument(
        "--gallery",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="gallery of tiles: a folder, or a dataset of the Hub user/name[@revision] (default: MEAN_GALLERY, or the "
        "bundled sample region); may be given again: visitors choose",
    )
    parser.add_argument("--galleries", type=Path, metavar="FOLDER", help="every gallery that lies in this folder")
    parser.add_argument(
        "--model",
        default=os.environ.get("MEAN_MODEL"),
        metavar="SOURCE",
        help="weights: a folder, a .safetensors or published .pth file, timm:NAME[=FILE], a Hub id "
        "user/name[@revision], 'starter' or 'real-ground' (default: MEAN_MODEL, or what built the gallery)",
    )
    parser.add_argument(
        "--matcher",
        metavar="xfeat:FILE",
        help="find the points of the geometric check by the network XFeat with the weights in this file "
        "(default: SIFT, which needs none)",
    )
    parser.add_argument(
        "--trust",
        type=float,
        choices=SHARES,
        default=0.95,
        help="share of the located answers that shall be right, where the model is calibrated (default 0.95)",
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="an evaluation report to inspect (page /inspect)")
    parser.add_argument("--against", type=Path, metavar="FILE", help="an earlier report to compare with")
    parser.add_argument(
        "--pictures",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder of the report's photos, or of the dataset that was evaluated; may be given again",
    )
    parser.add_argument("--host", help="address to serve on (default: GRADIO_SERVER_NAME, or 127.0.0.1)")
    parser.add_argument(
        "--port",
        type=int,
        default=os.environ.get("GRADIO_SERVER_PORT"),
        help="port to serve on (default: GRADIO_SERVER_PORT, or 7860)",
    )
    parser.add_argument(
        "--proxies",
        type=count,
        default=os.environ.get("MEAN_PROXIES", "0"),
        metavar="N",
        help="proxies before the server, each of which appends to X-Forwarded-For: limits count the visitors and not "
        "the proxy (default: MEAN_PROXIES, or 0: the header is not believed)",
    )
    return parser


def port_fault(port: int | None) -> str | None:
    """Why a port cannot be served on, and which one can; None where nothing is wrong or no port was asked for."""
    if port is None:
        return None
    if not 0 <= port <= LAST_PORT:
        return f"there is no port {port}; give one from 1024 to {LAST_PORT}"
    if _is_free(port):
        return None
    free = next((other for other in range(max(1024, port + 1), min(LAST_PORT, port + 2_000)) if _is_free(other)), None)
    return f"port {port} is taken; " + ("give another" if free is None else f"the next free one is: --port {free}")


def _is_free(port: int) -> bool:
    """Whether a server could listen on the port now; asked as Gradio asks it."""
    with socket.socket() as asked:
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def galleries_below(folder: Path) -> list[Path]:
    """The folders in a folder that hold a gallery, by name."""
    return sorted(manifest.parent for manifest in folder.glob(f"*/{MANIFEST}"))


def with_galleries(options: Options) -> Options:
    """The options with the galleries' folders on this machine: one of the Hub is fetched, unless the cache has it."""
    from gallery.errors import GalleryError
    from gallery.store.foreign import require_own_imagery
    from mean_model.errors import HubError
    from mean_model.hub import folder_of

    def fetched(gallery: Path) -> Path:
        folder = folder_of(gallery, FILES, ["*"])
        return folder if folder == gallery else require_own_imagery(folder)

    try:
        first, *others = map(fetched, options.galleries)
        return replace(options, gallery=first, others=tuple(others))
    except (HubError, GalleryError) as error:
        sys.stderr.write(f"app.py: {in_short(str(error))}\n")
        raise SystemExit(2) from error


@dataclass(frozen=True)
class Page:
    """One more page beside the first: what the navigation calls it, its address, and what puts its parts there."""

    title: str
    path: str
    build: Callable[[], None]


def place_search() -> "PlaceSearch | None":
    """The geocoder that MEAN_GEOCODER names by its address with {q} in it; None: nothing is ever asked."""
    from pages.services.place_search import NoGeocoder, PlaceSearch

    template = os.environ.get("MEAN_GEOCODER")
    try:
        return PlaceSearch(template) if template else None
    except NoGeocoder as error:
        sys.stderr.write(f"app.py: {error}\n")
        raise SystemExit(2) from error


def catalog_of(options: Options, load: "Callable[[Path], Localizer]") -> "GalleryCatalog":
    """The galleries and what answers from each; the first is loaded at once, another when it is chosen."""
    from pages.services.catalog import CatalogEntry, GalleryCatalog, keys_of
    from pages.services.engine import Engine
    from pages.services.flight import FlightService
    from pages.services.ground import prepare_ground
    from pages.services.kept import AnswerStore
    from pages.services.locate import LocateService

    store = AnswerStore()
    entries = []
    for key, folder in zip(keys_of(options.galleries), options.galleries, strict=True):
        service = LocateService(Engine(partial(load, folder)), photos_beside(folder), store)
        service.engine.later(prepare_ground)  # up to a minute: the first answer does not wait for it
        entries.append(CatalogEntry(key, key, folder, service, FlightService(service, photos_beside(folder, "flight"))))
    return GalleryCatalog(entries)


def more_pages(options: Options, catalog: "GalleryCatalog", disk: "DiskUse | None" = None) -> list[Page]:
    """The pages beside the first one. Another page is one line here. Args: disk: that visitors' galleries lie on."""
    from pages.flight.page import flight_page
    from pages.galleries.page import galleries_page
    from pages.inspect.page import inspect_page
    from pages.services.galleries import GalleriesService
    from pages.services.inspection import InspectionService
    from pages.services.visitor_builds import VisitorBuilds

    own = options.gallery / "report.parquet"
    report = options.report or (own if own.is_file() else None)
    first = catalog.first.service
    galleries, builds = GalleriesService(catalog), VisitorBuilds(catalog, disk=disk)
    inspection = InspectionService(first.engine, report, options.gallery, options.against, options.pictures)
    return [
        Page("Flight", "/flight", lambda: flight_page(catalog)),
        Page("Galleries", "/galleries", lambda: galleries_page(galleries, builds)),
        Page("Inspect", "/inspect", lambda: inspect_page(inspection, first.store)),
    ]


def photos_beside(gallery: Path, name: str = "photos") -> list[Path]:
    """The example photos that lie in a folder beside the gallery's files, by name."""
    folder = gallery / name
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in PHOTO_ENDINGS)


def lent_gpu() -> "LentGpu | None":
    """The GPU that a Space with ZeroGPU lends for one call at a time; None elsewhere: torch finds what there is."""
    if os.environ.get("SPACES_ZERO_GPU", "").lower() not in ("1", "t", "true"):
        return None
    import gradio as gr
    import spaces  # in the Space's image; has to come before torch looks for CUDA

    from mean_model.zero_gpu import LentGpu

    return LentGpu(spaces.GPU(duration=LENT_S), (gr.Error,))


def matcher_of(source: str) -> "Matcher":
    """The matcher by a network whose weights a source names."""
    from gallery.judge.local_features import NetworkPoints
    from mean_model.xfeat import load_points

    return NetworkPoints(load_points(source))


def loader(options: Options, lent: "LentGpu | None" = None) -> "Callable[[Path], Localizer]":
    """What opens a gallery and its model when it is called: the heavy imports wait until then."""
    from pages.services.engine import Embedders

    def load_embedder(source: str) -> "Embedder":
        from mean_model import load_model

        return load_model(source, lent=lent)

    embedders = Embedders(load_embedder)

    def load(folder: Path) -> "Localizer":
        from gallery import Gallery, Localizer
        from gallery.errors import NotAGallery
        from mean_model.photo import PhotoFiles
        from pages.errors import NotReady

        try:
            opened = Gallery.open(folder, PhotoFiles())
        except NotAGallery as error:
            if folder != SAMPLE:
                raise
            raise NotReady(
                "The sample gallery is not there. Build your own with: python -m gallery build SOURCE --out DIR, "
                "then start with: python app.py --gallery DIR."
            ) from error

        from mean_model.xfeat import package_points  # brings torch, which a gallery that is missing needs not

        embedder = embedders.get(options.model or opened.model_source, opened.fingerprint)
        matcher = None if options.matcher is None else matcher_of(options.matcher)
        return Localizer(opened, embedder, matcher, trust=options.trust, points=package_points())

    return load


def build(catalog: "GalleryCatalog", others: Sequence[Page] = ()) -> "gr.Blocks":
    """All pages as one Gradio app. The first one answers photos; each has the same navigation."""
    import gradio as gr

    from pages.common import documentation
    from pages.common.guarded_blocks import GuardedBlocks
    from pages.localize.page import localize_page

    def navigation() -> None:
        gr.Navbar(main_page_name="Locate", visible=bool(others))

    pages = GuardedBlocks(
        title="Drone-photo locator", analytics_enabled=False, delete_cache=(FILES_LIVE_S, FILES_LIVE_S)
    )
    with pages as app:
        navigation()
        localize_page(catalog, place_search())
        documentation.link()
    for page in others:
        with app.route(page.title, page.path):
            navigation()
            page.build()
            documentation.link()
    return app.queue(default_concurrency_limit=4, max_size=MOST_WAITING)


def serve(
    app: "gr.Blocks",
    catalog: "GalleryCatalog",
    host: str | None = None,
    port: int | None = None,
    proxies: int = 0,
    disk: "DiskUse | None" = None,
) -> str:
    """Serve the pages, then load the model beside them. Returns: the address; the server runs in its own thread.

    Args: proxies, disk: as `pages.services.request_limits` has them.
    """
    from starlette.middleware import Middleware

    from pages.common.documentation import serve_documentation
    from pages.common.guarded_blocks import questions_of
    from pages.common.theme import LOGO_FILE, page_head, theme
    from pages.services.request_limits import Limits, RequestLimits

    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")  # uvicorn would believe what any visitor of this machine writes
    limits = Limits(proxies=proxies, kept_s=FILES_LIVE_S)
    layer = Middleware(RequestLimits, limits=limits, disk=disk, questions_of=partial(questions_of, app))  # type: ignore
    server, address, _ = app.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        share=False,
        theme=theme(),
        head=page_head(),
        favicon_path=LOGO_FILE,
        max_file_size=LARGEST_UPLOAD,
        allowed_paths=[str(path) for path in catalog.offered()],  # file by file: the Hub's cache holds links
        blocked_paths=[str(ROOT / name) for name in PRIVATE_FOLDERS],
        run_history=False,
        footer_links=["api", "settings"],
        show_error=False,
        app_kwargs={"middleware": [layer]},
    )
    serve_documentation(server)
    catalog.first.service.engine.start()
    return address


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    """End as after an error, so that what visitors left is cleared away."""
    sys.exit(128 + number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted. Returns: the exit status."""
    options = options_of(sys.argv[1:] if arguments is None else arguments)
    if fault := port_fault(options.port):
        _parser().error(fault)  # before the model is loaded
    options = with_galleries(options)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s", stream=sys.stderr)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from mean_model.malloc import keep_freed_memory
    from pages.services.request_limits import DiskUse
    from pages.services.temp_root import Sweeper, temp_root

    keep_freed_memory()  # before torch comes: a batch then takes up to half the time
    signal.signal(signal.SIGTERM, _stop)
    with temp_root() as root:
        catalog = catalog_of(options, loader(options, lent_gpu()))
        disk = DiskUse(lambda: root)
        app = build(catalog, more_pages(options, catalog, disk))

        def kept() -> set[str]:
            return set().union(*(block.keep_in_cache for block in app.blocks.values()))

        with Sweeper(root, FILES_LIVE_S, kept):
            try:
                serve(app, catalog, options.host, options.port, options.proxies, disk)
                app.block_thread()
            finally:
                app.close()  # nothing is uploaded into what is removed now
    return 0


if __name__ == "__main__":
    sys.exit(main())
