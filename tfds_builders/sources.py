"""Finding a release on the user's disk, or fetching it where its licence lets anyone do so."""

import hashlib
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zipfile
import zlib
from pathlib import Path

import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.util import DownloadError

from tfds_builders.record import DatasetError

REACHABLE_TIMEOUT_S = 20


def find_release(manual_dir: Path, folder: str, archive: str, unpack_dir: Path) -> Path | None:
    """Looks for a release in the folder that the user named.

    Accepts the release's own folder, the folder that contains it, or a folder that contains the release's zip, which
    is then unpacked below `unpack_dir`.

    Returns:
        The release's own folder, or None.
    """
    if manual_dir.name == folder and manual_dir.is_dir():
        return manual_dir
    if (manual_dir / folder).is_dir():
        return manual_dir / folder
    zipped = manual_dir / archive
    return unpack(zipped, folder, unpack_dir) if zipped.is_file() else None


def _unpacked(unpack_dir: Path, folder: str, sha256: str) -> Path:
    """Where the contents of the zip with this checksum go."""
    return unpack_dir / f"{folder}-{sha256[:16]}"


def unpack(archive: Path, folder: str, unpack_dir: Path) -> Path:
    """Unpacks a zip once and returns the release's folder in it; an interrupted unpacking leaves nothing behind it.

    Raises:
        DatasetError: the file is not a whole zip, or has no such folder.
    """
    with archive.open("rb") as file:
        target = _unpacked(unpack_dir, folder, hashlib.file_digest(file, "sha256").hexdigest())
    if not target.is_dir():
        unpack_dir.mkdir(parents=True, exist_ok=True)
        partial = unpack_dir / f"incomplete.{uuid.uuid4().hex}"
        try:
            with zipfile.ZipFile(archive) as content:
                content.extractall(partial)
            if not (partial / folder).is_dir():
                raise DatasetError(f"{archive}: no folder {folder}/ in this zip")
            partial.rename(target)
        except (zipfile.BadZipFile, zlib.error) as error:
            raise DatasetError(f"{archive}: not a whole zip file ({error})") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return target / folder


def download(
    dl_manager: tfds.download.DownloadManager, url: str, sha256: str, folder: str, unpack_dir: Path, help_text: str
) -> Path:
    """Downloads a zip through TFDS, which checks it against the builder's `checksums.tsv`, and unpacks it.

    Nothing is fetched where the registered zip was unpacked before.

    Args:
        dl_manager: TFDS's download manager.
        url: where the zip is.
        sha256: the registered checksum.
        folder: the release's folder inside the zip.
        unpack_dir: where zips are unpacked.
        help_text: how to get the release by hand; ends every error message.

    Raises:
        DatasetError: the server cannot be reached, or what came is not what is registered.
    """
    if (target := _unpacked(unpack_dir, folder, sha256)).is_dir():
        return target / folder
    host = urllib.parse.urlsplit(url).netloc
    try:
        # TFDS retries for minutes where there is no network; this finds out at once.
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=REACHABLE_TIMEOUT_S).close()
    except urllib.error.HTTPError as error:
        error.close()  # It answers, if only to refuse HEAD; the download itself says more.
    except OSError as error:
        raise DatasetError(f"cannot download {url}: {host} cannot be reached ({error}). {help_text}") from error
    try:
        archive = Path(os.fspath(dl_manager.download(url)))
    except NonMatchingChecksumError as error:
        raise DatasetError(f"{url}: what came has not the registered sha256 {sha256}. {help_text}") from error
    except (DownloadError, OSError) as error:
        raise DatasetError(f"cannot download {url}: {error}. {help_text}") from error
    return unpack(archive, folder, unpack_dir)
