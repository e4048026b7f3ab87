"""The figures of an inspection as files in one archive."""

import io
import zipfile

import pandas as pd

from gallery.figures import contact_sheet, embeddings
from gallery.report import scatter, summary
from pages.common import charts
from pages.inspect import summary as inspect_summary
from pages.services.inspection import InspectionService


def figures_file(service: InspectionService, rows: pd.DataFrame, query: str | None) -> bytes:
    """A ZIP archive: the charts of some rows as SVG, the embeddings and the chosen query's strip as PNG."""
    inspection = service.inspection()
    drawn = {
        "margins.svg": inspect_summary.margin_chart(summary.margin_histogram(rows)),
        "reliability.svg": inspect_summary.reliability_chart(summary.reliability(rows)),
        "distances.svg": inspect_summary.distances_chart(service.distances()),
    }
    files = {name: charts.standing_alone(chart).encode() for name, chart in drawn.items() if chart}
    cloud = service.cloud("pca")
    if cloud is not None:
        figure = embeddings.embedding_scatter({inspection.name: scatter.cloud(cloud)})
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=200)
        files["embeddings.png"] = buffer.getvalue()
    if query is not None:
        files["query.png"] = _strip(service, query)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return archive.getvalue()


def _strip(service: InspectionService, query: str) -> bytes:
    ranked = []
    for tile in service.ranked(query):
        right = None if tile.mark == "unknown" else tile.mark == "true"
        ranked.append(contact_sheet.SheetPicture(service.tile(tile.tile_id, 192), f"{tile.score:.3f}", right))
    strip = contact_sheet.Strip(contact_sheet.SheetPicture(service.photo(query, 192), query), tuple(ranked))
    buffer = io.BytesIO()
    contact_sheet.ranked_strips([strip]).save(buffer, "PNG")
    return buffer.getvalue()
