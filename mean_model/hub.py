"""Repositories of the Hugging Face Hub as folders: cache first, size known before, one sentence for each failure."""

import contextlib
import errno
import logging
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal, Self

from tqdm import tqdm

from .atomic_files import file_sha256
from .errors import HubError

_log = logging.getLogger(__name__)

Kind = Literal["model", "dataset"]

_ID = re.compile(r"(?P<name>[\w][\w.-]*/[\w][\w.-]*)(@(?P<revision>[\w][\w./-]*))?")
_ANSWER_S = 10.0  # how long the Hub may take to answer at all; its client alone would retry for half a minute


@dataclass(frozen=True)
class Repo:
    """A repository of the Hub at a revision."""

    name: str  # user/name
    revision: str | None = None  # a commit, tag or branch; None for what the cache holds, else the branch main
    kind: Kind = "model"

    @classmethod
    def parse(cls, source: str, kind: Kind = "model") -> Self | None:
        """The repository that `user/name[@revision]` names; None for text of another form."""
        found = _ID.fullmatch(source)
        return None if found is None else cls(found["name"], found["revision"], kind)


class BytesBar(tqdm):  # type: ignore[misc]  # tqdm ships no types
    """The Hub client's bars of bytes, and not those that count files: a model is one large file and a small one.

    Drawn also where there is no terminal, so that minutes of download show in a log; silent by the client's own switch.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        from huggingface_hub.utils import are_progress_bars_disabled

        silent = options.get("unit") != "B" or are_progress_bars_disabled()
        options.pop("name", None)  # a group of bars in earlier clients, which plain tqdm refuses
        super().__init__(*args, **{**options, "disable": silent})


def fetch(repo: Repo, files: Sequence[str], wanted: Sequence[str] = ()) -> Path:
    """The folder in the Hub's cache that holds the repository, downloaded if it is not there.

    The network is asked only for what the cache lacks. A private repository is read with the token of `hf auth login`
    or of the variable HF_TOKEN. A snapshot takes all files from one commit, whatever the branch does meanwhile.

    Args:
        repo: pinned to a commit best; a branch that is in the cache is not looked up again.
        files: names that must be there.
        wanted: patterns of what else is downloaded, such as "*".

    Raises:
        HubError: no network, no repository, no revision, no file, no access, no space, or a copy that is damaged.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    patterns = [*files, *wanted]

    def snapshot(offline: bool) -> Path:
        return Path(
            snapshot_download(
                repo.name,
                repo_type=repo.kind,
                revision=repo.revision,
                allow_patterns=patterns,
                local_files_only=offline,
                tqdm_class=BytesBar,
            )
        )

    with one_sentence(repo):
        with contextlib.suppress(LocalEntryNotFoundError):
            cached = snapshot(offline=True)
            if all((cached / name).is_file() for name in files):
                return _whole(repo, cached, files)
        _require_room(repo, _sizes(repo, files, patterns))
        return _whole(repo, snapshot(offline=False), files)


def folder_of(source: Path, files: Sequence[str], wanted: Sequence[str] = (), kind: Kind = "dataset") -> Path:
    """The folder itself, or the Hub's copy where there is no such folder and its name is that of a repository.

    Raises:
        HubError: as for `fetch`.
    """
    repo = None if os.path.exists(source) else Repo.parse(source.as_posix(), kind)
    return source if repo is None else fetch(repo, files, wanted)


def _sizes(repo: Repo, files: Sequence[str], patterns: Sequence[str]) -> dict[str, int]:
    """Bytes of each file to download. One request without retries, so that a dead network is known at once."""
    from huggingface_hub import HfApi

    ask = HfApi().dataset_info if repo.kind == "dataset" else HfApi().model_info
    info = ask(repo.name, revision=repo.revision, files_metadata=True, timeout=_ANSWER_S)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    for name in files:
        if name not in sizes:
            raise HubError(f"The Hub {repo.kind} {repo.name} has no {name}: it holds nothing that this project wrote.")
    return {name: size for name, size in sizes.items() if any(fnmatch(name, pattern) for pattern in patterns)}


def _require_room(repo: Repo, sizes: dict[str, int]) -> None:
    from huggingface_hub.constants import HF_HUB_CACHE

    needed = sum(sizes.values())
    place = next(folder for folder in (Path(HF_HUB_CACHE), *Path(HF_HUB_CACHE).parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    _log.info("Downloading %s from the Hub: %s", repo.name, _megabytes(needed))
    if needed > free:
        raise HubError(
            f"{repo.name} takes {_megabytes(needed)} and the Hub's cache has {_megabytes(free)} left: make room, or "
            "set HF_HOME to a folder on a larger disk."
        )


def _whole(repo: Repo, folder: Path, files: Sequence[str]) -> Path:
    """The folder, its large files compared with their names in the cache: the SHA-256 of what was meant to be stored.

    A gallery can be too large to be read at every start, and has checksums of its own.
    """
    for name in files if repo.kind == "model" else ():
        stored = (folder / name).resolve()
        if re.fullmatch(r"[0-9a-f]{64}", stored.name) and file_sha256(stored) != stored.name:
            raise HubError(
                f"{name} of {repo.name} is damaged in the Hub's cache: remove it by "
                f"`hf cache rm {repo.kind}/{repo.name}` and try again."
            )
    return folder


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


@contextlib.contextmanager
def one_sentence(repo: Repo) -> Iterator[None]:
    """The Hub client's errors as one sentence each."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise HubError(f"{repo.name} on the Hub asks for access: log in by `hf auth login` and request it.") from error
    except errors.RevisionNotFoundError as error:
        raise HubError(
            f"{repo.name} on the Hub has no revision {repo.revision}: check the part after the @."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(
            f"There is no folder {repo.name} here and no such {repo.kind} on the Hub: check the name, or log in by "
            "`hf auth login` if it is private."
        ) from error
    except errors.HFValidationError as error:
        raise HubError(f"{repo.name} is no valid Hub id: give it as user/name.") from error
    except errors.HfHubHTTPError as error:
        raise HubError(
            f"The Hub answered {error.response.status_code} for {repo.name}: try again later, or download it elsewhere "
            "and give its folder."
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, errors.HTTPError, OSError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise HubError(
                f"The disk is full before {repo.name} is downloaded: make room, or set HF_HOME to a folder on a larger "
                "disk."
            ) from error
        raise HubError(
            f"{repo.name} is neither a folder here nor in the Hub's cache, and the Hub cannot be reached: check the "
            "network, or download it elsewhere and give its folder."
        ) from error
