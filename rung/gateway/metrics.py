"""What Prometheus can read: requests, waiting times, overhead, tokens, cost, capture.

Labels are bounded: models that are configured, never what a client typed; no tenant, no key. The
counts are plain numbers that become metrics when they are read, because a metric object costs a
lock and a lookup at every request.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from rung.store.calls import Call

_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_OVERHEAD_S = (0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
CONTENT_TYPE = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


class _Durations:
    """A histogram of seconds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self.sum_s += seconds

    def cumulated(self) -> list[tuple[str, float]]:
        """Return (upper bound, how many were at most that)."""
        total, rows = 0, []
        for bound, count in zip([*map(str, self._bounds), "+Inf"], self._counts, strict=True):
            total += count
            rows.append((bound, float(total)))
        return rows


class Metrics:
    """Counts; `text` is what Prometheus reads."""

    def __init__(self, *, in_flight: Callable[[], float], pending: Callable[[], float]) -> None:
        self._gauges = {
            "rung_in_flight": ("Requests under way.", in_flight),
            "rung_capture_pending": ("Calls that wait to be written.", pending),
        }
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._tokens: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[tuple[str]] = Counter()
        self._hedges: Counter[tuple[str, str]] = Counter()
        self._answers: Counter[tuple[str, str, str, str]] = Counter()
        self._cost: dict[tuple[str], float] = {}
        self._latency: dict[str, _Durations] = {}
        self._overhead: dict[str, _Durations] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def answered(
        self, wire: str, served_by: str, status: int, total_ms: float, wait_ms: float
    ) -> None:
        """Count a request that was passed on or answered by a route."""
        self._requests[wire, served_by, str(status)] += 1
        if wire not in self._latency:
            self._latency[wire] = _Durations(_LATENCY_S)
            self._overhead[wire] = _Durations(_OVERHEAD_S)
        self._latency[wire].add(total_ms / 1000)
        self._overhead[wire].add(max(0.0, total_ms - wait_ms) / 1000)

    def refused(self, code: str) -> None:
        """Count a request that was refused."""
        self._refused[(code,)] += 1

    def hedged(self, endpoint: str, result: str) -> None:
        """Count a request that was sent a second time because an endpoint was slow."""
        self._hedges[endpoint, result] += 1

    def kept(self, call: Call) -> None:
        """Count the tokens and the cost of a call; called from the writer's thread only."""
        by = call.served_by
        self._tokens[by, "prompt"] += call.prompt_tokens
        self._tokens[by, "cached"] += call.cached_tokens
        self._tokens[by, "forced"] += call.forced_tokens
        self._tokens[by, "output"] += call.output_tokens
        self._cost[(by,)] = self._cost.get((by,), 0.0) + (call.cost_usd or 0.0)
        if call.task:
            self._answers[call.task, call.mode, call.arm, call.outcome] += 1

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; Prometheus' registry calls this."""
        counters = (
            ("rung_requests", "Requests.", ("wire", "served_by", "status"), self._requests),
            ("rung_tokens", "Tokens.", ("served_by", "kind"), self._tokens),
            ("rung_cost_usd", "Cost of calls.", ("served_by",), self._cost),
            ("rung_refusals", "Requests that were not answered.", ("code",), self._refused),
            ("rung_hedges", "Requests sent a second time.", ("endpoint", "result"), self._hedges),
            ("rung_task_answers", "Answers of tasks.", ("task", "mode", "arm", "outcome"),
             self._answers),
        )  # fmt: skip
        for name, about, labels, counts in counters:
            family = CounterMetricFamily(name, about, labels=labels)
            for at, value in list(counts.items()):
                family.add_metric(at, value)
            yield family
        for name, (about, read) in self._gauges.items():
            yield GaugeMetricFamily(name, about, value=read())
        histograms = (
            ("rung_latency_seconds", "From a request to the end of its answer.", self._latency),
            ("rung_overhead_seconds", "Latency minus waiting for endpoint or route.",
             self._overhead),
        )  # fmt: skip
        for name, about, found in histograms:
            histogram = HistogramMetricFamily(name, about, labels=("wire",))
            for wire, durations in found.items():
                histogram.add_metric((wire,), durations.cumulated(), durations.sum_s)
            yield histogram
