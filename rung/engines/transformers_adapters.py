"""The adapters of a transformers model, loaded by PEFT as their trainer saved them."""

from __future__ import annotations

import dataclasses
import json
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import safetensors.torch

from rung.core.errors import EngineError
from rung.engines.adapter_switch import AdapterSwitch
from rung.engines.adapters import Adapter
from rung.store.artifacts import Artifacts

_HINT = "pip install 'rung[train]'"


def can_load() -> bool:
    """Return whether PEFT is here."""
    return find_spec("peft") is not None


class TransformersSwitch(AdapterSwitch):
    """The adapters of one transformers model."""

    def __init__(self, model: Any, base: Path) -> None:
        super().__init__(base)
        self._model = model

    def _load(self, name: str, adapter: Adapter, artifacts: Artifacts) -> str:
        if not can_load():
            raise EngineError("adapters need peft, which is not installed", hint=_HINT)
        from peft import LoraConfig
        from peft.functional import inject_adapter_in_model, set_peft_model_state_dict

        weights = safetensors.torch.load(artifacts.get(adapter.weights))
        try:
            said = json.loads(artifacts.get(adapter.config))
            known = {field.name for field in dataclasses.fields(LoraConfig)}
            config = LoraConfig(**{key: said[key] for key in said.keys() & known})
            config.inference_mode = True
            with warnings.catch_warnings():  # several adapters on one model are meant
                warnings.simplefilter("ignore", UserWarning)
                inject_adapter_in_model(config, self._model, name)
            found: Any = set_peft_model_state_dict(self._model, weights, name)
        except (ValueError, TypeError, KeyError, RuntimeError) as error:
            self._take_out(name)
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise EngineError(f"PEFT cannot load adapter {name[:12]}: {reason}") from None
        if found.unexpected_keys:
            self._take_out(name)
            raise EngineError(
                f"adapter {name[:12]} does not fit this model: it has {found.unexpected_keys[0]}"
            )
        self._model.eval()
        return name

    def _take_out(self, name: str) -> None:
        """Forget an adapter that could not be loaded: PEFT has put it in use by then."""
        self._free(name)
        self._set(self._current or None)

    def _set(self, handle: str | None) -> None:
        from peft.functional import set_adapter

        for layer in self._layers():
            layer.enable_adapters(handle is not None)
        if handle is not None:
            set_adapter(self._model, handle, inference_mode=True)

    def _free(self, handle: str) -> None:
        from peft.functional import delete_adapter

        with warnings.catch_warnings():  # that it was in use
            warnings.simplefilter("ignore", UserWarning)
            delete_adapter(self._model, handle, prefix="lora_")
        getattr(self._model, "peft_config", {}).pop(handle, None)

    def _layers(self) -> list[Any]:
        from peft.tuners.tuners_utils import BaseTunerLayer

        return [layer for layer in self._model.modules() if isinstance(layer, BaseTunerLayer)]
