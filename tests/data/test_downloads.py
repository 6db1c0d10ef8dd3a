"""Archives come with their checksums from a server of our own; whatever fails is one line that says what to do."""

import functools
import gc
import hashlib
import http.server
import io
import socket
import tarfile
import threading
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torchvision.datasets

from para_former.data import SPECS, download, downloads, read_split
from para_former.errors import InputError


class Silent:
    """A server's handler that prints nothing."""

    def log_message(self, *arguments):
        pass


@contextmanager
def serving(handler):
    """The address of a server on this machine that answers so."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture
def server(tmp_path):
    """A folder, and the address under which a server on this machine offers it."""
    folder = tmp_path / "server"
    folder.mkdir()
    handler = type("Files", (Silent, http.server.SimpleHTTPRequestHandler), {})
    with serving(functools.partial(handler, directory=folder)) as address:
        yield folder, address


@pytest.fixture
def archive(tiny, official_root, monkeypatch):
    """``tiny`` as the one official archive, whose checksum torchvision is told."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        file.add(official_root / tiny.torchvision_folder, tiny.torchvision_folder)
    loader = getattr(torchvision.datasets, tiny.torchvision_class)
    monkeypatch.setattr(loader, "tgz_md5", hashlib.md5(buffer.getvalue()).hexdigest())
    return buffer.getvalue()


@pytest.fixture
def no_network(monkeypatch):
    """Every connection fails as it does where there is no network."""

    def refuse(*arguments, **settings):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def refused(*words, **arguments):
    with pytest.raises(InputError) as caught:
        download(**arguments)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert str(word) in message, message


def serve(server, tiny, content, monkeypatch):
    """The spec whose one archive is ``content`` on the server."""
    folder, address = server
    (folder / "archive.tar.gz").write_bytes(content)
    url = f"{address}/archive.tar.gz"
    monkeypatch.setattr(getattr(torchvision.datasets, tiny.torchvision_class), "url", url)
    return replace(tiny, archives={"cifar-10-python.tar.gz": url})


def test_the_official_archive_is_fetched_checked_and_unpacked(server, tiny, arrays, archive, tmp_path, monkeypatch):
    tiny = serve(server, tiny, archive, monkeypatch)
    source = download(tiny, tmp_path / "data")
    assert source.layout == "torchvision" and source.folder == tmp_path / "data" / tiny.name
    np.testing.assert_array_equal(read_split(tiny, "test", tmp_path / "data")[0], arrays["test"][0])


def test_what_is_there_is_not_fetched_again(server, tiny, archive, tmp_path, monkeypatch):
    tiny = serve(server, tiny, archive, monkeypatch)
    source = download(tiny, tmp_path / "data")
    (server[0] / "archive.tar.gz").unlink()
    assert download(tiny, tmp_path / "data") == source


def test_another_file_than_the_official_one(server, tiny, archive, tmp_path, monkeypatch):
    tiny = serve(server, tiny, archive[:-1], monkeypatch)
    refused(tiny.title, "another file than the official one", spec=tiny, data_root=tmp_path / "data")


class BreakingOff(Silent, http.server.BaseHTTPRequestHandler):
    """Sends half of what is asked for, then closes; ``ranges`` says whether it can go on, ``asked`` what was asked."""

    content, ranges, asked = b"", True, []

    def do_GET(self):
        asked = self.headers.get("Range", "bytes=0-")
        self.asked.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if self.ranges else 0
        rest = self.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: len(rest) // 2] if len(self.asked) < 3 else rest)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_broke_off_goes_on_where_it_stopped(tiny, arrays, archive, tmp_path, monkeypatch, ranges):
    handler = type("Handler", (BreakingOff,), {"content": archive, "ranges": ranges, "asked": []})
    with serving(handler) as address:
        spec = replace(tiny, archives={"cifar-10-python.tar.gz": f"{address}/archive.tar.gz"})
        for _ in range(2):
            refused("it broke off; the same command goes on", spec=spec, data_root=tmp_path / "data")
        download(spec, tmp_path / "data")
    np.testing.assert_array_equal(read_split(tiny, "test", tmp_path / "data")[0], arrays["test"][0])
    half = len(archive) // 2
    second = half + (len(archive) - half) // 2 if ranges else half
    assert handler.asked == ["bytes=0-", f"bytes={half}-", f"bytes={second}-"]
    assert not list((tmp_path / "data").rglob("*.part"))


