"""Calls as OpenTelemetry spans, by the GenAI semantic conventions: the only place that knows them.

Off unless `[telemetry] otlp` in `gateway.toml` names a collector; needs the extra `otel`.
Spans have no text of a call in them. Conventions: opentelemetry.io, "Semantic conventions for
generative client spans" (development status, so names may change).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rung.core.clock import unix_ms
from rung.core.errors import ConfigError
from rung.store.calls import Call

_OPERATIONS = {
    "chat": "chat",
    "messages": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "task": "chat",
    "systemone": "chat",
}
_MS = 1_000_000


def attributes(call: Call) -> dict[str, str | int | float | bool]:
    """Return a call's attributes; `rung.*` are ours."""
    found: dict[str, str | int | float | bool] = {
        "gen_ai.operation.name": _OPERATIONS[call.wire],
        "gen_ai.provider.name": "anthropic" if call.wire == "messages" else "openai",
        "gen_ai.request.model": call.model,
        "gen_ai.response.model": call.served_by,
        "gen_ai.conversation.id": call.conversation,
        "gen_ai.usage.input_tokens": call.prompt_tokens + call.cached_tokens + call.forced_tokens,
        "gen_ai.usage.output_tokens": call.output_tokens,
        "rung.call.id": call.id,
        "rung.outcome": call.outcome,
        "rung.overhead_ms": max(0.0, call.latency_ms - call.upstream_ms),
        "http.response.status_code": call.status,
    }
    if call.task:
        found |= {"rung.task": call.task, "rung.mode": call.mode, "rung.arm": call.arm}
    if call.status >= 400:
        found["error.type"] = str(call.status)
    return found


def open_exporter(url: str) -> Callable[[Call], None]:
    """Return a function that sends a call to a collector, in batches, in a thread of its own.

    Raises ConfigError when the packages are not there.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise ConfigError(
            f"telemetry to {url} needs OpenTelemetry, which is not installed",
            hint="pip install 'rung[otel]'",
        ) from None
    return exporter_to(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))


def exporter_to(processor: Any) -> Callable[[Call], None]:
    """Return a function that turns a call into a span for a span processor of the SDK."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import SpanKind

    provider = TracerProvider(resource=Resource.create({"service.name": "rung"}))
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("rung.gateway")

    def send(call: Call) -> None:
        end = unix_ms() * _MS
        span = tracer.start_span(
            f"{_OPERATIONS[call.wire]} {call.model}",
            kind=SpanKind.CLIENT,
            attributes=attributes(call),
            start_time=end - int(call.latency_ms * _MS),
        )
        span.end(end)

    return send
