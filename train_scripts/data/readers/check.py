"""Counts a dataset against the published counts, and says in words what is missing or extra."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from mean_model.errors import PhotoError
from mean_model.photo import load_photo
from train_scripts.data.readers import denseuav, folders, university1652
from train_scripts.data.readers.expected import SAME_PLACES, Expected, expected_parts
from train_scripts.data.readers.listing import Listing, shown, some
from train_scripts.data.readers.positions import NOTHING
from train_scripts.data.readers.read_dataset import DatasetKind, scan_dataset, top_of
from train_scripts.errors import BadPositions

Level = Literal["missing", "extra", "note"]

SHOWN = 5  # examples per finding


@dataclass(frozen=True)
class Finding:
    """One thing that differs (`missing`, `extra`) or is worth knowing (`note`), as a sentence."""

    level: Level
    text: str


@dataclass(frozen=True)
class Count:
    """Pictures and places of one part, as found and as they should be; None where nobody published a number."""

    part: str
    pictures: int
    places: int
    expected_pictures: int | None
    expected_places: int | None


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Attributes:
        kind, name: of the dataset; the name holds no path.
        compared_with: what the counts come from.
    """

    kind: DatasetKind
    name: str
    compared_with: str
    counts: tuple[Count, ...]
    findings: tuple[Finding, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing and nothing extra."""
        return all(finding.level == "note" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "complete": self.complete,
            "compared_with": self.compared_with,
            "counts": [asdict(count) for count in self.counts],
            "findings": [asdict(finding) for finding in self.findings],
        }

    def text(self) -> str:
        """The same for people: a table, the findings, and the verdict."""
        rows: list[tuple[str, ...]] = [("part", "pictures", "expected", "places", "expected")]
        rows += [
            (one.part, *map(_number, (one.pictures, one.expected_pictures, one.places, one.expected_places)))
            for one in self.counts
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        lines = [f"{self.name}, compared with {self.compared_with}", ""]
        lines += [
            "  ".join(
                cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        if self.findings:
            lines += ["", *(f"{finding.level}: {finding.text}" for finding in self.findings)]
        differing = sum(finding.level != "note" for finding in self.findings)
        lines += ["", "Complete." if self.complete else f"Differs in {differing} point{'s' * (differing > 1)}."]
        return "\n".join(lines)


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def check_dataset(kind: DatasetKind, root: Path | str, *, pictures: bool = False) -> CheckReport:
    """Count a dataset; against the published counts, or against what the maker of a procedural one wrote.

    Args:
        kind: which dataset it should be.
        root: its folder, as for its reader.
        pictures: decode every picture as well, which takes a while.

    Raises:
        WrongFolder: the folder holds no dataset of this kind.
    """
    top, found = top_of(kind, Path(root)), scan_dataset(kind, Path(root))
    expected, compared_with = expected_parts(kind, top, found)
    findings = [one for part, want in expected.items() for one in compare(part, found.get(part), want)]
    findings += [_strays(part, listing) for part, listing in found.items() if listing.strays]
    findings += _across(kind, found) if kind != "folders" else _across_folders(found)
    findings += _positions(kind, top, found)
    if kind == "university1652":
        findings += [
            Finding("note", f"{shown(part)} belongs to no part of the release and is not read.")
            for part in university1652.unknown_folders(top)
        ]
    if pictures:
        findings += _undecodable(found)
    counts = tuple(
        Count(part, listing.pictures, len(listing.filled), want.pictures, want.places)
        for part, want in expected.items()
        for listing in (found.get(part, Listing()),)
        if part in found or want.needed
    )
    return CheckReport(kind, shown(top.name), compared_with, counts, tuple(findings))


def compare(part: str, listing: Listing | None, want: Expected) -> list[Finding]:
    """What a part has too little or too much of."""
    if listing is None:
        if not want.needed:
            return [Finding("note", f"{part} is absent; it is read only when asked for.")]
        size = "" if want.pictures is None else f" ({want.pictures:,} pictures of {want.places:,} places)"
        return [Finding("missing", f"{part} is missing{size}.")]
    findings = [*_compare_places(part, listing, want), *_compare_files(part, listing, want)]
    differs = want.pictures is not None and listing.pictures != want.pictures
    if differs and not any(finding.level != "note" for finding in findings):
        findings.append(_more_or_less(part, listing.pictures, want.pictures or 0, "pictures"))
    return findings


def _compare_places(part: str, listing: Listing, want: Expected) -> list[Finding]:
    findings = []
    filled = listing.filled
    if empty := sorted(listing.places.keys() - filled.keys()):
        level: Level = "missing" if want.needed else "note"
        findings.append(Finding(level, f"{part}: {_few(empty, 'place')} without pictures."))
    if want.ids is not None:
        if lacking := sorted(want.ids - listing.places.keys()):
            findings.append(Finding("missing", f"{part} lacks {_few(lacking, 'place')}."))
        if extra := sorted(filled.keys() - want.ids):
            findings.append(Finding("extra", f"{part} has {_few(extra, 'place')} that it should not have."))
    elif want.places is not None and len(filled) != want.places:
        findings.append(_more_or_less(part, len(filled), want.places, "places"))
    return findings


def _compare_files(part: str, listing: Listing, want: Expected) -> list[Finding]:
    """The first places with another number of pictures than they should have, and how many more there are."""
    counted = [(place, files, want.of_place(place)) for place, files in sorted(listing.filled.items())]
    wrong = [(place, files, count) for place, files, count in counted if count is not None and len(files) != count]
    findings = [
        _of_one_place(part, place, [file.stem for file in files], count, want.names(count))
        for place, files, count in wrong[:SHOWN]
    ]
    if len(wrong) > SHOWN:
        findings.append(
            Finding("missing", f"{part}: {len(wrong) - SHOWN} more places with another number of pictures.")
        )
    return findings


def _of_one_place(part: str, place: str, stems: list[str], count: int, names: list[str]) -> Finding:
    lacking, extra = sorted(set(names) - set(stems)), sorted(set(stems) - set(names))
    have = f"{part}/{shown(place)} has {len(stems)} of {count} pictures"
    if len(stems) < count:
        named = f": {some(lacking)} missing" if lacking and not extra else ""
        return Finding("missing", f"{have}{named}.")
    named = f": {some(extra)} extra" if extra and not lacking else ""
    return Finding("extra", f"{have}{named}.")


def _more_or_less(part: str, count: int, wanted: int, what: str) -> Finding:
    level: Level = "missing" if count < wanted else "extra"
    verb = "missing" if count < wanted else "too many"
    return Finding(level, f"{part} has {count:,} {what}, expected {wanted:,}: {abs(count - wanted):,} {verb}.")


def _few(names: Sequence[str], what: str) -> str:
    """A few of many names: "3 places (0001, 0002, 0003)"."""
    return f"{len(names):,} {what}{'s' if len(names) > 1 else ''} ({some(names)})"


def _strays(part: str, listing: Listing) -> Finding:
    loose = [name for name in listing.strays if "/" not in name]
    hint = "; pictures belong into a folder per place" if loose else ""
    return Finding("note", f"{part}: {_few(listing.strays, 'file')} ignored{hint}.")


def _across(kind: DatasetKind, found: Mapping[str, Listing]) -> list[Finding]:
    """What the parts say about each other: places that one view lacks, places that are in training and test."""
    findings = []
    for one, other in SAME_PLACES[kind]:
        if one in found and other in found:
            for a, b in ((one, other), (other, one)):
                lacking = sorted(found[a].filled.keys() - found[b].filled.keys())
                if lacking:
                    findings.append(Finding("missing", f"{b} lacks {_few(lacking, 'place')} that {a} has."))
    for part, listing in found.items():
        head, _, view = part.rpartition("/")
        if not view.startswith("query_"):
            continue
        gallery = f"{head}/{view.replace('query_', 'gallery_')}"
        unanswered = sorted(listing.filled.keys() - found[gallery].filled.keys()) if gallery in found else []
        if unanswered:
            findings.append(Finding("missing", f"{gallery} lacks {_few(unanswered, 'place')} that {part} asks for."))
        train = f"{head.replace('Testing', 'Training').replace('test', 'train')}/{view.removeprefix('query_')}"
        both = sorted(listing.filled.keys() & found[train].filled.keys()) if train in found else []
        if both:
            unfair = f"{_few(both, 'place')} in both {train} and {part}: the test is not fair."
            findings.append(Finding("extra", unfair))
    return findings


def _across_folders(found: Mapping[str, Listing]) -> list[Finding]:
    """Places with drone pictures that have no satellite picture."""
    findings = []
    for part, listing in found.items():
        head, _, view = part.rpartition("/")
        if view == "drone":
            tiles = found.get(f"{head}/satellite" if head else "satellite", Listing())
            lacking = sorted(listing.filled.keys() - tiles.filled.keys())
            if lacking:
                findings.append(Finding("missing", f"{_few(lacking, 'place')} in {part} without a satellite picture."))
            distractors = len(tiles.filled.keys() - listing.filled.keys())
            if distractors:
                findings.append(Finding("note", f"{distractors} places have a satellite picture only: distractors."))
    return findings


def _positions(kind: DatasetKind, top: Path, found: Mapping[str, Listing]) -> list[Finding]:
    """Whether the places have positions; a note, except where the dataset comes with them."""
    places = {place for listing in found.values() for place in listing.filled}
    try:
        match kind:
            case "university1652":
                known, notes = university1652.known_positions(top, places, None)
                if known is NOTHING:
                    notes = [*notes, "No KML of positions: distances in metres cannot be measured."]
                return [Finding("note", note) for note in notes]
            case "denseuav":
                known = denseuav.gps_of(top, places)
                lacking = sorted(places - known.places.keys())
                if known is NOTHING:
                    return [Finding("missing", "Dense_GPS_ALL.txt is missing: SDM and MA need it.")]
                return [Finding("missing", f"Dense_GPS_ALL.txt lacks {_few(lacking, 'place')}.")] if lacking else []
            case "folders":
                known = folders.positions_beside(top, places, None)
                lacking = sorted(places - known.places.keys())
                if known is NOTHING:
                    return [Finding("note", "No positions.csv: distances in metres cannot be measured.")]
                return [Finding("missing", f"The positions lack {_few(lacking, 'place')}.")] if lacking else []
            case _:
                return []
    except BadPositions as error:
        return [Finding("missing", str(error))]


def _undecodable(found: Mapping[str, Listing]) -> list[Finding]:
    findings = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoders let other threads run
        for part, listing in found.items():
            files = {file: f"{place}/{file.name}" for place, of in listing.places.items() for file in of}
            read = tqdm(pool.map(_decodes, files), desc=part, total=len(files), file=sys.stderr, leave=False)
            bad = [name for name, good in zip(files.values(), read, strict=True) if not good]
            if bad:
                findings.append(Finding("missing", f"{part}: {_few(bad, 'picture')} cannot be read."))
    return findings


def _decodes(file: Path) -> bool:
    try:
        load_photo(file)
    except (PhotoError, OSError):
        return False
    return True
