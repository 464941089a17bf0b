"""Where a hosted or served model is: names people type, and `RUNG_HOME/engines.toml`.

    http:gpt-mini                       the table [engines.gpt-mini] of engines.toml
    http:MODEL@http://host:8000/v1      a server without a key, or a provider of `hosted.HOSTS`

An endpoint never holds a key, only the name of the environment variable that does. This file
sends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from rung.core.config import home
from rung.core.errors import ConfigError
from rung.core.spelling import did_you_mean
from rung.engines import tables
from rung.engines.dialects import DIALECTS, PREFIX_STYLES
from rung.engines.hosted import host_of

SERVERS = ("auto", *DIALECTS)

MAX_IN_FLIGHT = 64
"""As many as an engine holds connections (`loop_thread.py`)."""

_KEYS = {
    "base_url": tables.text,
    "model": tables.text,
    "api_key_env": tables.text,
    "server": tables.text,
    "price": tables.text,
    "timeout_s": tables.number,
    "max_retries": tables.whole,
    "in_flight": tables.whole,
    "max_tokens_field": tables.text,
    "prefix": tables.text,
    "thinking": tables.flag,
    "schema": tables.flag,
    "logprobs": tables.flag,
    "context_tokens": tables.whole,
    "omit": tables.texts,
    "extra": tables.table,
}
_AD_HOC = re.compile(r"(?P<model>.+?)@(?P<url>https?://.*)", re.DOTALL)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One model at one server. Raises ConfigError when a setting cannot be right."""

    model: str
    """The name the server knows."""
    base_url: str
    """Up to and with `/v1`; http or https, no key in it."""
    name: str = ""
    """The name people type; `http:MODEL@URL` when empty."""
    api_key_env: str = ""
    """Environment variable that holds the key; empty for a server without one."""
    server: str = "auto"
    """A kind of `dialects.DIALECTS`, or `auto` to go by the address or ask the server."""
    price: str = ""
    """Row of the price table (`prices.py`); empty when no price is known."""
    timeout_s: float = 120.0
    """Longest wait for one attempt."""
    max_retries: int = 4
    in_flight: int = 1
    """Answers of one run that it is asked for at once; latencies are then those under that load."""
    max_tokens_field: str = ""
    """Overrides the dialect: `max_tokens` or `max_completion_tokens`."""
    prefix: str = ""
    """Overrides the dialect: one of `dialects.PREFIX_STYLES`."""
    thinking: bool | None = None
    """Overrides the dialect: the chat template has a native thinking switch."""
    schema: bool | None = None
    """Overrides the dialect: the server enforces a JSON Schema."""
    logprobs: bool | None = None
    """Overrides the dialect: the server reports log-probabilities."""
    context_tokens: int = 0
    omit: tuple[str, ...] = ()
    """Body fields this server refuses, e.g. `temperature`; they are never sent."""
    extra: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Body fields always sent, e.g. `reasoning_effort`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", check_base_url(self.base_url, self.label))
        if self.server not in SERVERS:
            hint = did_you_mean(self.server, SERVERS)
            raise ConfigError(f"{self.label}: unknown server {self.server!r}", hint=hint)
        if self.prefix and self.prefix not in PREFIX_STYLES:
            hint = did_you_mean(self.prefix, PREFIX_STYLES)
            raise ConfigError(f"{self.label}: unknown prefix {self.prefix!r}", hint=hint)
        if self.api_key_env and not _VARIABLE.fullmatch(self.api_key_env):
            raise ConfigError(
                f"{self.label}: api_key_env is not the name of an environment variable",
                hint='put the key in a variable and write its name, e.g. api_key_env = "MY_KEY"',
            )
        if not 0 < self.timeout_s <= 3600 or self.max_retries > 20:
            raise ConfigError(
                f"{self.label}: timeout_s = {self.timeout_s}, max_retries = {self.max_retries}",
                hint="timeout_s is above 0 and up to 3600, max_retries up to 20",
            )
        if not 1 <= self.in_flight <= MAX_IN_FLIGHT:
            raise ConfigError(
                f"{self.label}: in_flight = {self.in_flight}",
                hint=f"write a number from 1 to {MAX_IN_FLIGHT}",
            )

    @property
    def label(self) -> str:
        """The name people type, for messages."""
        return self.name or f"http:{self.model}"


def check_base_url(url: str, label: str) -> str:
    """Return the URL without a trailing slash. Raises ConfigError, never repeating credentials."""
    try:
        parts = urlsplit(url)
        port_ok = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ConfigError(f"{label}: base_url cannot be read: {error}") from None
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ConfigError(
            f"{label}: base_url of {parts.hostname!r} has credentials in it",
            hint="remove them and name a variable with api_key_env",
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_ok:
        raise ConfigError(
            f"{label}: base_url {url!r} is not an http or https address",
            hint="write e.g. https://api.openai.com/v1",
        )
    if parts.query or parts.fragment or re.search(r"\s", url):
        raise ConfigError(
            f"{label}: base_url of {parts.hostname!r} has a query, a fragment or a space",
            hint="end it with the path, e.g. /v1",
        )
    return url.rstrip("/")


def endpoint_of(name: str) -> Endpoint:
    """Return the endpoint a name such as `http:gpt-mini` stands for. Raises ConfigError."""
    short = name.removeprefix("http:")
    if match := _AD_HOC.fullmatch(short):
        return _ad_hoc(match["model"], match["url"])
    known = endpoints()
    if short not in known:
        raise ConfigError(
            f"no endpoint is called {name!r} ({did_you_mean(short, known)})",
            hint=f"add [engines.{short}] to {endpoints_path()}, or write http:MODEL@URL",
        )
    return known[short]


def endpoints() -> dict[str, Endpoint]:
    """Return the endpoints of engines.toml by short name. Raises ConfigError."""
    path = endpoints_path()
    rows = tables.read_tables(path, root="engines", keys=_KEYS)
    found = {}
    for name, row in rows.items():
        if missing := sorted({"base_url", "model"} - row.keys()):
            raise ConfigError(f"{path} [engines.{name}] lacks {', '.join(missing)}")
        found[name] = Endpoint(name=f"http:{name}", **row)
    return found


def endpoints_path() -> Path:
    """Return where the user's endpoints live."""
    return home() / "engines.toml"


def _ad_hoc(model: str, url: str) -> Endpoint:
    endpoint = Endpoint(model=model, base_url=url, name=f"http:{model}@{_without_login(url)}")
    # a key goes only to the host it belongs to, never to whatever address was typed
    host = host_of(endpoint.base_url)
    if host is None:
        return endpoint
    limit = "max_completion_tokens" if host.server == "openai" else ""
    return replace(
        endpoint, api_key_env=host.api_key_env, server=host.server, max_tokens_field=limit
    )


def _without_login(url: str) -> str:
    return re.sub(r"//[^/]*@", "//", url)
