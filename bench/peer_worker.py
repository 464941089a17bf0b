"""One peer library in a process of its own: reads a request a line, writes an answer a line.

    python bench/peer_worker.py guidance|guidance-template|outlines SETTINGS

Started by `peers.py`, in whatever Python has the library, so it imports nothing of rung. SETTINGS
is JSON: model (a GGUF path), schema, max_tokens, context_tokens, threads. The first line written
says what was loaded; a request is a list of messages. Decoding is greedy.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple

import llama_cpp
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

LIBRARIES = {"guidance": ("guidance", "llguidance"), "outlines": ("outlines", "outlines_core")}


class Written(NamedTuple):
    """What a library wrote; `generated` are tokens the model was asked for, the end included."""

    text: str
    generated: int
    forced: int
    passes: int


Messages = list[dict[str, str]]
Write = Callable[[Messages], Written]


class Counted(llama_cpp.Llama):
    """Counts forward passes; each is followed by one generated token."""

    num_passes = 0

    def eval(self, tokens: Any) -> None:
        """Evaluate tokens."""
        self.num_passes += 1
        super().eval(tokens)


def guidance(llama: Any, settings: dict[str, Any], *, template: bool) -> Write:
    """Return what writes with guidance: the schema's grammar, or a template of gen and select."""
    import guidance

    warnings.filterwarnings("ignore", r"Chat template[\s\S]*", UserWarning)  # for roles, not used
    base = guidance.models.LlamaCpp(llama, echo=False, enable_monitoring=False)
    bos = _name(llama, llama.token_bos())
    render = Jinja2ChatFormatter(
        template=llama.metadata["tokenizer.chat_template"],
        bos_token=bos,
        eos_token=_name(llama, llama.token_eos()),
    )
    if template:
        grammar = _template(settings["schema"])
    else:
        grammar = guidance.json(schema=settings["schema"], max_tokens=settings["max_tokens"])

    def write(messages: Messages) -> Written:
        # it puts the first token itself, and what is added apart is evaluated apart
        prompt = render(messages=messages).prompt.removeprefix(bos)
        lm = base + (prompt + grammar)
        used = lm._get_usage()
        return Written(
            text=str(lm).rpartition(prompt)[2],
            generated=used.forward_passes + used.cached_output_tokens,
            forced=used.ff_tokens or 0,
            passes=used.forward_passes,
        )

    return write


def _template(schema: dict[str, Any]) -> Any:
    """Return an object with its keys written out and a gen, select or json for each value."""
    written: Any = "{"
    for number, (key, value) in enumerate(schema["properties"].items()):
        written += f'{", " if number else ""}"{key}": ' + _value(value, key)
    return written + "}"


def _value(schema: dict[str, Any], name: str) -> Any:
    from guidance import gen, json, select

    kind = schema.get("type")
    if "enum" in schema:
        return select([_dumps(option) for option in schema["enum"]], name=name)
    if kind == "boolean":
        return select(["true", "false"], name=name)
    if isinstance(kind, list) and "null" in kind and len(kind) == 2:
        other = next(other for other in kind if other != "null")
        return select(["null", _value(schema | {"type": other}, name)])
    if kind == "string" and not {"format", "pattern"} & schema.keys():
        least, most = schema.get("minLength", 0), schema.get("maxLength", "")
        return '"' + gen(name, regex=rf'[^"\\\x00-\x1f]{{{least},{most}}}') + '"'
    return json(name, schema=schema)  # without names of their own one replaces another


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def outlines(llama: Counted, settings: dict[str, Any]) -> Write:
    """Return what writes with the generator of outlines for a JSON Schema."""
    import outlines

    model = outlines.from_llamacpp(llama)
    generator = outlines.Generator(model, outlines.json_schema(_dumps(settings["schema"])))

    def write(messages: Messages) -> Written:
        before = llama.num_passes
        chat = outlines.inputs.Chat(messages)
        text = generator(chat, max_tokens=settings["max_tokens"], temperature=0.0)
        passes = llama.num_passes - before
        return Written(text=text, generated=passes, forced=0, passes=passes)

    return write


def _name(llama: Any, token: int) -> str:
    return llama.detokenize([token], special=True).decode() if token >= 0 else ""


def main() -> None:
    """Load, then answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    arm, settings = sys.argv[1], json.loads(sys.argv[2])
    llama = Counted(
        settings["model"],
        n_ctx=settings["context_tokens"],
        n_threads=settings["threads"],
        n_threads_batch=settings["threads"],
        verbose=False,
    )
    started = time.perf_counter()
    if arm == "outlines":
        write = outlines(llama, settings)
    else:
        write = guidance(llama, settings, template=arm == "guidance-template")
    ready = {"versions": _versions(arm), "compile_s": time.perf_counter() - started}
    print(json.dumps(ready), file=answers, flush=True)
    for line in sys.stdin:
        messages = json.loads(line)
        started = time.perf_counter()
        written = write(messages)
        took = (time.perf_counter() - started) * 1000.0
        print(json.dumps(written._asdict() | {"latency_ms": took}), file=answers, flush=True)


def _versions(arm: str) -> str:
    packages = [*LIBRARIES[arm.partition("-")[0]], "llama-cpp-python"]
    system = llama_cpp.llama_print_system_info().decode()
    code = " (AVX-512)" if "AVX512 = 1" in system else ""
    return ", ".join(f"{name} {version(name)}" for name in packages) + code


if __name__ == "__main__":
    main()
