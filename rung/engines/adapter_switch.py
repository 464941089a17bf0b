"""Which adapter a model in this process evaluates with: loaded on first use, evicted by use.

A model evaluates with one adapter at a time, so every batch is of one adapter; switching leaves the
cache alone (decision 0006). Who shares what in the cache is decided in `branches.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from pathlib import Path
from typing import Any

from rung.core.errors import EngineError
from rung.engines.adapters import Adapter, adapter_for
from rung.engines.llama_api import LlamaModel
from rung.store.artifacts import Artifacts

MAX_LOADED = 8


class AdapterSwitch(ABC):
    """Switches one model between adapters by name; the empty name is the model without any.

    Not thread-safe: the engine that owns it holds a lock.
    """

    def __init__(self, base: Path, *, max_loaded: int = MAX_LOADED) -> None:
        self._base = base
        self._max_loaded = max_loaded
        self._loaded: OrderedDict[str, Any] = OrderedDict()
        self._current = ""

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the adapters in memory, the least recently used first."""
        return tuple(self._loaded)

    def use(self, name: str) -> None:
        """Evaluate with this adapter from now on. Raises EngineError or StoreError."""
        if name == self._current:
            return
        handle = self._handle(name) if name else None
        self._set(handle)
        self._current = name

    def _handle(self, name: str) -> Any:
        if name not in self._loaded:
            artifacts = Artifacts()
            handle = self._load(name, adapter_for(name, self._base, artifacts), artifacts)
            self._make_room()
            self._loaded[name] = handle
        self._loaded.move_to_end(name)
        return self._loaded[name]

    def _make_room(self) -> None:
        while len(self._loaded) >= self._max_loaded:
            name, handle = self._loaded.popitem(last=False)
            if name == self._current:
                self._set(None)
                self._current = ""
            self._free(handle)

    @abstractmethod
    def _load(self, name: str, adapter: Adapter, artifacts: Artifacts) -> Any:
        """Load an adapter and return what `_set` takes; raises EngineError if it does not fit."""

    @abstractmethod
    def _set(self, handle: Any) -> None:
        """Evaluate with a loaded adapter, or with none."""

    @abstractmethod
    def _free(self, handle: Any) -> None:
        """Free an adapter that is not in use."""


class LlamaSwitch(AdapterSwitch):
    """The adapters of one llama.cpp model."""

    def __init__(self, api: LlamaModel, base: Path, *, max_loaded: int = MAX_LOADED) -> None:
        super().__init__(base, max_loaded=max_loaded)
        self._api = api

    def _load(self, name: str, adapter: Adapter, artifacts: Artifacts) -> int:
        if not adapter.gguf:
            raise EngineError(
                f"adapter {name[:12]} was not exported for llama.cpp",
                hint=f"rung parity {name[:12]} says why",
            )
        return self._api.load_adapter(artifacts.file(adapter.gguf))

    def _set(self, handle: int | None) -> None:
        self._api.use_adapter(handle or 0)

    def _free(self, handle: int) -> None:
        self._api.free_adapter(handle)
