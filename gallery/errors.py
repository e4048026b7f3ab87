"""What can go wrong with a gallery: one family, each message says what to do.

GalleryError
├── SourceError           a raster or folder that cannot become tiles
│   └── NotGeoreferenced  imagery without a known place on the ground
├── PositionsError        a list of positions that cannot be read
├── PosesError            a file of poses that cannot be read
├── BuildError            the build cannot go on
├── NotAGallery           the folder holds no gallery, or one of another format
├── DamagedGallery        a gallery whose files do not fit together
├── IndexServerError      the server that holds the vectors does not answer
├── WrongModel            the gallery was embedded by other weights
├── UnreadablePhoto       one photo that cannot be read
├── RegistrationError     a photo, a pose or ground that cannot be laid on each other
├── TrackError            photos or a video that make no flight
├── AreaError             coordinates or an area that do not exist
└── Interrupted           a search that whoever asked has stopped
"""


class GalleryError(Exception):
    """Base of every error that this package raises on purpose."""


class SourceError(GalleryError):
    """A raster or folder that cannot become tiles."""


class NotGeoreferenced(SourceError):
    """Imagery without a known place on the ground."""


class PositionsError(GalleryError):
    """A list of positions (CSV, KML) that cannot be read."""


class PosesError(GalleryError):
    """A file beside photos or a video (SRT, CSV, KML) that states poses, and cannot be read."""


class BuildError(GalleryError):
    """The build cannot go on."""


class NotAGallery(GalleryError):
    """The folder holds no gallery, or one of another format."""


class DamagedGallery(GalleryError):
    """A gallery whose files are missing, cut short, or do not fit together."""


class IndexServerError(GalleryError):
    """The server or file of Milvus that holds a gallery's vectors does not answer, or lacks them."""


class WrongModel(GalleryError):
    """The gallery was embedded by other weights than the ones that ask."""


class UnreadablePhoto(GalleryError):
    """One photo that cannot be read."""


class RegistrationError(GalleryError):
    """A photo, a pose or ground that cannot be laid on each other."""


class TrackError(GalleryError):
    """Photos or a video that make no flight, or limits that no flight can have."""


class AreaError(GalleryError):
    """Coordinates or an area that do not exist on the Earth."""


class Interrupted(GalleryError):
    """Whoever asked has stopped the search."""
