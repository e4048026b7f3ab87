"""What can be wrong with a dataset: one family, each message says what to do and names no full path.

DatasetError
├── WrongFolder      the folder holds no dataset of this kind
├── MissingPart      a part that is asked for is not there
├── BadPositions     a file of positions that cannot be read
├── BadPicture       one picture that cannot be read
└── BadRequest       options that contradict each other, or name nothing
"""


class DatasetError(Exception):
    """Base of every error that the readers, the check and the maker of datasets raise on purpose."""


class WrongFolder(DatasetError):
    """The folder holds no dataset of this kind."""


class MissingPart(DatasetError):
    """A part that is asked for is not there."""


class BadPositions(DatasetError):
    """A file of positions (KML, CSV, text) that cannot be read."""


class BadPicture(DatasetError):
    """One picture that cannot be read."""


class BadRequest(DatasetError):
    """Options that contradict each other, or name something that does not exist."""
