"""Poses in tables: a row for each photo, or for each moment of a flight log."""

import csv
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from gallery.errors import PosesError
from gallery.imagery.images import IMAGE_SUFFIXES
from gallery.photo.belief import PoseValues
from gallery.telemetry.angles import Angles, of_body, of_gimbal, of_omega_phi_kappa
from gallery.telemetry.poses import CameraPlace, PoseRecord, Poses

MOST_ROWS = 1_000_000
FOOT_M = 0.3048

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "file": ("file", "filename", "sourcefile", "image", "imagename", "imagefile", "photo", "photoname", "path", "label",
             "name"),
    "lon": ("longitude", "lon", "lng", "long", "gpslongitude", "gpslongtitude", "osdlongitude"),
    "lat": ("latitude", "lat", "gpslatitude", "osdlatitude"),
    "altitude": ("altitudeabovesealevel", "absolutealtitude", "absalt", "gpsaltitude", "altitude", "alt", "z"),
    "height": ("heightabovegroundatdronelocation", "abovegroundaltitude", "heightaboveground", "heightabovetakeoff",
               "relativealtitude", "relalt", "osdheight", "height", "heightm"),
    "gimbal yaw": ("gimbalyawdegree", "gimbalheading", "gimbalyaw", "gbyaw", "gimbalyawraw"),
    "gimbal pitch": ("gimbalpitchdegree", "gimbalpitch", "gbpitch", "gimbalpitchraw"),
    "gimbal roll": ("gimbalrolldegree", "gimbalroll", "gbroll", "gimbalrollraw"),
    "yaw": ("heading", "headingdeg", "yaw", "yawdeg", "gpsimgdirection"),
    "pitch": ("pitch", "pitchdeg"),
    "roll": ("roll", "rolldeg"),
    "aircraft yaw": ("compassheading", "flightyawdegree", "osdyaw", "yaw", "heading"),
    "omega": ("omega",),
    "phi": ("phi",),
    "kappa": ("kappa",),
    "visloc yaw": ("phi1",),
    "focal": ("focallengthin35mmformat", "focallengthin35mmfilm", "focallength35efl", "focal35mm"),
    "time": ("time", "times", "timems", "offsettime", "elapsedtime", "osdflytime", "timestamp", "seconds"),
    "datetime": ("datetimeutc", "datetime", "customupdatetime", "datetimelocal", "datetimeoriginal", "createdate"),
    "filming": ("isvideo", "customisvideo", "istakingvideo"),
}  # fmt: skip
"""Headers for each value, in lower case, without units, spaces and signs; the first one present counts.

They are those of exiftool's CSV, of Pix4D, of UAV-VisLoc, of the logs of Litchi, Airdata ("Downloadable Flight Data
CSV") and TXTlogToCSV.
"""

_LOOKS_FORWARD_DEG = -45.0
"""Pitch below which a table's angles are those of a gimbal: a body's, whose camera looks down, are never that steep."""

_PROJECTION = re.compile(r"(epsg:\d{3,6}|\+proj=.{1,200}|wgs84(?: utm \d{1,2}[ns])?)\s*", re.IGNORECASE)
_UNIT = re.compile(r"[(\[]\s*([^)\]]{0,20}?)\s*[)\]]")
_LEADING = re.compile(r"\s*([+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d{1,3})?)")
_DEGREES = re.compile(
    r"\s*(\d{1,3}(?:\.\d+)?)\s*(?:deg|°)\s*(?:(\d{1,2}(?:\.\d+)?)\s*['′]\s*)?(?:(\d{1,2}(?:\.\d+)?)\s*[\"″]\s*)?([NSEW]?)"
)
_LONGEST_S = 1e6  # a log of days
_TIMES = ("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%Y:%m:%d %H:%M:%S")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        at: its number, from 0.
        header: as it stands.
        key: the header in lower case, without unit, spaces and signs.
        unit: in lower case; empty where none stands.
    """

    at: int
    header: str
    key: str
    unit: str

    @property
    def metres(self) -> float:
        """What a unit of the column is in metres."""
        return FOOT_M if self.unit.startswith(("f", "'")) or self.key.endswith("feet") else 1.0


def read_pose_table(text: str, name: str) -> Poses:
    """The poses of a table: with a header, as OpenDroneMap's geo.txt, or as Pix4D's without a header.

    Args: name: of the file.

    Raises:
        PosesError: it names no photo and no time, or nothing of a pose; or its projection is not known.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise PosesError(f"{name} is empty: choose another file.")
    if len(lines) > MOST_ROWS:
        raise PosesError(f"{name} holds more than {MOST_ROWS} rows: cut it to one flight.")
    projection = _PROJECTION.fullmatch(lines[0])
    if projection is not None:
        return _geo_list(lines, name)
    delimiter = max(",;\t", key=lines[0].count)
    try:
        rows = list(csv.reader([lines[0].lstrip("#"), *lines[1:]], delimiter=delimiter))
    except csv.Error as error:
        raise PosesError(f"{name} is no table: a cell is too long. Is a quotation mark not closed?") from error
    header, notes = rows[0], []
    if _is_photo(header[0]) and len(header) >= 4:
        names = ("file", "lat", "lon", "alt", "yaw", "pitch", "roll")
        header = list(names if len(header) in (7, 9) else names[:4])
        notes.append(f"{name} has no header: its columns were read as Pix4D's, {', '.join(header)}.")
    else:
        rows = rows[1:]
    return _table(_columns(header), rows, name, notes)


