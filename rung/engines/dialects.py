"""What each kind of OpenAI-style server understands beyond the common wire format.

One row per kind. A row is a claim about the server's documented interface, corrected per endpoint
in `engines.toml` where a deployment differs. `detect` reads a kind off what a server says about
itself; the requests for that are made in `http.py`.

Sources: vLLM "Structured Outputs" (fields `structured_outputs.*`, which replaced `guided_*` before
version 0.12), SGLang "Structured Outputs", llama.cpp tools/server/README.md, OpenAI API reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from rung.engines.base import Capabilities

PrefixStyle = Literal["none", "assistant", "continue", "prefix", "partial"]
ChoiceStyle = Literal["enum_schema", "structured", "guided", "grammar", "regex"]

PREFIX_STYLES: tuple[PrefixStyle, ...] = ("none", "assistant", "continue", "prefix", "partial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one kind of server takes the fields of a `Request`."""

    server: str
    capabilities: Capabilities
    prefix: PrefixStyle = "none"
    """How a forced start is sent: a trailing assistant message, alone (`assistant`), with
    `continue_final_message` (`continue`), or marked `prefix: true` or `partial: true`."""
    choices: ChoiceStyle = "enum_schema"
    max_tokens_field: str = "max_tokens"
    template_switch: bool = False
    """Takes `chat_template_kwargs`, where the native thinking switch lives."""


_LOCAL = Capabilities(
    prefix=True, choices=True, choice_logprobs=True, regex=True, schema=True, logprobs=True
)

DIALECTS: Mapping[str, Dialect] = {
    "openai": Dialect(server="openai", capabilities=Capabilities(choices=True, schema=True)),
    "vllm": Dialect(
        server="vllm",
        capabilities=replace(_LOCAL, adapters=True),
        prefix="continue",
        choices="structured",
        template_switch=True,
    ),
    "vllm-guided": Dialect(
        server="vllm-guided",
        capabilities=replace(_LOCAL, adapters=True),
        prefix="continue",
        choices="guided",
        template_switch=True,
    ),
    "sglang": Dialect(
        server="sglang",
        capabilities=_LOCAL,
        prefix="continue",
        choices="regex",
        template_switch=True,
    ),
    "llama-server": Dialect(
        server="llama-server",
        capabilities=replace(_LOCAL, regex=False),
        prefix="assistant",
        choices="grammar",
        template_switch=True,
    ),
}
"""By the name people write as `server = "…"`; `openai` is the careful default."""


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
