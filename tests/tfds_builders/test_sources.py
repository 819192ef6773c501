import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import registered

from tfds_builders.bus_bra.bus_bra import BusBra
from tfds_builders.reading import prepare
from tfds_builders.record import DatasetError
from tfds_builders.release import Part
from tfds_builders.sources import download


@pytest.fixture
def archive(bus_bra_release: Path, tmp_path: Path) -> Path:
    """A folder with BUSBRA.zip, as released."""
    path = tmp_path / "served" / "BUSBRA.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as content:
        for file in sorted(bus_bra_release.rglob("*")):
            content.write(file, file.relative_to(bus_bra_release))
    return path


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    requested: ClassVar[list[str]] = []

    def log_message(self, *arguments: object) -> None:
        type(self).requested.append(f"{self.command} {self.path}")


@pytest.fixture
def server(archive: Path) -> Iterator[str]:
    """Serves the zip's folder on this machine; yields its address."""
    QuietHandler.requested.clear()

    def handler(*arguments: object) -> QuietHandler:
        return QuietHandler(*arguments, directory=str(archive.parent))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def served_from(url: str, archive: Path, checksum: str | None = None) -> type[BusBra]:
    """BUS-BRA, but for its address and checksum."""
    known = checksum or f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"
    with registered.skip_registration():

        class Served(BusBra):
            """BUS-BRA from this machine."""

            PARTS = (Part(("BUSBRA",), archive="BUSBRA.zip", url=url, checksum=known),)
            pkg_dir_path = epath.Path(__file__).parent  # TFDS looks for a package around the class

    return Served


def test_download_is_checked_unpacked_and_kept(server: str, archive: Path, tmp_path: Path) -> None:
    builder = served_from(f"{server}/BUSBRA.zip", archive)(data_dir=str(tmp_path / "data"))
    builder.download_and_prepare()
    assert builder.info.splits["images"].num_examples == 32
    assert QuietHandler.requested == ["HEAD /BUSBRA.zip", "GET /BUSBRA.zip"]
    builder.data_path.rmtree()
    again = served_from(f"{server}/BUSBRA.zip", archive)(data_dir=str(tmp_path / "data"))
    again.download_and_prepare()
    assert again.is_built()
    assert len(QuietHandler.requested) == 2  # what was unpacked before was used


def test_download_with_an_md5(server: str, archive: Path, tmp_path: Path) -> None:
    checksum = f"md5:{hashlib.md5(archive.read_bytes()).hexdigest()}"
    for _ in range(2):
        builder = served_from(f"{server}/BUSBRA.zip", archive, checksum)(data_dir=str(tmp_path / "data"))
        builder.download_and_prepare()
        builder.data_path.rmtree()
    assert len(QuietHandler.requested) == 2


def test_download_of_something_else(server: str, archive: Path, tmp_path: Path) -> None:
    wrong = served_from(f"{server}/BUSBRA.zip", archive, f"sha256:{'0' * 64}")(data_dir=str(tmp_path / "data"))
    with pytest.raises(
        DatasetError,
        match=r"BUSBRA\.zip: what came has the sha256 \w{64}, registered is 0{64}\. .*\. To get it by [^\n]*$",
    ):
        wrong.download_and_prepare()
    assert not wrong.is_built()
    # What came is not kept: the right file can still be had.
    right = served_from(f"{server}/BUSBRA.zip", archive)(data_dir=str(tmp_path / "data"))
    right.download_and_prepare()
    assert right.is_built()


def test_download_of_a_file_that_is_no_zip(server: str, archive: Path, tmp_path: Path) -> None:
    (archive.parent / "table.xlsx").write_bytes(b"rows")
    part = Part(("table.xlsx",), url=f"{server}/table.xlsx", checksum=f"sha256:{hashlib.sha256(b'rows').hexdigest()}")
    manager = tfds.download.DownloadManager(download_dir=str(tmp_path / "downloads"))
    for _ in range(2):
        path = download(manager, part, tmp_path / "kept", "By hand.")
        assert path.name == "table.xlsx"
        assert path.read_bytes() == b"rows"
    assert QuietHandler.requested == ["HEAD /table.xlsx", "GET /table.xlsx"]