def _columns(header: Sequence[str]) -> list[Column]:
    """The columns by what their headers mean."""
    found = []
    for at, cell in enumerate(header):
        unit = _UNIT.search(cell)
        bare = _UNIT.sub("", cell).rsplit(":", 1)[-1]  # exiftool writes the group before the tag
        key = re.sub(r"[^a-z0-9]", "", bare.lower())
        found.append(Column(at, cell.strip(), key, unit[1].lower() if unit else ""))
    return found


def _table(columns: Sequence[Column], rows: Sequence[Sequence[str]], name: str, notes: list[str]) -> Poses:
    """The records of a table whose columns have names."""
    by_key = {column.key: column for column in reversed(columns)}
    has = {value: next((by_key[key] for key in keys if key in by_key), None) for value, keys in COLUMNS.items()}
    heights = [by_key[key] for key in COLUMNS["height"] if key in by_key]
    has["height"] = next((column for column in heights if _says_something(column, rows)), None)
    if "phi1" in by_key:  # UAV-VisLoc: the height is undefined, Omega is the pitch and Kappa the roll
        has |= {"height": None, "phi": None, "altitude": by_key.get("height")}
    if has["gimbal yaw"] is not None and "altitude" in by_key and has["height"] is None:
        has |= {"height": by_key["altitude"], "altitude": None}  # Litchi's counts from the take-off
    timed = has["file"] is None
    if timed and has["time"] is None and has["datetime"] is None:
        raise PosesError(
            f"{name} names neither photos nor times. A column file, or time, is needed in its first line, beside "
            "longitude and latitude, heading, pitch, height or focal length."
        )
    turned, told = _turning(has, rows, timed)
    notes += [told] if told else []
    records, first, began_at = [], None, None
    for row in rows:
        cells = _Cells(row)
        time_s = None
        if timed:
            time_s, first = _time_s(cells, has, first)
            if time_s is None:
                continue
            began_at = began_at or _began_at(time_s, _moment(cells.text(has["datetime"])))
        record = _record(cells, has, turned)
        file = "" if has["file"] is None else re.split(r"[/\\]", cells.text(has["file"]))[-1]
        if timed or file:
            taken_at = None if timed else _moment(cells.text(has["datetime"]))
            records.append(replace(PoseRecord(file, time_s, *record), taken_at=taken_at))
    if all(record.empty for record in records):
        raise PosesError(
            f"{name} states nothing of any pose: columns such as longitude, latitude, yaw, pitch and height are needed."
        )
    utc = has["datetime"] is not None and has["datetime"].key == "datetimeutc"
    return Poses(name, tuple(records), tuple(notes), began_at, utc)


def _began_at(time_s: float, moment: datetime | None) -> datetime | None:
    """When the times of a log begin. Args: moment: at which it is `time_s` since then."""
    return None if moment is None or abs(time_s) > _LONGEST_S else moment - timedelta(seconds=time_s)


def _says_something(column: Column, rows: Sequence[Sequence[str]]) -> bool:
    """Whether any row has a number in a column that is not 0: logs carry columns that nothing fills."""
    return any(_Cells(row).number(column) for row in rows)


