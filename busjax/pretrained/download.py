"""Fetches a release's file once, checks it, and keeps it."""

import hashlib
import http.client
import os
import tempfile
import urllib.request
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from busjax.pretrained.errors import PretrainedError
from busjax.pretrained.release import Release

TIMEOUT_S = 60
"""How long a server may be silent."""
BLOCK = 1 << 20
ALGORITHMS = ("sha256", "md5")


def digest(path: Path, algorithm: str) -> str:
    """The file's checksum in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


class Checksum(NamedTuple):
    """A file's checksum beside the published one.

    Attributes:
      found: 'sha256:...' or 'md5:...', whichever is published.
      published: of which the first digits are enough; '' where none is known.
    """

    found: str
    published: str

    @property
    def differs(self) -> bool:
        """Whether the file is not the published one."""
        return not self.found.startswith(self.published.lower())

    def require(self, source: str) -> None:
        """Accepts the published file alone, where its checksum is known.

        Raises:
          PretrainedError: it is another one; with `source`, the file's checksum and the published one.
        """
        if self.differs:
            raise PretrainedError(f"{source}: the checksum is {self.found}, not {self.published} as expected")


def checksum_of(path: Path, published: str) -> Checksum:
    """The file's checksum, of the published one's kind.

    Args:
      path: the file.
      published: 'sha256:...' or 'md5:...', or '' where none is known.

    Raises:
      PretrainedError: the file cannot be read.
    """
    algorithm, _, digits = (published or "sha256:0").partition(":")
    if algorithm not in ALGORITHMS or not digits:
        raise ValueError(f"{published!r} is not a checksum such as 'sha256:0676ba61'")
    try:
        return Checksum(f"{algorithm}:{digest(path, algorithm)}", published)
    except OSError as error:
        raise PretrainedError(f"{path}: cannot be read: {error.strerror}") from error


def _progress() -> Progress:
    """A bar on standard error; none in a log file."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _receive(url: str, name: str, file: BinaryIO) -> None:
    """Writes what the server sends to `file`."""
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response, _progress() as progress:
        length = response.headers.get("Content-Length")
        task = progress.add_task(name, total=None if length is None else int(length))
        received = 0
        while block := response.read(BLOCK):
            file.write(block)
            received += len(block)
            progress.update(task, advance=len(block))
    if length is not None and received != int(length):
        raise OSError(f"the connection ended after {received} of {length} bytes")


def fetch(release: Release, cache_dir: str | Path) -> Path:
    """The path of a release's file, such as 'keras_mobilenet_0.75.h5' in a folder; fetched if it is not there yet.

    The file gets its name only when it is complete and its checksum right.

    Args:
      release: what to fetch.
      cache_dir: the folder, made where it does not exist.

    Raises:
      PretrainedError: if it has no address, cannot be fetched, or its checksum is not the published one.
    """
    if release.url is None:
        raise PretrainedError(f"{release.name}: has no address to fetch it from; give the path of a file")
    suffix = PurePosixPath(urlsplit(release.url).path).suffix
    path = Path(cache_dir) / (release.name.replace("/", "_") + suffix)
    if path.exists():
        checksum_of(path, release.checksum).require(f"{path} (remove it to fetch it again from {release.url})")
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own: several processes, on several machines, may fetch into one folder at once.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        part = Path(name)
        try:
            with open(handle, "wb") as file:
                _receive(release.url, release.name, file)
            checksum_of(part, release.checksum).require(release.url)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, http.client.HTTPException) as error:
        raise PretrainedError(f"{release.url}: cannot be fetched to {path}: {error}") from error
    return path
