"""Other libraries for structured output, on llama-cpp-python, where they are installed.

    pip install llama-cpp-python guidance outlines     (llama-cpp-python compiles for some minutes)

Each gets the same rendered prompt and the same JSON Schema; what it counts as generated is taken
from its own metrics, or from the tokens of its text where it has none.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from rung.core.records import Effort, Message, Usage
from rung.engines.chat import ChatTemplate
from rung.engines.models import locate
from rung.forms import Form, parse_answer, violation
from rung.routes.answer import Answer

Ask = Callable[[Sequence[Message]], Answer]
CONTEXT_TOKENS = 4096
THREADS = 2


def installed(model: str, max_tokens: int) -> dict[str, Callable[[Form], Ask]]:
    """Return the libraries that can run here, by name."""
    if importlib.util.find_spec("llama_cpp") is None or model.startswith("http:"):
        return {}
    openers = {"guidance": _guidance, "outlines": _outlines}
    return {
        name: lambda form, opener=opener: opener(form, model, max_tokens)
        for name, opener in openers.items()
        if importlib.util.find_spec(name) is not None
    }


def _llama(model: str, **options: Any) -> Any:
    import llama_cpp

    path = str(locate(model).path)
    return llama_cpp.Llama(
        path, n_ctx=CONTEXT_TOKENS, n_threads=THREADS, n_threads_batch=THREADS, verbose=False,
        **options,
    )  # fmt: skip


def _template(llama: Any) -> ChatTemplate:
    meta = llama.metadata
    return ChatTemplate(meta.get("tokenizer.chat_template", ""), bos="", eos="", control=[])


def _answer(form: Form, text: str, started: float, usage: Usage, passes: int) -> Answer:
    output = parse_answer(text, form)
    reason = violation(output, form) if output is not None else "no fields in the answer"
    return Answer(
        output=output,
        status="failed" if reason else "ok",
        reason=reason,
        text=text,
        usage=usage,
        effort=Effort(passes=passes),
        latency_ms=(time.perf_counter() - started) * 1000.0,
    )


def _guidance(form: Form, model: str, max_tokens: int) -> Ask:
    import guidance

    llama = _llama(model)
    template = _template(llama)
    base = guidance.models.LlamaCpp(llama, echo=False)
    grammar = guidance.json("answer", schema=form.schema, max_tokens=max_tokens)

    def ask(messages: Sequence[Message]) -> Answer:
        started = time.perf_counter()
        lm = base + template.render(messages, "default") + grammar
        used = lm._get_usage() if hasattr(lm, "_get_usage") else None
        text = lm["answer"]
        generated = getattr(used, "output_tokens", None) or len(llama.tokenize(text.encode()))
        forced = getattr(used, "ff_tokens", 0) or 0
        usage = Usage(output_tokens=generated - forced, forced_tokens=forced)
        return _answer(form, text, started, usage, generated - forced)

    return ask


def _outlines(form: Form, model: str, max_tokens: int) -> Ask:
    import outlines

    llama = _llama(model)
    template = _template(llama)
    generate = outlines.Generator(
        outlines.from_llamacpp(llama), outlines.json_schema(json.dumps(form.schema))
    )

    def ask(messages: Sequence[Message]) -> Answer:
        started = time.perf_counter()
        text = generate(template.render(messages, "default"), max_tokens=max_tokens)
        generated = len(llama.tokenize(text.encode(), add_bos=False))
        return _answer(form, text, started, Usage(output_tokens=generated), generated)

    return ask