class _Cells:
    """The cells of one row."""

    def __init__(self, row: Sequence[str]) -> None:
        self._row = row

    def text(self, column: Column | None) -> str:
        """What stands in a column; empty where there is none."""
        return "" if column is None or column.at >= len(self._row) else self._row[column.at].strip()

    def number(self, column: Column | None) -> float | None:
        """The number that a cell begins with; None where there is none."""
        found = _LEADING.match(self.text(column))
        return None if found is None else float(found[1].replace(",", "."))

    def metres(self, column: Column | None, low: float, high: float) -> float | None:
        """A length, whatever its unit; exiftool writes what lies below the sea as "12 m Below Sea Level"."""
        value = self.number(column)
        if value is None or column is None:
            return None
        metres = value * column.metres * (-1 if "below" in self.text(column).lower() else 1)
        return metres if low <= metres <= high else None

    def degrees(self, column: Column | None) -> float | None:
        """An angle in degrees, or in degrees, minutes and seconds."""
        text = self.text(column)
        parts = _DEGREES.match(text)
        if parts is None:
            return self.number(column)
        value = float(parts[1]) + float(parts[2] or 0) / 60 + float(parts[3] or 0) / 3600
        return -value if parts[4] in ("S", "W") else value


Turned = Callable[[_Cells], tuple[Angles | None, float | None, dict[str, str]]]
"""What a row says of how the camera was turned, of the heading alone, and the columns that say so."""


def _turning(has: Mapping[str, Column | None], rows: Sequence[Sequence[str]], timed: bool) -> tuple[Turned, str]:
    """How the angles of a table are to be read, and a sentence where that is not plain."""
    if has["visloc yaw"] is not None and has["omega"] is not None and has["kappa"] is not None:
        return _by(of_body, has, ("visloc yaw", "omega", "kappa")), ""
    if all(has[key] is not None for key in ("omega", "phi", "kappa")):
        return _by(of_omega_phi_kappa, has, ("omega", "phi", "kappa")), ""
    if has["gimbal yaw"] is not None or has["gimbal pitch"] is not None:
        return _by(of_gimbal, has, ("gimbal yaw", "gimbal pitch", "gimbal roll")), ""
    if timed:  # a log without the gimbal: the pitch and roll are the aircraft's
        return _by(of_gimbal, has, ("aircraft yaw", "", "")), "The heading is the aircraft's, and only approximate."
    keys = ("yaw", "pitch", "roll")
    pitches = [value for row in rows if (value := _Cells(row).number(has["pitch"])) is not None]
    if pitches and statistics.median(pitches) < _LOOKS_FORWARD_DEG:
        return _by(of_gimbal, has, keys), ""
    told = "A pitch of 0 was read as straight down, as Pix4D and OpenDroneMap count." if pitches else ""
    return _by(of_body if pitches else of_gimbal, has, keys), told


def _by(read: Callable[[float, float, float], Angles], has: Mapping[str, Column | None], keys: Sequence[str]) -> Turned:
    """Angles by three columns. All of them 0 means that they are not known."""
    columns = [has.get(key) for key in keys]

    def turned(cells: _Cells) -> tuple[Angles | None, float | None, dict[str, str]]:
        values = []
        for column in columns:
            value = cells.number(column)
            tenths = column is not None and column.key.endswith("raw")  # Litchi's whole numbers
            value = value / 10 if tenths and value is not None else value
            values.append(value if value is not None and -720 <= value <= 720 else None)
        first, second, third = values
        said = {
            quantity: column.header
            for quantity, column, value in zip(("heading", "pitch", "roll"), columns, values, strict=True)
            if column is not None and value is not None
        }
        if first is not None and second is not None:
            angles = None if first == second == 0 and not third else read(first, second, third or 0.0)
            return angles, None, said if angles is not None else {}
        if second is not None and first is None and read is not of_omega_phi_kappa:
            angles = read(0.0, second, third or 0.0)
            return angles, None, said
        return None, None if first is None else first % 360, said if first is not None else {}

    return turned


