"""What an HTTP status or a broken connection means to the user, and what to type next.

Keys never reach a message: text a server sends is stripped of the key before it is quoted, and
nothing a server says about a refused key is quoted at all. Whether to ask again is `retry.py`'s.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Sequence
from typing import Any

import aiohttp

from rung.core.errors import EngineError
from rung.core.spelling import did_you_mean
from rung.engines.endpoints import Endpoint, endpoints_path
from rung.engines.refusals import Refusal
from rung.engines.retry import is_transient
from rung.engines.support import ABILITIES

_QUOTED_CHARS = 300
_OF_THE_REQUEST = (400, 422)
"""Statuses of a server that reads a request and will not have what it says."""
_TOO_LONG = re.compile("context length|prompt is too long", re.IGNORECASE)


def status_error(
    endpoint: Endpoint, status: int, body: bytes, *, key: str, models: Sequence[str] = ()
) -> EngineError:
    """Return the error of an answer that is not 200; `models` are the server's, if known."""
    asked = f"asking {endpoint.label} at {endpoint.base_url}"
    words = said(body, key)
    code = _code(body)
    if status in (401, 403):
        return _key_error(endpoint, asked, status)
    if status == 404 or code == "model_not_found":
        return _not_found(endpoint, asked, models)
    if 300 <= status < 400:
        return EngineError(f"{asked}: it redirects ({status})", hint="set base_url to its target")
    if code == "insufficient_quota":
        return EngineError(f"{asked}: the account has no quota left ({status}): {words}")
    if is_transient(status):
        return EngineError(f"{asked}: it answered {status}: {words}", retryable=True)
    if status == 413 or code == "context_length_exceeded" or _TOO_LONG.search(words):
        return EngineError(f"{asked}: the input is too long: {words}", of_input=True)
    return EngineError(
        f"{asked}: it refused the request ({status}): {words}",
        hint=f"if it names a field it does not take, list that under omit in {endpoints_path()}",
        rejected=status in _OF_THE_REQUEST,
    )


def status_told(status: int, body: bytes) -> int:
    """Return the status of an answer, which may stand in its body alone.

    A router that has begun to answer with 200 tells what went wrong after that as an `error` with a
    `code`, of the answer or of its first choice, which is then cut (OpenRouter, "Errors and
    debugging").
    """
    if status != 200 or b'"error"' not in body:
        return status
    data = _json(body)
    error, choice = _named(data), _first_choice(data)
    code = error.get("code") if isinstance(error, dict) else None
    if type(code) is int and 400 <= code <= 599:
        return code
    is_cut = bool(choice.get("error")) or choice.get("finish_reason") == "error"
    return 502 if is_cut else status


def refused_capability(
    endpoint: Endpoint, status: int, words: str, refusal: Refusal
) -> EngineError:
    """Return the error of a capability that the server refuses, marked with its name."""
    name = refusal.capability
    hint = f"leave {name} out of this request, or choose a rung without it"
    if refusal.lasting:
        hint = f"run it again: from now on {endpoint.label} is asked without {name}"
    return EngineError(
        f"asking {endpoint.label} at {endpoint.base_url}: it refused to {ABILITIES[name]}"
        f" ({name}, {status}): {words}",
        hint=hint,
        refused=name,
    )


def connection_error(endpoint: Endpoint, error: Exception, timeout_s: float) -> EngineError:
    """Return the error of a connection that failed, broke off or timed out."""
    asked = f"asking {endpoint.label} at {endpoint.base_url}"
    if isinstance(error, TimeoutError):
        return EngineError(
            f"{asked}: no answer within {timeout_s:g} s",
            hint="raise timeout_s or lower max_tokens",
            retryable=True,
        )
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError):
        return EngineError(f"{asked}: its certificate is not trusted", hint="check base_url")
    if isinstance(error, aiohttp.ClientConnectorError):
        return EngineError(
            f"{asked}: it cannot be reached: {error.os_error}",
            hint="start the server, or check base_url",
            retryable=True,
        )
    return EngineError(f"{asked}: the connection broke: {type(error).__name__}", retryable=True)


def missing_key(endpoint: Endpoint) -> EngineError:
    """Return the error of a key variable that is not set."""
    return EngineError(
        f"{endpoint.label} needs a key, and {endpoint.api_key_env} is not set",
        hint=f"export {endpoint.api_key_env}=…",
    )


def unusable_key(endpoint: Endpoint) -> EngineError:
    """Return the error of a key that no HTTP header can carry."""
    return EngineError(
        f"the value of {endpoint.api_key_env} is not a key: it has spaces or odd characters",
        hint=f"export {endpoint.api_key_env}=… with the key alone",
    )


def said(body: bytes, key: str) -> str:
    """Return the server's own words, short, printable and without the key."""
    error = _error(body)
    message = error.get("message") if isinstance(error, dict) else error
    text = message if isinstance(message, str) else body.decode("utf-8", "replace")
    text = without_key(text, key)
    text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(text.split())[:_QUOTED_CHARS] or "no reason given"


def without_key(text: str, key: str) -> str:
    """Return the text with every copy of the key replaced."""
    return text.replace(key, "***") if key else text


def _key_error(endpoint: Endpoint, asked: str, status: int) -> EngineError:
    if not endpoint.api_key_env:
        hint = f"put the key in a variable and name it with api_key_env in {endpoints_path()}"
        return EngineError(f"{asked}: it wants a key ({status})", hint=hint)
    return EngineError(
        f"{asked}: it refused the key in {endpoint.api_key_env} ({status})",
        hint=f"export {endpoint.api_key_env}=… with a key that may use {endpoint.model!r}",
    )


def _not_found(endpoint: Endpoint, asked: str, models: Sequence[str]) -> EngineError:
    if not models:
        return EngineError(
            f"{asked}: nothing found there for model {endpoint.model!r} (404)",
            hint="check model, and base_url, which usually ends in /v1",
        )
    return EngineError(
        f"{asked}: it has no model {endpoint.model!r} ({did_you_mean(endpoint.model, models)})",
        hint=f"its models: {', '.join(sorted(models)[:10])}",
    )


def _code(body: bytes) -> str:
    error = _error(body)
    return str(error.get("code") or error.get("type") or "") if isinstance(error, dict) else ""


def _error(body: bytes) -> Any:
    data = _json(body)
    return _named(data) or data


def _named(data: Any) -> Any:
    """Return the error that a JSON answer names, its own or that of its first choice, or None."""
    own = data.get("error") if isinstance(data, dict) else None
    return own or _first_choice(data).get("error")


def _first_choice(data: Any) -> dict[str, Any]:
    choices = data.get("choices") if isinstance(data, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
