"""Read off what a server says about itself which kind it is, and what its deployment can do.

The requests for that are made in `http.py`; hosted providers are known by their address
(`hosted.py`) and never asked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rung.engines.dialects import DIALECTS, Dialect


def detect(models: Any, *, version: Any = None, props: Any = None) -> Dialect:
    """Return the dialect of a server from its /v1/models, /version and /props answers.

    Anything unexpected, None included, means the careful default.
    """
    card = _first_card(models)
    owner = card.get("owned_by")
    if owner == "vllm":
        kind = "vllm-guided" if _older_than(version, (0, 12)) else "vllm"
        return _with_context(DIALECTS[kind], card.get("max_model_len"))
    if owner == "sglang":
        return _with_context(DIALECTS["sglang"], card.get("max_model_len"))
    if owner == "llamacpp":
        return _llama_server(props if isinstance(props, dict) else {})
    return DIALECTS["openai"]


def _llama_server(props: dict[str, Any]) -> Dialect:
    settings = props.get("default_generation_settings")
    context = settings.get("n_ctx") if isinstance(settings, dict) else None
    dialect = _with_context(DIALECTS["llama-server"], context)
    thinking = "enable_thinking" in str(props.get("chat_template", ""))
    return replace(dialect, capabilities=replace(dialect.capabilities, thinking=thinking))


def _first_card(models: Any) -> dict[str, Any]:
    cards = models.get("data") if isinstance(models, dict) else None
    return cards[0] if isinstance(cards, list) and cards and isinstance(cards[0], dict) else {}


def _older_than(version: Any, limit: tuple[int, int]) -> bool:
    """Return whether `{"version": "0.11.2"}` is below `limit`; an unreadable one is not."""
    text = str(version.get("version", "")) if isinstance(version, dict) else ""
    major, _, rest = text.partition(".")
    minor = rest.partition(".")[0]
    return major.isdigit() and minor.isdigit() and (int(major), int(minor)) < limit


def _with_context(dialect: Dialect, context: Any) -> Dialect:
    if not isinstance(context, int) or context <= 0:
        return dialect
    return replace(dialect, capabilities=replace(dialect.capabilities, context_tokens=context))
