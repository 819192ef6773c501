"""Finding the parts of a release on the user's disk, or fetching them where their licence lets anyone do so."""

import hashlib
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.util import DownloadError

from tfds_builders.record import DatasetError
from tfds_builders.release import CLUTTER, Part

REACHABLE_TIMEOUT_S = 20


def find_part(part: Part, manual_dir: Path, unpack_dir: Path | None, *, alone: bool) -> Path | None:
    """Looks for one part of a release in the folder that the user named.

    Args:
        part: what to look for: by any of its names in `manual_dir`, or in its zip there, which is then unpacked.
        manual_dir: the user's folder.
        unpack_dir: where zips are unpacked; None to pass over zips.
        alone: whether `manual_dir` may itself be the part.

    Returns:
        The part's own folder or file, or None.
    """
    for name in part.names:
        components = PurePosixPath(name).parts
        if alone and part.fits(manual_dir) and manual_dir.parts[-len(components) :] == components:
            return manual_dir
        if part.fits(manual_dir / name):
            return manual_dir / name
    archive = manual_dir / part.archive
    if unpack_dir is None or not part.archive or not archive.is_file():
        return None
    return unpack(archive, part, unpack_dir)


def unpack(archive: Path, part: Part, unpack_dir: Path) -> Path:
    """Unpacks a zip once and returns the part in it; an interrupted unpacking leaves nothing behind it.

    Raises:
        DatasetError: the file is not a whole zip, holds a path that leaves the folder, or has no such part.
    """
    algorithm, _ = _checksum(part)
    with archive.open("rb") as file:
        target = _kept(unpack_dir, part, hashlib.file_digest(file, algorithm).hexdigest())
    if not target.is_dir():
        unpack_dir.mkdir(parents=True, exist_ok=True)
        partial = unpack_dir / f"incomplete.{uuid.uuid4().hex}"
        try:
            with zipfile.ZipFile(archive) as content:
                for member in content.namelist():
                    if PurePosixPath(member).is_absolute() or PureWindowsPath(member).drive or _climbs(member):
                        raise DatasetError(
                            f"{archive}: the path {member!r} in this zip leaves its folder; not unpacked"
                        )
                content.extractall(partial)
            _within(partial, part, archive)
            partial.rename(target)
        except (zipfile.BadZipFile, zlib.error) as error:
            raise DatasetError(f"{archive}: not a whole zip file ({error})") from error
        except (RuntimeError, NotImplementedError) as error:  # a password, a compression of newer programs
            raise DatasetError(f"{archive}: cannot be unpacked here ({error}); unpack it by hand") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return _within(target, part, archive)


def _climbs(member: str) -> bool:
    return ".." in PurePosixPath(member).parts or ".." in PureWindowsPath(member).parts


def _within(folder: Path, part: Part, archive: Path) -> Path:
    for name in part.names:
        if part.fits(folder / name):
            return folder / name
    found = sorted(path.name for path in folder.iterdir() if path.name not in CLUTTER)
    raise DatasetError(f"{archive}: no {' or '.join(part.names)} in this zip; it has {', '.join(found) or 'nothing'}")


def _checksum(part: Part) -> tuple[str, str]:
    """Algorithm and hexadecimal digest; where none is registered, what unpacked zips are named by."""
    algorithm, _, digest = part.checksum.partition(":")
    return algorithm or "sha256", digest


def _kept(unpack_dir: Path, part: Part, digest: str) -> Path:
    """Where the contents of the zip, or the file, with this checksum go."""
    return unpack_dir / f"{part.name.replace('/', '_')}-{digest[:16]}"


def download(dl_manager: tfds.download.DownloadManager, part: Part, unpack_dir: Path, help_text: str) -> Path:
    """Downloads a part through TFDS, checks it against its checksum, and unpacks it where it is a zip.

    Nothing is fetched where it was before.

    Args:
        dl_manager: TFDS's download manager.
        part: with `url` and `checksum`.
        unpack_dir: where zips are unpacked and files are kept.
        help_text: how to get the release by hand; ends every error message.

    Raises:
        DatasetError: the server cannot be reached, or what came is not what is registered.
    """
    assert part.url is not None
    algorithm, digest = _checksum(part)
    kept = _kept(unpack_dir, part, digest)
    if kept.is_dir():
        return _within(kept, part, kept)
    host = urllib.parse.urlsplit(part.url).netloc
    try:
        # TFDS retries for minutes where there is no network; this finds out at once.
        urllib.request.urlopen(urllib.request.Request(part.url, method="HEAD"), timeout=REACHABLE_TIMEOUT_S).close()
    except urllib.error.HTTPError as error:
        error.close()  # It answers, if only to refuse HEAD; the download itself says more.
    except OSError as error:
        raise DatasetError(f"cannot download {part.url}: {host} cannot be reached ({error}). {help_text}") from error
    try:
        fetched = Path(os.fspath(dl_manager.download(part.url)))
    except (DownloadError, OSError) as error:
        raise DatasetError(f"cannot download {part.url}: {error}. {help_text}") from error
    with fetched.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != digest:
        fetched.unlink()  # so that the next attempt fetches it anew
        raise DatasetError(f"{part.url}: what came has the {algorithm} {found}, registered is {digest}. {help_text}")
    if part.archive:
        return unpack(fetched, part, unpack_dir)
    partial = unpack_dir / f"incomplete.{uuid.uuid4().hex}"
    partial.mkdir(parents=True)
    shutil.copyfile(fetched, partial / part.name)  # under its own name: some readers go by the suffix
    partial.rename(kept)
    return kept / part.name