def test_page_that_is_gone(server: str, archive: Path, tmp_path: Path) -> None:
    builder = served_from(f"{server}/gone.zip", archive)(data_dir=str(tmp_path / "data"))
    with pytest.raises(DatasetError, match=r"cannot download .*gone\.zip: .*404.*To get it by hand"):
        builder.download_and_prepare()


def test_no_network(archive: Path, tmp_path: Path) -> None:
    # Port 9 (discard) is closed on any machine that runs tests.
    builder = served_from("http://127.0.0.1:9/BUSBRA.zip", archive)(data_dir=str(tmp_path / "data"))
    with pytest.raises(DatasetError) as caught:
        builder.download_and_prepare()
    message = str(caught.value)
    assert message.startswith("cannot download http://127.0.0.1:9/BUSBRA.zip: 127.0.0.1:9 cannot be reached")
    assert "https://zenodo.org/records/8231412" in message
    assert "\n" not in message


def test_downloading_switched_off(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"bus_bra is not built in .*no manual_dir was given.*switched off"):
        prepare("bus_bra", tmp_path, download=False)


def test_manual_only(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"busi is not built in .*it cannot be downloaded by a program\. To get it"):
        prepare("busi", tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "empty",
            r"^bus_bra is not built in .*, .*empty has no BUSBRA \(or BUSBRA\.zip\), and downloading is switched",
        ),
        ("no", r"^bus_bra: the folder .*no does not exist\. To get it by hand"),
    ],
)
def test_wrong_manual_folder(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=message):
        prepare("bus_bra", tmp_path / "data", tmp_path / name, download=False)


def test_what_is_not_in_the_manual_folder_is_downloaded(server: str, archive: Path, tmp_path: Path) -> None:
    """So that one folder may hold the releases of a run that cannot be fetched."""
    (tmp_path / "others").mkdir()
    builder = served_from(f"{server}/BUSBRA.zip", archive)(data_dir=str(tmp_path / "data"))
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=str(tmp_path / "others")))
    assert builder.is_built()


def test_zip_with_a_password(archive: Path, tmp_path: Path) -> None:
    data = bytearray(archive.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag "encrypted" of every entry
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 1)
    archive.write_bytes(bytes(data))
    with pytest.raises(DatasetError, match=r"BUSBRA\.zip: cannot be unpacked here \(.*password.*\); unpack it by hand"):
        prepare("bus_bra", tmp_path / "data", archive.parent)


def test_zip_in_the_manual_folder(archive: Path, tmp_path: Path) -> None:
    assert len(prepare("bus_bra", tmp_path / "data", archive.parent)) == 32


def test_zip_below_the_folder_of_tfds(archive: Path, tmp_path: Path) -> None:
    manual = tmp_path / "data" / "downloads" / "manual"
    manual.parent.mkdir(parents=True)
    archive.parent.rename(manual)
    assert len(prepare("bus_bra", tmp_path / "data", download=False)) == 32


def test_truncated_zip(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=r"BUSBRA\.zip: not a whole zip file"):
        prepare("bus_bra", tmp_path / "data", archive.parent)


def test_zip_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "BUSBRA.zip", "w") as content:
        content.writestr("Other/readme.txt", "")
    with pytest.raises(DatasetError, match=r"BUSBRA\.zip: no BUSBRA in this zip; it has Other"):
        prepare("bus_bra", tmp_path / "data", tmp_path)
    assert not list((tmp_path / "data" / "downloads" / "extracted").iterdir())


@pytest.mark.parametrize("member", ["../outside.png", "/outside.png", "BUSBRA/../../outside.png", "..\\outside.png"])
def test_zip_with_a_path_that_leaves_its_folder(tmp_path: Path, member: str) -> None:
    with zipfile.ZipFile(tmp_path / "BUSBRA.zip", "w") as content:
        content.writestr("BUSBRA/bus_data.csv", "")
        content.writestr(member, "")
    with pytest.raises(DatasetError) as caught:
        prepare("bus_bra", tmp_path / "data", tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'BUSBRA.zip'}: the path {member!r} in this zip leaves its folder; not unpacked"
    )
    assert not list((tmp_path / "data" / "downloads" / "extracted").iterdir())


def test_names_of_tfds(tmp_path: Path) -> None:
    assert tfds.core.DatasetBuilder in BusBra.__mro__
    assert BusBra.name == "bus_bra"