class InPieces(Silent, http.server.BaseHTTPRequestHandler):
    """Sends pieces, each behind its own length, as a proxy may; nowhere that of all."""

    protocol_version, content = "HTTP/1.1", b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(self.content), 1000):
            piece = self.content[start : start + 1000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True


def test_a_file_whose_length_is_told_in_pieces(tiny, arrays, archive, tmp_path):
    handler = type("Handler", (InPieces,), {"content": archive})
    with serving(handler) as address:
        spec = replace(tiny, archives={"cifar-10-python.tar.gz": f"{address}/archive.tar.gz"})
        download(spec, tmp_path / "data")
    np.testing.assert_array_equal(read_split(tiny, "test", tmp_path / "data")[0], arrays["test"][0])


def test_an_archive_put_there_by_hand_is_unpacked(tiny, arrays, archive, tmp_path, no_network):
    folder = tmp_path / "data" / tiny.name
    folder.mkdir(parents=True)
    (folder / "cifar-10-python.tar.gz").write_bytes(archive)
    assert download(tiny, tmp_path / "data").folder == folder
    np.testing.assert_array_equal(read_split(tiny, "test", tmp_path / "data")[0], arrays["test"][0])


def test_parquet_files_that_are_there_need_no_official_ones(tiny, parquet_root, no_network):
    assert download(tiny, parquet_root).layout == "parquet"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # torchvision leaves the answer open
def test_a_file_that_the_server_lacks(server, tiny, archive, tmp_path, monkeypatch):
    tiny = serve(server, tiny, archive, monkeypatch)
    (server[0] / "archive.tar.gz").unlink()
    refused("server is away", "404", spec=tiny, data_root=tmp_path / "data")
    gc.collect()


@pytest.mark.parametrize("name", [name for name in SPECS if name != "digits"])
def test_a_server_that_is_away(name, tmp_path, no_network):
    spec = SPECS[name]
    places = [f"{url} as {tmp_path / name / path}" for path, url in spec.archives.items()]
    refused(spec.title, "its server is away", "by hand, get", *places, spec=spec, data_root=tmp_path)
    assert not list(tmp_path.iterdir())


def test_root_comes_from_the_environment(monkeypatch, tmp_path, no_network):
    monkeypatch.setenv("PARA_FORMER_DATA", str(tmp_path / "elsewhere"))
    refused(tmp_path / "elsewhere" / "cifar10", spec=SPECS["cifar10"])


def test_a_folder_that_cannot_be_written(tiny, tmp_path):
    (tmp_path / "file").touch()
    refused(tmp_path / "file", "expected a folder to download CIFAR-10 into", spec=tiny, data_root=tmp_path / "file")


def test_nothing_to_download(tmp_path):
    refused("Digits: nothing to download", spec=SPECS["digits"], data_root=tmp_path)


def test_a_copy_from_the_hub(tiny, arrays, parquet_root, tmp_path, monkeypatch):
    def fetch(hub_id, *, repo_type, allow_patterns, local_dir):
        assert (hub_id, repo_type, allow_patterns) == ("owner/copy", "dataset", "*.parquet")
        (parquet_root / tiny.name).rename(local_dir / "data")

    monkeypatch.setattr(downloads, "snapshot_download", fetch)
    source = download(tiny, tmp_path / "data", "owner/copy")
    assert source.layout == "parquet" and source.folder == tmp_path / "data" / tiny.name / "data"
    np.testing.assert_array_equal(read_split(tiny, "test", tmp_path / "data")[0], arrays["test"][0])


@pytest.mark.parametrize("hub_id", ["owner/copy", "no id//"])
def test_a_hub_that_is_away_and_a_name_that_is_none(hub_id, tmp_path, no_network):
    words = ("CIFAR-10", hub_id, "could not be fetched from the Hugging Face hub")
    refused(*words, spec=SPECS["cifar10"], data_root=tmp_path, hub_id=hub_id)


def test_a_hub_copy_without_the_files(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "snapshot_download", lambda *arguments, **settings: None)
    refused("expected CIFAR-10 in it", spec=SPECS["cifar10"], data_root=tmp_path, hub_id="owner/x")
