"""rung: move bounded, repetitive work off frontier models onto small specialists.

    import rung
    rung.init("tickets", "tickets.csv", input="text", target=["category"])
    result = rung.climb("tickets")
    print(result.verdict, result.promoted)
    print(next(rung.ask("tickets", ["my laptop will not boot"])).output)

The functions live in `rung.flow` and are loaded on first use, so importing rung costs nothing.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = ["Options", "__version__", "ask", "climb", "init", "load"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from rung import flow

        return getattr(flow, name)
    raise AttributeError(f"module 'rung' has no attribute {name!r}")
