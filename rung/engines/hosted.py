"""What single hosted models take: rows by model name, and providers by address.

The first row of a server whose pattern is found in the model's name replaces the row of the server
(`dialects.py`); a model no row names is treated with care. A row that is wrong costs one refused
request: the refusal is remembered (`refusals.py`). Nothing is sent or read here.

Sources, read 2026-11: Claude "Thinking", "Structured outputs", "Prefill Claude's response" and the
migration guides of 4.6, 4.7, 5 and 5.5 (prefill ends with 4.5, temperature and thinking budgets
with 4.6, forced tools and `thinking: disabled` with 5); OpenAI "Reasoning models" and "Structured
Outputs"; Alibaba Model Studio "Partial mode"; OpenRouter's Claude migration guides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from rung.engines.base import Capabilities
from rung.engines.dialects import (
    DIALECTS,
    THINKING_TOKENS,
    Dialect,
    PrefixStyle,
    SchemaStyle,
    Switch,
    consistent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A provider known by its address, and the variable its key is usually kept in."""

    name: str
    server: str
    api_key_env: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the models take whose name has `pattern` in it (lower case, dots as hyphens)."""

    server: str
    pattern: str
    dialect: Dialect


HOSTS = (
    Host(name="api.anthropic.com", server="anthropic", api_key_env="ANTHROPIC_API_KEY"),
    Host(name="api.openai.com", server="openai", api_key_env="OPENAI_API_KEY"),
    Host(name="api.mistral.ai", server="mistral", api_key_env="MISTRAL_API_KEY"),
    Host(name="api.deepseek.com", server="deepseek", api_key_env="DEEPSEEK_API_KEY"),
    Host(name="dashscope.aliyuncs.com", server="dashscope", api_key_env="DASHSCOPE_API_KEY"),
    Host(name="dashscope-intl.aliyuncs.com", server="dashscope", api_key_env="DASHSCOPE_API_KEY"),
    Host(name="openrouter.ai", server="openrouter", api_key_env="OPENROUTER_API_KEY"),
)

_ADAPTIVE = {"thinking": {"type": "adaptive"}}
_BUDGET = Switch(
    on={"thinking": {"type": "enabled", "budget_tokens": THINKING_TOKENS}},
    off={},
)
_OPT_IN = Switch(on=_ADAPTIVE, off={})
_OPT_OUT = Switch(on=_ADAPTIVE, off={"thinking": {"type": "disabled"}})
_BETWEEN_TOOLS = Switch(on=_ADAPTIVE, off={"thinking": {"type": "between_tools"}})


def _claude(
    *schemas: SchemaStyle,
    prefix: PrefixStyle = "none",
    switch: Switch | None = None,
    thinks: bool = False,
    samples: bool = False,
) -> Dialect:
    base = DIALECTS["anthropic"]
    can = replace(base.capabilities, thinking=switch is not None)
    return replace(
        base,
        capabilities=can,
        schemas=schemas,
        prefix=prefix,
        switch=switch,
        thinks=thinks,
        samples=samples,
    )


def _row(server: str, pattern: str, dialect: Dialect) -> Row:
    return Row(server=server, pattern=pattern, dialect=consistent(dialect))


_OPENAI = DIALECTS["openai"]
_QWEN = replace(DIALECTS["dashscope"], prefix="partial", prefix_needs_quiet=False, switch=None)
_HYBRID_QWEN = replace(
    DIALECTS["dashscope"], prefix="partial", capabilities=Capabilities(thinking=True)
)
_ROUTED = DIALECTS["openrouter"]
_REASONING = replace(
    _OPENAI,
    max_tokens_field="max_completion_tokens",
    samples=False,
    stops=False,
    thinks=True,
    thinking_tokens=THINKING_TOKENS,
)
_OLD_CLAUDE = r"claude-(instant|2|3|(opus|sonnet|haiku)-4(-[015])?(?!-?\d))"

ROWS = (
    _row(
        "anthropic",
        r"claude-(instant|2|3-(5|opus|sonnet|haiku))",
        _claude("tool", prefix="assistant", samples=True),
    ),
    _row(
        "anthropic",
        r"claude-(3-7|(opus|sonnet)-4(-[01])?(?!-?\d))",
        _claude("tool", prefix="assistant", switch=_BUDGET, samples=True),
    ),
    _row(
        "anthropic",
        r"claude-(opus|sonnet|haiku)-4-5",
        _claude("output_config", "tool", prefix="assistant", switch=_BUDGET, samples=True),
    ),
    _row(
        "anthropic",
        r"claude-(opus|sonnet|haiku)-4-6",
        _claude("output_config", "tool", switch=_OPT_IN, samples=True),
    ),
    _row("anthropic", r"claude-\w+-4-[7-9]", _claude("output_config", "tool", switch=_OPT_IN)),
    _row(
        "anthropic",
        r"claude-(opus|sonnet)-5(?!-?\d)",
        _claude("output_config", "tool", switch=_OPT_OUT, thinks=True),
    ),
    _row("anthropic", r"claude-haiku-5", _claude("output_config", switch=_OPT_OUT, thinks=True)),
    _row(
        "anthropic",
        r"claude-sonnet-5-5",
        _claude("output_config", switch=_BETWEEN_TOOLS, thinks=True),
    ),
    _row("openai", r"^(o[134]|gpt-5(?!-chat)|codex)", _REASONING),
    _row(
        "openai",
        r"^(ft:)?(gpt-4o|gpt-4-1(?!\d)|gpt-5-chat)",
        replace(_OPENAI, capabilities=replace(_OPENAI.capabilities, logprobs=True)),
    ),
    _row(
        "openai",
        r"^(ft:)?gpt-(4|3-5)",
        replace(_OPENAI, capabilities=Capabilities(logprobs=True), schemas=()),
    ),
    _row(
        "dashscope",
        r"qwen3-[78]",
        replace(_HYBRID_QWEN, capabilities=Capabilities(thinking=True, schema=True)),
    ),
    _row("dashscope", r"^(qwen-(plus|flash|turbo)|qwen3(?!-(coder|max)))", _HYBRID_QWEN),
    _row("dashscope", r"^qwen", _QWEN),
    _row("openrouter", _OLD_CLAUDE, replace(_ROUTED, prefix="assistant")),
    _row("openrouter", r"claude", replace(_ROUTED, samples=False, thinks=True)),
    _row("openrouter", r"^mistralai/", replace(_ROUTED, prefix="assistant")),
)


def host_of(base_url: str) -> Host | None:
    """Return the provider at an https address, None for any other."""
    parts = urlsplit(base_url)
    if parts.scheme != "https":
        return None
    return next((host for host in HOSTS if host.name == parts.hostname), None)


def dialect_of(server: str, model: str, base_url: str) -> Dialect:
    """Return how a model is asked: by its own row, else by the row of its kind of server."""
    name = re.sub(r"[-@]\d{8}", "", model.lower().replace(".", "-"))
    found = (row.dialect for row in ROWS if row.server == server and re.search(row.pattern, name))
    dialect = next(found, DIALECTS[server])
    if server == "deepseek" and not base_url.endswith("/beta"):
        return consistent(replace(dialect, prefix="none"))
    return dialect
