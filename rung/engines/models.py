"""From a model's name to a GGUF file on this machine.

    smollm2-135m, llama:smollm2-135m      the catalogue, or RUNG_HOME/models/NAME.gguf
    hf:org/repo/file.gguf                 one file of a Hugging Face repository
    llama:/path/x.gguf, ./x.gguf          a file of your own

`resolve` only names, `locate` demands a sane file, `pull` downloads it (`pull.py` does the work).
Nothing is downloaded unless `pull` is called, and no model is loaded here.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from rung.core.config import home, offline
from rung.core.errors import ConfigError, EngineError
from rung.core.spelling import did_you_mean
from rung.engines.catalogue import CATALOGUE, Entry, HubSource, ModelFile
from rung.engines.gguf_header import quant_name, read_header
from rung.engines.pull import INTERNET, Progress, Transport, bring, locked

PINS = "weights.json"
"""In the home of a bundle: the SHA-256 of each model's file that it was packed with, by name."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def models_home() -> Path:
    """Return the folder of downloaded models; it need not exist yet."""
    return home() / "models"


def resolve(model: str) -> ModelFile:
    """Return the file a model name stands for, installed or not. Raises ConfigError."""
    file = _named(model)
    pin = _pinned(file.name) if file.sources else ""
    return replace(file, sha256=pin) if pin else file


def _named(model: str) -> ModelFile:
    name = model.removeprefix("llama:")
    if name.startswith("hf:"):
        return _hub_file(name)
    if name.endswith(".gguf"):
        return _described(ModelFile(name=name, path=_expanded(name).absolute()))
    for entry in CATALOGUE:
        if entry.name == name:
            return _from_entry(entry)
    own = ModelFile(name=name, path=models_home() / f"{name}.gguf")
    if _NAME.fullmatch(name) and own.installed:
        return _described(own)
    known = sorted({file.name for file in installed()} | {entry.name for entry in CATALOGUE})
    raise ConfigError(
        f"no model is called {model!r} ({did_you_mean(name, known)})", hint="rung models"
    )


def locate(model: str) -> ModelFile:
    """Return the file of an installed model whose size and header are sane.

    Raises EngineError naming the file and the command that mends it.
    """
    file = resolve(model)
    if not file.installed:
        hint = f"rung models pull {file.name}" if file.sources else "check the path"
        raise EngineError(f"model {file.name} is not here: no file {file.path}", hint=hint)
    hint = f"rung models pull {file.name} --force" if file.sources else "get the file again"
    actual = file.path.stat().st_size
    if file.size_bytes and actual != file.size_bytes:
        sizes = f"{actual} bytes instead of {file.size_bytes}"
        raise EngineError(f"model file {file.path} is corrupt: {sizes}", hint=hint)
    read_header(file.path, hint=hint)
    return file


def installed() -> list[ModelFile]:
    """Return every GGUF file in `models_home()`, catalogue models first."""
    catalogue = [file for file in available() if file.installed]
    taken = {file.path for file in catalogue}
    others = [path for path in sorted(models_home().glob("*.gguf")) if path not in taken]
    return catalogue + [_described(ModelFile(name=path.stem, path=path)) for path in others]


def available() -> list[ModelFile]:
    """Return every model of the catalogue, installed or not."""
    return [_from_entry(entry) for entry in CATALOGUE]


def pull(
    model: str,
    *,
    progress: Progress | None = None,
    force: bool = False,
    transport: Transport = INTERNET,
) -> ModelFile:
    """Download a model unless it is here; return its file. `force` downloads it again.

    Raises EngineError when RUNG_OFFLINE is set, another process pulls the same model, the disk is
    too full, or no source brings the right bytes.
    """
    file = resolve(model)
    if file.installed and not force:
        return locate(model)
    by_hand = f"place the file at {file.path}"
    if not file.sources:
        raise EngineError(f"model {file.name} has no known source", hint=by_hand)
    if offline():
        hint = f"unset RUNG_OFFLINE, or {by_hand}"
        raise EngineError(f"pulling {file.name}: RUNG_OFFLINE forbids downloads", hint=hint)
    with locked(file):
        if force or not file.installed:
            bring(file, progress or (lambda done, total: None), transport)
    return locate(model)


def _expanded(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise ConfigError(f"model {name!r}: there is no user of that name") from None


def _from_entry(entry: Entry) -> ModelFile:
    return ModelFile(
        name=entry.name,
        path=models_home() / f"{entry.name}.gguf",
        title=entry.title,
        params=entry.params,
        quant=entry.quant,
        license=entry.license,
        size_bytes=entry.size_bytes,
        sha256=entry.sha256,
        sources=entry.sources,
    )


def _hub_file(name: str) -> ModelFile:
    parts = name.removeprefix("hf:").split("/")
    if len(parts) < 3 or not all(map(_NAME.fullmatch, parts)) or not name.endswith(".gguf"):
        raise ConfigError(
            f"{name!r} does not name a file on the hub", hint="write hf:org/repo/file.gguf"
        )
    source = HubSource(repo="/".join(parts[:2]), file="/".join(parts[2:]))
    path = models_home() / f"hf--{'--'.join(parts)}"
    return _described(ModelFile(name=name, path=path, sources=(source,)))


def _described(file: ModelFile) -> ModelFile:
    """Fill title, params, quant and license from the file's own header, if it has one."""
    try:
        header = read_header(file.path)
    except EngineError:
        return file
    return replace(
        file,
        title=str(header.get("general.name", "")),
        params=str(header.get("general.size_label", "")),
        quant=quant_name(header),
        license=str(header.get("general.license", "")),
    )


def _pinned(name: str) -> str:
    """Return the hash that a download of this model must have; empty outside of a bundle."""
    try:
        return str(json.loads((home() / PINS).read_text("utf-8")).get(name, ""))
    except (OSError, ValueError):
        return ""
