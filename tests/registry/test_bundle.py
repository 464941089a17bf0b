"""A bundle is read back as it was written, or refused with a reason."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.core import config
from rung.core.errors import ConfigError, StoreError, TaskError
from rung.core.hashing import file_sha256
from rung.engines import models
from rung.registry.bundle import read_bundle, write_bundle
from rung.registry.bundle_home import move_in
from rung.registry.manifest import Manifest, is_code, may_hold, parse_manifest
from rung.registry.pack import weights_here
from rung.routes.route import Route

pytest.importorskip("cryptography", reason="pip install 'rung[sign]'")


def manifest_of(files: dict[str, bytes]) -> Manifest:
    return Manifest(
        task="t",
        route={},
        route_hash="",
        receipt={},
        parity={},
        models={},
        code="rung",
        files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    )


def keys() -> tuple[str, str]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return secret.decode(), public.decode()


FILES = {"task/task.toml": b'name = "t"\n', f"artifacts/{'a' * 64}": b"\x00" * 300}


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("task/task.toml", "task/form.json", "task/world/emails.csv", "task/world.py"),
                *("task/mcp.toml", "task/desk/tools.py", *(f"artifacts/{c * 64}" for c in "abc")),
            ]
        ),
        st.binary(max_size=200),
    )
)
def test_what_is_written_is_read(tmp_path: Path, files: dict[str, bytes]) -> None:
    path = tmp_path / "b.rung"
    digest = write_bundle(path, manifest_of(files), files)
    bundle = read_bundle(path)
    assert (bundle.files, bundle.digest) == (files, digest)
    first = path.read_bytes()
    write_bundle(path, manifest_of(files), files)
    assert path.read_bytes() == first


@given(st.data())
def test_a_damaged_file_is_refused_or_means_the_same(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "b.rung"
    write_bundle(path, manifest_of(FILES), FILES)
    whole = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    try:
        assert read_bundle(path).files == FILES
    except ConfigError as error:
        assert str(path) in str(error)


def test_only_the_trusted_key_opens_a_signed_bundle(tmp_path: Path) -> None:
    (secret, public), (_, other) = keys(), keys()
    path = tmp_path / "b.rung"
    write_bundle(path, manifest_of(FILES), FILES, secret)
    assert read_bundle(path, public).files == FILES
    with pytest.raises(ConfigError, match="not signed by the trusted key"):
        read_bundle(path, other)
    write_bundle(path, manifest_of(FILES), FILES)
    with pytest.raises(ConfigError, match="is not signed"):
        read_bundle(path, public)
    with pytest.raises(ConfigError, match="no public Ed25519 key"):
        read_bundle(path, "nonsense")
    unknown = base64.b64encode(bytes.fromhex("302a300506032b657e032100") + bytes(32)).decode()
    with pytest.raises(ConfigError, match="no public Ed25519 key"):  # of an algorithm to come
        read_bundle(path, f"-----BEGIN PUBLIC KEY-----\n{unknown}\n-----END PUBLIC KEY-----\n")
    with pytest.raises(ConfigError, match="no private Ed25519 key"):
        write_bundle(path, manifest_of(FILES), FILES, public)
    (tmp_path / "empty.pem").write_text("\n")
    with pytest.raises(ConfigError, match="empty.pem: it is empty"):  # else it would trust anybody
        move_in(path, tmp_path / "empty.pem")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("task/../../evil", "no bundle may hold"),
        ("task/examples.jsonl", "no bundle may hold"),
        ("task/Task.toml", "holds a file twice"),
        ("/etc/passwd", "no bundle may hold"),
        ("task/scorer.py", "no bundle may hold"),
        (f"artifacts/{'b' * 64}", "not in its manifest"),
    ],
)
def test_what_does_not_belong_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / "b.rung"
    write_bundle(path, manifest_of(FILES), FILES)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, b"import os")
    with pytest.raises(ConfigError, match=reason):
        read_bundle(path)


def test_a_file_that_is_not_what_the_signed_manifest_says_is_refused(tmp_path: Path) -> None:
    (secret, public), path = keys(), tmp_path / "b.rung"
    other = FILES | {"task/task.toml": b'name = "u"\n'}
    write_bundle(path, manifest_of(FILES), other, secret)
    with pytest.raises(ConfigError, match=r"task/task\.toml was altered"):
        read_bundle(path, public)


def test_sizes_are_checked_before_anything_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.rung"
    write_bundle(path, manifest_of(FILES), FILES)
    monkeypatch.setattr("rung.registry.bundle.MAX_BYTES", 100)
    with pytest.raises(ConfigError, match="holds more than"):
        read_bundle(path)


def test_nothing_of_a_bundle_is_unpacked_before_its_signature_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secret, _), (_, other), path = keys(), keys(), tmp_path / "b.rung"
    unpacked: list[str] = []
    opened = zipfile.ZipFile.open

    def watched(self: zipfile.ZipFile, name: Any, *rest: Any, **more: Any) -> Any:
        if self.mode == "r":
            unpacked.append(name.filename)
        return opened(self, name, *rest, **more)

    monkeypatch.setattr(zipfile.ZipFile, "open", watched)
    for key, reason in ((secret, "not signed by the trusted key"), ("", "is not signed")):
        write_bundle(path, manifest_of(FILES), FILES, key)
        with pytest.raises(ConfigError, match=reason):
            read_bundle(path, other)
    assert set(unpacked) == {"manifest.json", "signature"}
    monkeypatch.setattr("rung.registry.bundle.MAX_MANIFEST_BYTES", 100)
    with pytest.raises(ConfigError, match=r"manifest\.json of more than"):
        read_bundle(path)


def test_what_is_no_bundle_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_bundle(tmp_path / "none.rung")
    (tmp_path / "text.rung").write_text("hello")
    with pytest.raises(ConfigError, match="not a zip file"):
        read_bundle(tmp_path / "text.rung")
    with zipfile.ZipFile(tmp_path / "empty.rung", "w"):
        pass
    with pytest.raises(ConfigError, match="no readable manifest"):
        read_bundle(tmp_path / "empty.rung")


@pytest.mark.parametrize("name", ["../../../evil", "/tmp/evil", "", "a/b"])
def test_a_task_cannot_name_a_place_outside(tmp_path: Path, name: str) -> None:
    path = tmp_path / "b.rung"
    write_bundle(path, replace(manifest_of(FILES), task=name), FILES)
    with pytest.raises(TaskError):
        move_in(path)
    assert [found.name for found in tmp_path.iterdir()] == ["b.rung"]


def test_a_manifest_of_other_things_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.rung"
    route = Route(name="r", rung="r", output="constant")
    plain, digest, hashes = route.to_json(), route.hash, manifest_of(FILES).files
    for changed, reason in (
        ({"route": []}, "no readable manifest"),
        ({"models": {"m": 1}}, "no readable manifest"),
        ({"models": 1}, "no readable manifest: models"),
        ({"parity": {"a": {}}}, "no readable manifest: parity"),
        ({"files": {**hashes, "task/form.json": "x"}}, "no readable manifest: files"),
        ({"world_version": "1"}, "no readable manifest: world_version"),
        ({"version": 3}, "of version 3"),
        ({"route": plain, "route_hash": digest, "world": "moon"}, "played in 'moon'"),
        ({"route": plain, "route_hash": digest, "world": "operations"}, "has other tools"),
        ({"route": {"name": "r"}}, "route cannot be read"),
    ):
        write_bundle(path, replace(manifest_of(FILES), **changed), FILES)
        with pytest.raises(ConfigError, match=reason):
            move_in(path)


def test_what_cannot_be_laid_out_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    path, route = tmp_path / "b.rung", Route(name="r", rung="r", output="constant")
    files = {"task/a": b"1", "task/a/b": b"2"}
    told = replace(manifest_of(files), route=route.to_json(), route_hash=route.hash)
    write_bundle(path, told, files)
    with pytest.raises(StoreError, match="failed"):
        move_in(path, run_code=True)
    assert list((config.home() / "bundles").iterdir()) == []
    told = replace(manifest_of({}), route=route.to_json(), route_hash=route.hash)
    write_bundle(path, told, {})
    assert move_in(path) == "t"  # of nothing but a route; that no task is there is said later


def test_what_cannot_be_read_back_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "b.rung"
    for name in ("task/recorded/gpt-4.jsonl", "task/a b.py", "elsewhere"):
        with pytest.raises(ConfigError, match="no bundle may hold"):
            write_bundle(path, manifest_of({name: b""}), {name: b""})
    assert not path.exists()


@given(
    st.text("aZ0_.-/\\ ~:é", max_size=20).map("task/".__add__)
    | st.from_regex(r"task/[a-z./]{1,12}", fullmatch=True)
)
def test_no_path_leads_out_of_the_folder(name: str) -> None:
    if may_hold(name):
        inner = Path(name.removeprefix("task/"))
        assert not inner.is_absolute()
        assert inner.as_posix() == name.removeprefix("task/")
        assert not any(part.startswith(".") or part.endswith(".") for part in inner.parts)


def test_code_is_told_by_its_path() -> None:
    for name in ("world.py", "mcp.toml", "server.py", "desk/tools.py", "world/tables.py", "x.csv"):
        assert is_code(f"task/{name}"), name
    for name in ("task.toml", "shots.jsonl", "world/emails.csv", "world/options.toml"):
        assert may_hold(f"task/{name}") and not is_code(f"task/{name}"), name
    for name in ("scorer.py", "Scorer.py", "examples-2.jsonl", "splits.lock.json", "recorded/a.py"):
        assert not may_hold(f"task/{name}"), name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(asdict(manifest_of({})))), JSON)
def test_any_value_of_a_field_is_read_or_refused(name: str, value: object) -> None:
    told = asdict(manifest_of(FILES)) | {name: value}
    try:
        found = parse_manifest(json.dumps(told).encode(), Path("b.rung"))
    except ConfigError as error:
        assert "b.rung" in str(error)
    else:
        assert asdict(found) == told


def test_a_model_of_the_hub_is_held_to_the_weights_it_was_packed_with(tmp_path: Path) -> None:
    path, route = tmp_path / "b.rung", Route(name="r", rung="r", output="constant")
    told = replace(manifest_of({}), route=route.to_json(), route_hash=route.hash)
    name, around = "hf:org/repo/x.gguf", config.home()
    write_bundle(path, replace(told, models={f"llama:{name}": "0" * 64}), {})
    move_in(path)
    assert models.resolve(name).sha256 == "0" * 64  # a first pull brings these or nothing
    config.move_home(around)
    assert models.resolve(name).sha256 == ""
    models.resolve(name).path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1, 1))
    for model in (name, f"llama:{name}", f"transformers:{models.resolve(name).path}"):
        assert weights_here(model) == file_sha256(models.resolve(name).path)
        write_bundle(path, replace(told, models={model: "0" * 64}), {})
        with pytest.raises(ConfigError, match="not the one the bundle was packed with"):
            move_in(path)
    for model in ("hf:org/repo/y.gguf", "transformers:/nowhere", "http:x@http://h/v1", "fake:a"):
        assert weights_here(model) == ""


def test_a_bundle_of_the_first_version_is_read(tmp_path: Path) -> None:
    told = asdict(manifest_of(FILES)) | {"version": 1}
    del told["world"], told["world_version"]
    assert parse_manifest(json.dumps(told).encode(), tmp_path).world == ""
