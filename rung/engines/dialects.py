"""What each kind of server understands beyond the common fields of a request.

One row per kind. A row is a claim about the server's documented interface. Rows for single hosted
models are in `hosted.py`; `engines.toml` corrects both where a deployment differs, and what a
server refuses corrects them again (`refusals.py`). Which kind a server is, is not found out here.

Sources: vLLM "Structured Outputs" (fields `structured_outputs.*`, which replaced `guided_*` before
version 0.12), SGLang "Structured Outputs", llama.cpp tools/server/README.md, OpenAI API reference,
Claude "Messages API" and "Thinking", Mistral "Chat completion" and "Custom structured outputs",
DeepSeek "Chat Prefix Completion" and "Thinking Mode", Alibaba Model Studio "Partial mode" and "Deep
thinking", OpenRouter "API reference" and "Structured outputs".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from rung.engines.base import Capabilities, Request

Wire = Literal["openai", "anthropic"]
PrefixStyle = Literal["none", "assistant", "continue", "prefix", "partial"]
ChoiceStyle = Literal["enum_schema", "structured", "guided", "grammar", "regex"]
SchemaStyle = Literal["response_format", "output_config", "tool"]

PREFIX_STYLES: tuple[PrefixStyle, ...] = ("none", "assistant", "continue", "prefix", "partial")
THINKING_TOKENS = 4096
"""What a hosted model may think: providers count it into the limit of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The body fields that turn native thinking on and off; empty where that is the default."""

    on: Mapping[str, Any]
    off: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one kind of server, or one hosted model, takes the fields of a `Request`."""

    server: str
    capabilities: Capabilities
    wire: Wire = "openai"
    prefix: PrefixStyle = "none"
    """How a forced start is sent: a trailing assistant message, alone (`assistant`), with
    `continue_final_message` (`continue`), or marked `prefix: true` or `partial: true`."""
    prefix_needs_quiet: bool = False
    """A forced start is taken only with thinking switched off."""
    echoes_prefix: bool = False
    """The answer begins with the forced start (llama.cpp from 2026 on; never before it)."""
    choices: ChoiceStyle = "enum_schema"
    choice_tokens: int = 0
    """How many tokens a choice is asked with at first; 0 where it is asked in full at once."""
    schemas: tuple[SchemaStyle, ...] = ("response_format",)
    """Ways to enforce a JSON Schema, the preferred one first."""
    schema_fields: Mapping[str, Any] | None = None
    """Body fields sent along with any schema."""
    tools: bool = True
    """Takes tools and gives calls of them back; a server that was started without a parser for its
    model's calls refuses, or writes them as text."""
    max_top: int = 20
    """How many alternatives of a token to ask for where choices are scored."""
    max_tokens_field: str = "max_tokens"
    seed_field: str = "seed"
    """Empty where there is none: such a server draws as it likes."""
    samples: bool = True
    """Takes a temperature; a model that does not draws as it likes, and none is sent."""
    stops: bool = True
    """Takes stop strings; where it does not, the answer is only cut when it is here."""
    switch: Switch | None = None
    thinks: bool = False
    """Thinks unless it is switched off."""
    thinking_tokens: int = 0
    """Room added to the token limit where the model may think."""


def may_think(request: Request, dialect: Dialect) -> bool:
    """Return whether the model may think before it answers this request."""
    if request.thinking != "default":
        return request.thinking == "on"
    return dialect.thinks and not is_quiet(request, dialect)


def is_quiet(request: Request, dialect: Dialect) -> bool:
    """Return whether thinking must be switched off for this request."""
    needed = dialect.prefix_needs_quiet and bool(request.prefix) and bool(request.messages)
    return request.thinking == "off" or (needed and request.thinking == "default")


def thinking_fields(request: Request, dialect: Dialect) -> Mapping[str, Any]:
    """Return the body fields that set the thinking switch for this request."""
    if dialect.switch is None:
        return {}
    if request.thinking == "on":
        return dialect.switch.on
    return dialect.switch.off if is_quiet(request, dialect) else {}


