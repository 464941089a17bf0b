"""`RUNG_HOME/gateway.toml`: how the gateway captures, what it takes out, how much it lets in.

    [capture]
    mode = "durable"            # or "async" (a crash loses the last quarter second), "off"
    keep_days = 30              # 0 keeps calls for ever
    redact = ["mail", "phone", "card"]
    [capture.patterns]          # rules of one's own, by name
    order = 'ORD-\\d{6}'

    [answers]
    keep_days = 365             # of climbs, runs and `rung ask`, to be used again; 0: for ever

    [memory]
    keep_days = 365             # of what people stated; 0 keeps it until it is forgotten by hand

    [limits]
    body_mb = 10.0
    body_s = 30.0               # for a request's body to arrive
    request_s = 600.0           # for a whole answer, or for a stream to begin
    in_flight = 512             # requests at once; more are refused with 429
    connections = 128           # to one endpoint at once
    waiting = 256               # for a connection to one endpoint
    task_queue = 64             # inputs waiting for the one engine of this machine
    batch = 256                 # inputs in one request to a task

    [upstream]
    default = "gpt-mini"        # endpoint that gets models no endpoint is named for
    retries = 2
    retry_share = 0.2           # retries among all requests to an endpoint, beyond the first ten
    breaker_failures = 5        # in a row, before an endpoint is left alone
    breaker_s = 10.0
    hedge_after_ms = 0.0        # without a first byte by then, send it a second time; 0 is never
    hedge_share = 0.05          # such sendings among all requests to an endpoint, beyond ten

    [telemetry]
    otlp = ""                   # an OpenTelemetry collector, e.g. http://localhost:4318/v1/traces

Unknown keys are refused. Endpoints themselves are in `engines.toml`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from rung.core.config import home
from rung.core.errors import ConfigError, reason_of

Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
CaptureMode = Literal["durable", "async", "off"]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table that refuses keys it does not know."""


class Capture(_Table, frozen=True, kw_only=True):
    """What is kept of calls."""

    mode: CaptureMode = "durable"
    keep_days: Annotated[int, msgspec.Meta(ge=0, le=36_500)] = 30
    redact: tuple[str, ...] = ("mail", "phone", "card")
    patterns: dict[str, str] = {}


class Answers(_Table, frozen=True, kw_only=True):
    """What is kept of answers that are used again: of climbs, runs and `rung ask`."""

    keep_days: Annotated[int, msgspec.Meta(ge=0, le=36_500)] = 365


class Memory(_Table, frozen=True, kw_only=True):
    """What is kept of the people whom agents with memory know."""

    keep_days: Annotated[int, msgspec.Meta(ge=0, le=36_500)] = 365


class Limits(_Table, frozen=True, kw_only=True):
    """How much is let in; what is over is refused, never queued without bound."""

    body_mb: Positive = 10.0
    body_s: Positive = 30.0
    request_s: Positive = 600.0
    in_flight: Count = 512
    connections: Count = 128
    waiting: Count = 256
    task_queue: Count = 64
    batch: Count = 256


class UpstreamRules(_Table, frozen=True, kw_only=True):
    """How patient the gateway is with endpoints."""

    default: str = ""
    retries: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2
    retry_share: Share = 0.2
    breaker_failures: Count = 5
    breaker_s: Positive = 10.0
    hedge_after_ms: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """How long a request waits for the first byte of its answer before it is sent a second time."""
    hedge_share: Share = 0.05


class Telemetry(_Table, frozen=True, kw_only=True):
    """Where spans go."""

    otlp: str = ""
    """Address of a collector, e.g. `http://localhost:4318/v1/traces`; empty sends nothing."""


class Settings(_Table, frozen=True, kw_only=True):
    """Everything `gateway.toml` says."""

    capture: Capture = Capture()
    answers: Answers = Answers()
    memory: Memory = Memory()
    limits: Limits = Limits()
    upstream: UpstreamRules = UpstreamRules()
    telemetry: Telemetry = Telemetry()


def settings_path() -> Path:
    """Return where the user's settings live."""
    return home() / "gateway.toml"


def read_settings() -> Settings:
    """Read `gateway.toml`; the defaults where there is none. Raises ConfigError."""
    path = settings_path()
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Settings)
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"reading {path}: {reason_of(error)}", hint="see docs/serving.md"
        ) from None
