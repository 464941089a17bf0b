"""Metrics, log lines and spans tell of calls, and never what was said."""

from __future__ import annotations

import json
import logging
import re

import pytest

from gateways import Upstream, gateway, write_endpoints
from rung.gateway.logs import JsonLines, log_call
from rung.gateway.telemetry import attributes
from rung.store.calls import Call

CALL = Call(
    id="call_1",
    created="2026-11-26T00:00:00Z",
    conversation="c",
    model="gpt-mini",
    served_by="http:gpt-mini",
    status=502,
    outcome="error",
    prompt_tokens=4,
    cached_tokens=8,
    output_tokens=3,
    latency_ms=12.0,
    upstream_ms=11.0,
    request="secret",
    response="secret",
)


def test_metrics_add_up(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    with gateway() as running:
        for _ in range(3):
            running.chat("a")
        running.chat("none-of-these")
        text = running.get(running.admin_url + "/metrics").body.decode()
    assert 'rung_requests_total{served_by="http:a",status="200",wire="chat"} 3.0' in text
    assert 'rung_refusals_total{code="model_not_found"} 1.0' in text
    assert 'rung_tokens_total{kind="cached",served_by="http:a"} 24.0' in text
    assert 'rung_overhead_seconds_count{wire="chat"} 3.0' in text
    buckets = [float(n) for n in re.findall(r"rung_latency_seconds_bucket{.*?} (\S+)", text)]
    assert buckets == sorted(buckets) and buckets[-1] == 3.0
    assert "none-of-these" not in text  # labels never come from clients


def test_a_log_line_is_json_with_the_calls_id(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="rung.gateway.calls"):
        log_call(CALL)
    line = json.loads(JsonLines().format(caplog.records[0]))
    assert (line["call"], line["status"], line["overhead_ms"]) == ("call_1", 502, 1.0)
    assert "secret" not in json.dumps(line)


def test_spans_follow_the_conventions() -> None:
    found = attributes(CALL)
    assert found["gen_ai.usage.input_tokens"] == 12
    assert found["error.type"] == "502" and "secret" not in found.values()
    export = pytest.importorskip(
        "opentelemetry.sdk.trace.export", reason="pip install 'rung[otel]'"
    )
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from rung.gateway.telemetry import exporter_to

    memory = InMemorySpanExporter()
    exporter_to(export.SimpleSpanProcessor(memory))(CALL)
    (span,) = memory.get_finished_spans()
    assert span.name == "chat gpt-mini" and span.attributes["rung.call.id"] == "call_1"
    assert (span.end_time - span.start_time) / 1e6 == pytest.approx(12.0)
