"""Where answers go wrong: pairs of places that are confused, and a line from each truth to its answer."""

import pandas as pd


def confused_pairs(table: pd.DataFrame, most: int = 20) -> pd.DataFrame:
    """The places that wrong answers name for others, most frequent first.

    A wrong tile at the place itself (where squares on the ground stand for places) confuses nothing and is left out.

    Returns: columns true_place, answered_place, count, and share (of the queries of the true place, 0 to 1).
    """
    wrong = table[~table["right"] & (table["place"] != table["answered_place"])]
    pairs = wrong.groupby(["place", "answered_place"], sort=True).size().rename("count").reset_index()
    pairs = pairs.rename(columns={"place": "true_place"})
    pairs["share"] = pairs["count"] / pairs["true_place"].map(table["place"].value_counts()).astype(float)
    return pairs.sort_values("count", ascending=False, kind="stable", ignore_index=True).head(most)


def error_lines(table: pd.DataFrame) -> pd.DataFrame:
    """The wrong answers of which both ends are known, worst first.

    Returns: indexed by query, with true_lon, true_lat, lon, lat (degrees) and error_m.
    """
    ends = ["true_lon", "true_lat", "lon", "lat"]
    lines = table.loc[~table["right"], [*ends, "error_m"]].dropna(subset=ends)
    return lines.sort_values("error_m", ascending=False, kind="stable", na_position="last")