def _record(
    cells: _Cells, has: Mapping[str, Column | None], turned: Turned
) -> tuple[PoseValues, CameraPlace | None, bool | None, bool, dict[str, str]]:
    """What a row says beside its photo or its time, as `PoseRecord` wants it."""
    angles, heading_deg, said = turned(cells)
    pitch_deg = roll_deg = None
    if angles is not None:
        heading_deg = angles.heading_deg if "heading" in said else None
        pitch_deg, roll_deg = angles.pitch_deg, angles.roll_deg if "roll" in said else None
    height_m = cells.metres(has["height"], -1000, 20_000)
    focal = cells.number(has["focal"])
    focal = focal if focal is not None and 5 <= focal <= 1000 else None
    lon, lat = cells.degrees(has["lon"]), cells.degrees(has["lat"])
    place = None
    if lon is not None and lat is not None and abs(lon) <= 180 and abs(lat) <= 90 and (lon or lat):
        place = CameraPlace(lon, lat, cells.metres(has["altitude"], -1000, 20_000))
    for quantity, key, value in (("height", "height", height_m), ("focal length", "focal", focal)):
        column = has[key]
        if value is not None and column is not None:
            said = {**said, quantity: column.header}
    if place is not None and has["lon"] is not None and has["lat"] is not None:
        said = {**said, "position": f"{has['lat'].header}, {has['lon'].header}"}
    recording = cells.text(has["filming"]).lower()
    filming = None if has["filming"] is None else recording not in ("", "0", "false", "no", "0.0")
    return PoseValues(heading_deg, pitch_deg, height_m, focal, roll_deg), place, filming, False, said


def _time_s(
    cells: _Cells, has: Mapping[str, Column | None], first: datetime | None
) -> tuple[float | None, datetime | None]:
    """Seconds of a row since the log began; and the first moment of it, where it states moments of the day."""
    column = has["time"]
    value = cells.number(column)
    if column is not None and value is not None:
        milli = column.unit.startswith(("ms", "milli")) or column.key.endswith("ms")
        return (value / 1000 if milli else value), first
    moment = _moment(cells.text(has["datetime"]))
    if moment is None:
        return None, first
    first = first or moment
    return (moment - first).total_seconds(), first


def _moment(text: str) -> datetime | None:
    """A day and time, without its zone; None where it is none."""
    plain, _, part = text.replace("T", " ").rstrip("Z ").partition(".")
    for form in _TIMES:
        try:
            moment = datetime.strptime(plain, form)
        except ValueError:
            continue
        return moment.replace(microsecond=int(f"{part[:6]:0<6}")) if part.isdecimal() else moment
    return None


def _is_photo(cell: str) -> bool:
    return cell.strip().lower().endswith(IMAGE_SUFFIXES)


def _geo_list(lines: Sequence[str], name: str) -> Poses:
    """OpenDroneMap's geo.txt: the projection, then `image x y [z] [yaw pitch roll] [accuracies] [extras]`."""
    to_lonlat = _to_lonlat(lines[0].strip(), name)
    records = []
    for line in lines[1:]:
        cells = line.split()
        numbers = [found[1] for cell in cells[1:7] if (found := _LEADING.fullmatch(cell)) is not None]
        if line.startswith("#") or len(numbers) < 2:
            continue
        values = [float(number.replace(",", ".")) for number in numbers]
        lon, lat = to_lonlat.transform(values[0], values[1])
        altitude_m = values[2] if len(values) > 2 else None
        place = CameraPlace(lon, lat, altitude_m) if abs(lon) <= 180 and abs(lat) <= 90 and (lon or lat) else None
        said = {} if place is None else {"position": "geo_x, geo_y"}
        pose = PoseValues()
        if len(values) == 6 and any(values[3:]):  # "Camera angles can be set to 0 if they are not available."
            angles = of_body(*values[3:])
            pose = PoseValues(angles.heading_deg, angles.pitch_deg, roll_deg=angles.roll_deg)
            said |= {"heading": "yaw", "pitch": "pitch", "roll": "roll"}
        records.append(PoseRecord(re.split(r"[/\\]", cells[0])[-1], pose=pose, place=place, said_by=said))
    if not records:
        raise PosesError(f"{name} lists no photo: after its projection, lines of name, x and y are needed.")
    return Poses(name, tuple(records))


def _to_lonlat(projection: str, name: str) -> Transformer:
    """The way to longitude and latitude from the projection that a list begins with."""
    zone = re.fullmatch(r"wgs84 utm (\d{1,2})([ns])", projection, re.IGNORECASE)
    if zone is not None:
        projection = f"EPSG:{326 if zone[2].lower() == 'n' else 327}{int(zone[1]):02d}"
    elif projection.lower() == "wgs84":
        projection = "EPSG:4326"
    try:
        return Transformer.from_crs(CRS.from_user_input(projection), "OGC:CRS84", always_xy=True)
    except (CRSError, ProjError) as error:
        raise PosesError(f"The projection in the first line of {name} is not known: write EPSG:NUMBER.") from error
