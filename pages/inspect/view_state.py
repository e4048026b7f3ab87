"""What one visitor of the inspect page looks at."""

from dataclasses import dataclass, field

import pandas as pd

from gallery.report import filters
from gallery.report.comparison import Comparison
from gallery.report.filters import TableView
from gallery.report.table import Inspection
from pages.services.inspection import InspectionService
from pages.services.kept import FreshPhoto

LENSES = SLICES, DISTRIBUTIONS, EMBEDDINGS, MAP, COMPARE = (
    "Slices", "Distributions", "Embeddings", "Map of errors", "Compare",
)  # fmt: skip
"""The tabs above the table."""


@dataclass(frozen=True)
class ViewState:
    """What one visitor looks at."""

    view: TableView = field(default_factory=TableView)
    compared: tuple[Inspection, Comparison] | None = None
    lens: str = SLICES
    fresh: FreshPhoto | None = None

    def table(self, service: InspectionService) -> pd.DataFrame:
        """All rows that can be shown."""
        return service.inspection().table if self.compared is None else self.compared[1].table

    def rows(self, service: InspectionService) -> pd.DataFrame:
        """The rows that pass the filter, in order."""
        selected = filters.select(self.table(service), self.view.filter)
        return filters.sorted_rows(selected, self.view.sort, self.view.descending)
