"""What was captured, read back: redaction before anything is written, calls told as traces.

It serves nothing and keeps nothing (`store/calls.py` does).
"""

from rung.traces.redact import Redactor
from rung.traces.trace import ToolEvent, Trace, traces_of

__all__ = ["Redactor", "ToolEvent", "Trace", "traces_of"]
