"""The command `track`: the way of a flight."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from gallery.cli.loading import gallery_folder, open_localizer, require_matcher, require_model
from gallery.cli.options import (
    GALLERY_HELP,
    examples,
    json_option,
    model_option,
    poses_option,
    search_options,
    searched_as,
)
from gallery.cli.output import INTERRUPTED, check_out, say, say_json
from gallery.errors import GalleryError

FILE_ENDINGS = (".gpx", ".kml", ".geojson")
"""What a track is written as, by the ending of the file."""

_EVERY_HELP = (
    "seconds between two photos, in the order of their names, in place of the times that they state; or between two "
    "frames that are taken of a video (default 4)"
)


def add(commands: Any) -> None:
    """The command and its options."""
    track = commands.add_parser(
        "track",
        help="find the way of a flight from its photos or its video",
        description="Find the way of a flight from many photos together: what one photo gets wrong, the others put "
        "right. Photos are put in the order of the times that they state. Ctrl-C ends the asking; the track of the "
        "photos asked so far follows.",
        **examples("track gallery/sample gallery/sample/flight", "track my_area flight.mp4 --every 4 --out way.gpx"),
    )
    track.add_argument("gallery", metavar="DIR", type=Path, help=GALLERY_HELP)
    track.add_argument("photos", nargs="+", metavar="PHOTOS", type=Path, help="photos, folders of photos, or one video")
    track.add_argument("--every", type=float, metavar="S", help=_EVERY_HELP)
    track.add_argument("--max-speed", type=float, default=20.0, metavar="M_S", help="metres a second (default 20)")
    search_options(track)
    poses_option(track)
    model_option(track, None, "the gallery's own")
    track.add_argument("--out", type=Path, metavar="FILE", help="write there, as its ending says: .gpx, .kml, .geojson")
    output = track.add_mutually_exclusive_group()
    output.add_argument("--format", choices=("gpx", "kml", "geojson"), help="print the track for GIS tools")
    json_option(output)
    track.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command. Returns: the exit status."""
    for path in options.photos:
        if not path.exists():  # before the imports that take seconds
            raise GalleryError(f"There is no file or folder {path.name}. Check the path.")
    gallery_folder(options.gallery)
    require_model(options.model)
    require_matcher(options.matcher)
    from tqdm import tqdm

    from gallery.cli import track_text
    from gallery.telemetry.pose_files import read_poses
    from gallery.track import export, flight_photos
    from gallery.track.motion import Motion
    from gallery.track.track import Sighting, sightings, track

    if options.out is not None:
        check_out(options.out, FILE_ENDINGS)
    motion = Motion(max_speed_m_s=options.max_speed)
    poses = None if options.poses is None else read_poses(options.poses)
    flight = flight_photos.flight_of(options.photos, options.every, poses=poses)
    localizer = open_localizer(options)
    area = options.near or options.bbox or options.area
    seen: list[Sighting] = []
    every_s = options.every if flight.photos else None
    asked = sightings(localizer, flight.frames, area, searched_as(options), motion=motion, every_s=every_s)
    stopped = False
    try:
        for sighting in tqdm(asked, total=flight.count, unit=" photos", file=sys.stderr, dynamic_ncols=True):
            seen.append(sighting)
    except KeyboardInterrupt:
        stopped = True
        sys.stderr.write(f"\nStopped after {len(seen)} of {flight.count} photos; this is their track.\n")
    if stopped and not seen:
        return INTERRUPTED
    found = track(localizer, seen, motion, every_s, area)
    found = replace(found, notes=(*flight.notes, *found.notes))
    if options.out is not None:
        track_text.write(found, options.out)
    if options.json:
        say_json(found.to_dict())
    elif options.format:
        say(export.render(found, options.format).rstrip("\n"))
    else:
        say(track_text.text(found))
    return INTERRUPTED if stopped else 0
