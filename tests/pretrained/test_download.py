"""Fetching from a server on loopback: complete, checked, kept, and one clear error for whatever goes wrong."""

import dataclasses
import hashlib
import http.server
import threading

import pytest

from busjax.pretrained import download
from busjax.pretrained.download import fetch
from busjax.pretrained.errors import PretrainedError
from tests.pretrained.tiny import KERAS

CONTENT = bytes(range(256)) * 10_000  # more than one block
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `CONTENT` in the ways that the path asks for, and counts."""

    requests: list[str]

    def do_GET(self):
        self.requests.append(self.path)
        if self.path == "/missing.h5":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unknown_length.h5":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if self.path == "/short.h5" else CONTENT)

    def log_message(self, *_):
        pass


@pytest.fixture
def requests():
    return []


@pytest.fixture
def address(requests, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = type("Counting", (Handler,), {"requests": requests})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def release(url, checksum=f"sha256:{SHA256}"):
    return dataclasses.replace(KERAS, url=url, checksum=checksum)


@pytest.mark.parametrize("checksum", [f"sha256:{SHA256}", f"sha256:{SHA256[:8].upper()}", f"md5:{MD5}", ""])
@pytest.mark.parametrize("page", ["file.h5", "unknown_length.h5"])
def test_a_file_is_fetched_once(tmp_path, address, requests, checksum, page):
    wanted = release(f"{address}/{page}", checksum)
    path = fetch(wanted, tmp_path / "new" / "cache")
    assert path == tmp_path / "new" / "cache" / "keras_tiny.h5"
    assert path.read_bytes() == CONTENT
    assert fetch(wanted, tmp_path / "new" / "cache") == path
    assert requests == [f"/{page}"]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("algorithm", "found"), [("sha256", SHA256), ("md5", MD5)])
def test_a_wrong_checksum_names_address_found_and_expected(tmp_path, address, algorithm, found):
    with pytest.raises(PretrainedError) as caught:
        fetch(release(f"{address}/file.h5", f"{algorithm}:0123"), tmp_path)
    assert str(caught.value) == (
        f"{address}/file.h5: the checksum is {algorithm}:{found}, not {algorithm}:0123 as expected"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_kept_file_is_checked_again(tmp_path, address, requests):
    wanted = release(f"{address}/file.h5")
    path = fetch(wanted, tmp_path)
    path.write_bytes(b"damaged")
    with pytest.raises(PretrainedError, match=r"keras_tiny\.h5 \(remove it to fetch it again from http.*checksum"):
        fetch(wanted, tmp_path)
    assert len(requests) == 1


def test_a_connection_that_ends_early_leaves_nothing(tmp_path, address):
    with pytest.raises(
        PretrainedError, match=rf"short\.h5: cannot be fetched .* after 1280000 of {len(CONTENT)} bytes"
    ):
        fetch(release(f"{address}/short.h5", ""), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_page(tmp_path, address):
    with pytest.raises(PretrainedError, match=r"http://127.*/missing\.h5: cannot be fetched to .*404"):
        fetch(release(f"{address}/missing.h5"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_port
    with pytest.raises(PretrainedError, match=r"127\.0\.0\.1.*cannot be fetched .*refused"):
        fetch(release(f"http://127.0.0.1:{port}/file.h5"), tmp_path)


def test_a_server_that_falls_silent(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "TIMEOUT_S", 0.1)
    # It listens, but nobody accepts.
    with (
        http.server.HTTPServer(("127.0.0.1", 0), Handler) as server,
        pytest.raises(PretrainedError, match=r"cannot be fetched .*timed out"),
    ):
        fetch(release(f"http://127.0.0.1:{server.server_port}/file.h5"), tmp_path)


def test_a_release_without_address(tmp_path):
    with pytest.raises(PretrainedError, match=r"keras/tiny: has no address .*give the path of a file"):
        fetch(release(None), tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path, address):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PretrainedError, match="cannot be fetched to"):
        fetch(release(f"{address}/file.h5"), tmp_path / "file" / "cache")


def test_a_mistyped_checksum_is_an_error(tmp_path, address):
    with pytest.raises(ValueError, match="'crc:12' is not a checksum"):
        fetch(release(f"{address}/file.h5", "crc:12"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_ending_is_that_of_the_address(tmp_path, address):
    assert fetch(release(f"{address}/b/model.safetensors?download=true"), tmp_path).name == "keras_tiny.safetensors"
