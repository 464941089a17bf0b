"""An engine whose every request goes through one adapter, so callers need not know of adapters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rung.core.errors import EngineError
from rung.engines.base import Completion, Engine, Request


class BoundEngine:
    """Puts an adapter into every request; satisfies what its engine does. It owns nothing."""

    def __init__(self, engine: Engine, adapter: str) -> None:
        if not engine.capabilities.adapters:
            raise EngineError(
                f"{engine.model} cannot load adapters",
                hint="pip install 'rung[train]' for transformers models; see `rung doctor`",
                refused="adapters",
            )
        self._engine: Any = engine
        self._adapter = adapter
        self.model = f"{engine.model}+{adapter}"

    def complete(self, request: Request) -> Completion:
        """Answer one request with the adapter."""
        completion: Completion = self._engine.complete(replace(request, adapter=self._adapter))
        return completion

    def open(self, request: Request) -> Any:
        """Start a branch with the adapter; see `TokenModel.open`."""
        return self._engine.open(replace(request, adapter=self._adapter))

    def close(self) -> None:
        """Nothing: the engine goes on for others."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)