def consistent(dialect: Dialect) -> Dialect:
    """Return the dialect with `capabilities` that follow from its styles.

    A hosted model takes a forced start only for free text, and a forced tool call not with
    thinking, which would come before it.
    """
    can = dialect.capabilities
    conflicts = []
    if dialect.prefix != "none" and dialect.choices == "enum_schema":
        conflicts += [("prefix", "choices"), ("prefix", "schema")]
    if dialect.echoes_prefix:
        conflicts.append(("prefix", "schema"))  # it holds the schema against the start as well
    if dialect.prefix != "none" and dialect.prefix_needs_quiet:
        conflicts.append(("prefix", "thinking"))
    if dialect.schemas == ("tool",):
        conflicts += [("thinking", "choices"), ("thinking", "schema")]
    enforces = can.schema and bool(dialect.schemas)
    choices = enforces if dialect.choices == "enum_schema" else can.choices
    return replace(
        dialect,
        capabilities=replace(
            can,
            prefix=dialect.prefix != "none",
            schema=enforces,
            choices=choices,
            choice_logprobs=can.choice_logprobs and can.logprobs and choices,
            thinking=can.thinking and dialect.switch is not None,
            tool_calls=dialect.tools,
            conflicts=tuple(conflicts),
        ),
    )


TEMPLATE = Switch(
    on={"chat_template_kwargs": {"enable_thinking": True}},
    off={"chat_template_kwargs": {"enable_thinking": False}},
)
_LOCAL = Capabilities(
    prefix=True,
    choices=True,
    choice_logprobs=True,
    regex=True,
    schema=True,
    logprobs=True,
    round_trips=True,
)
_CHOICE_TOKENS = 4
_HOSTED = Capabilities(choices=True, schema=True)

_ROWS = (
    Dialect(server="openai", capabilities=_HOSTED),
    # an unknown Claude is taken for the newest: it always thinks and takes the fewest fields
    Dialect(
        server="anthropic",
        wire="anthropic",
        capabilities=_HOSTED,
        prefix_needs_quiet=True,
        schemas=("output_config",),
        tools=False,
        samples=False,
        thinks=True,
        thinking_tokens=THINKING_TOKENS,
    ),
    Dialect(
        server="mistral",
        capabilities=_HOSTED,
        prefix="prefix",
        seed_field="random_seed",
    ),
    # response_format is json_object or nothing; a prefix needs the base URL that ends in /beta
    Dialect(
        server="deepseek",
        capabilities=Capabilities(thinking=True),
        prefix="prefix",
        prefix_needs_quiet=True,
        schemas=(),
        seed_field="",
        switch=Switch(on={"thinking": {"type": "enabled"}}, off={"thinking": {"type": "disabled"}}),
        thinks=True,
        thinking_tokens=THINKING_TOKENS,
    ),
    Dialect(
        server="dashscope",
        capabilities=Capabilities(),
        prefix_needs_quiet=True,
        switch=Switch(on={"enable_thinking": True}, off={"enable_thinking": False}),
        thinking_tokens=THINKING_TOKENS,
    ),
    # without require_parameters a provider that knows no schemas would silently answer without
    Dialect(
        server="openrouter",
        capabilities=_HOSTED,
        prefix_needs_quiet=True,
        schema_fields={"provider": {"require_parameters": True}},
        switch=Switch(on={"reasoning": {"enabled": True}}, off={"reasoning": {"enabled": False}}),
        thinking_tokens=THINKING_TOKENS,
    ),
    Dialect(
        server="vllm",
        capabilities=replace(_LOCAL, adapters=True),
        prefix="continue",
        choices="structured",
        choice_tokens=_CHOICE_TOKENS,
        switch=TEMPLATE,
    ),
    Dialect(
        server="vllm-guided",
        capabilities=replace(_LOCAL, adapters=True),
        prefix="continue",
        choices="guided",
        choice_tokens=_CHOICE_TOKENS,
        switch=TEMPLATE,
    ),
    Dialect(
        server="sglang",
        capabilities=_LOCAL,
        tools=False,
        prefix="continue",
        choices="regex",
        choice_tokens=_CHOICE_TOKENS,
        switch=TEMPLATE,
    ),
    # it refuses to continue an answer that its template would start by thinking; log-probabilities
    # are those before the grammar, so that the choices may stand far down the list
    Dialect(
        server="llama-server",
        capabilities=_LOCAL,
        prefix="assistant",
        prefix_needs_quiet=True,
        echoes_prefix=True,
        choices="grammar",
        choice_tokens=_CHOICE_TOKENS,
        max_top=200,
        switch=TEMPLATE,
    ),
)

DIALECTS: Mapping[str, Dialect] = {row.server: consistent(row) for row in _ROWS}
"""By the name people write as `server = "…"`; `openai` is the careful default."""
