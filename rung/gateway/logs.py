"""Log lines as JSON objects on stderr, one a line, with the id of the call where there is one.

A line never has a key or a client's address in it, of a call's texts only what a server's own error
message quotes.
"""

from __future__ import annotations

import json
import logging

from rung.core.clock import now_utc
from rung.store.calls import Call

LEVELS = ("error", "warning", "info")
_calls = logging.getLogger("rung.gateway.calls")


class JsonLines(logging.Formatter):
    """Formats a record; what was given as `extra={"fields": …}` is added."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        line = {
            "time": now_utc(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line | getattr(record, "fields", {}), ensure_ascii=False)


def log_to_stderr(level: str) -> None:
    """Send what `rung` logs to stderr, from a level on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("rung")
    logger.handlers = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


def log_call(call: Call) -> None:
    """Log a finished call at level info."""
    if _calls.isEnabledFor(logging.INFO):
        fields = {
            "call": call.id,
            "wire": call.wire,
            "model": call.model,
            "served_by": call.served_by,
            "status": call.status,
            "outcome": call.outcome,
            "latency_ms": round(call.latency_ms, 3),
            "overhead_ms": round(call.latency_ms - call.upstream_ms, 3),
        }
        _calls.info("call", extra={"fields": fields})
