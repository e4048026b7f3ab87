"""The map of errors: truth, answer and a line for each wrong query, drawn on canvas so that thousands stay quick."""

import math

import pandas as pd
from branca.element import MacroElement
from folium.template import Template

from gallery.geo import wrap_lon
from pages.common import formatting, maps

MOST_LINES = 3000


class ErrorLines(MacroElement):
    """Lines from truth to answer; a click tells the page which query it is (static/error_lines.js)."""

    _template = Template("""{% macro script(this, kwargs) %}
      errorLines({{ this._parent.get_name() }}, {{ this.lines|tojson }}, {{ this.box|tojson }});
    {% endmacro %}""")

    def __init__(self, lines: list[list[object]], box: maps.Box) -> None:
        """Args: lines: query, true lon, true lat, lon, lat, text; the texts may be hostile."""
        super().__init__()
        self._name = "ErrorLines"
        self.lines = lines
        west, south, east, north = box
        self.box = [[south, west], [north, east]]


def error_map(lines: pd.DataFrame, ground: maps.GroundImage | None) -> str:
    """The HTML page of a map of errors. Args: lines: as `gallery.report.confusions.error_lines` gives them."""
    plan = maps.OfflineMap()
    plan.add_script("error_lines.js")
    backdrop = maps.Backdrop(ground)
    maps.lay_under(plan, backdrop)
    worst = lines.sort_values("error_m", ascending=False, kind="stable").head(MOST_LINES)
    drawn: list[list[object]] = []
    for name, row in worst.iterrows():
        lon = row["lon"] + 360 * round((row["true_lon"] - row["lon"]) / 360)  # the shorter way round
        ends = [round(float(value), 6) for value in (row["true_lon"], row["true_lat"], lon, row["lat"])]
        away = "" if math.isnan(row["error_m"]) else formatting.metres(row["error_m"])
        drawn.append([str(name), *ends, away])
    plan.add_child(ErrorLines(drawn, _box(worst) if len(worst) else backdrop.box))
    return plan.get_root().render()


def _box(lines: pd.DataFrame) -> maps.Box:
    lons = pd.concat([lines["true_lon"], lines["lon"]])
    lats = pd.concat([lines["true_lat"], lines["lat"]])
    if lons.max() - lons.min() > 180:
        lons = lons.map(lambda lon: wrap_lon(lon) % 360)
    return float(lons.min()), float(lats.min()), float(lons.max()), float(lats.max())


def caption(lines: int, wrong: int) -> str:
    """How many errors the map shows, and why not all."""
    shown = min(lines, MOST_LINES)
    if not wrong:
        return "No query of this filter is wrong."
    if not lines:
        return "The report gives no positions, so that its errors cannot be drawn."
    rest = "" if shown == wrong else f" of {wrong:,}; the others have no positions, or are nearer"
    return (
        f"{formatting.count(shown, 'error')}{rest}. A ring is the truth, a dot the answer. Choose one to see its query."
    )
