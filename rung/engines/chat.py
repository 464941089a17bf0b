"""Render messages with the chat template a GGUF carries, in a sandbox.

Control tokens written inside a message are broken up, so an input cannot end its own turn.
Whether a model has a native thinking switch is read off its template, never guessed by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rung.core.errors import EngineError
from rung.core.records import Message
from rung.engines.base import Thinking

FALLBACK_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
_THOUGHT = ("<think>", "</think>")


def _raise(message: str) -> None:
    raise TemplateError(message)


class _Generation(Extension):
    """Reads `{% generation %}…{% endgeneration %}`, which marks the tokens to train on, as text."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return what stands between the marks."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def control_pattern(tokens: Iterable[str]) -> re.Pattern[str]:
    """Return what matches any of these control tokens, the longest first."""
    names = {name for name in tokens if len(name) > 2 and not re.search(r"\s", name)}
    return re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))) or r"(?!)")


def neutralise(text: str, control: re.Pattern[str]) -> str:
    """Break up control tokens (`<|im_end|>` becomes `< |im_end|>`); all other text stays."""
    while control.search(text):
        # names hold no space, so no round can make a new one
        text = control.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)
    return text


class ChatTemplate:
    """A compiled chat template; `thinking` says whether it has an `enable_thinking` switch.

    `control` are the texts of the model's control tokens.
    """

    def __init__(
        self, source: str, *, bos: str = "", eos: str = "", control: Iterable[str] = ()
    ) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.loopcontrols", _Generation],
        )
        environment.globals["raise_exception"] = _raise
        self.thinking = "enable_thinking" in source
        self._tokens = {"bos_token": bos, "eos_token": eos}
        self._control = control_pattern([*control, *(_THOUGHT if "think>" in source else ())])
        try:
            self._template = environment.from_string(source or FALLBACK_TEMPLATE)
        except TemplateError as error:
            raise EngineError(f"the model's chat template does not compile: {error}") from None

    def render(self, messages: Sequence[Message], thinking: Thinking = "default") -> str:
        """Return the prompt up to where the answer starts; contents are neutralised."""
        switch: dict[str, Any] = {}
        if thinking != "default":
            if not self.thinking:
                raise EngineError("this model's chat template has no thinking switch")
            switch["enable_thinking"] = thinking == "on"
        turns = [
            {"role": m.role, "content": neutralise(m.content, self._control)} for m in messages
        ]
        try:
            return self._template.render(
                messages=turns, add_generation_prompt=True, **self._tokens, **switch
            )
        except TemplateError as error:
            raise EngineError(f"the model's chat template refused the messages: {error}") from None
