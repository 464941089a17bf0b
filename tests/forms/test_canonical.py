"""Whatever a form forces, the tokens of the answer are those the tokenizer itself would write.

A model without weights wants a given answer in its own tokens; real vocabularies, no model needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import pytest

from rung.core.errors import EngineError
from rung.core.records import Message
from rung.engines.base import Capabilities, Completion, Request
from rung.engines.sampling import Grammars, Logits
from rung.engines.steps import Branch, Opened, Step
from rung.forms import Filling, answer_json, compile_form, fill
from rung.forms.form import Form
from rung.forms.token_line import TokenLine

pytest.importorskip("llguidance", reason="pip install 'rung[local]'")
from rung.engines.llama import llama_tokenizer
from rung.engines.llama_vocab import LlamaVocab

HOW_TO_GET = """no vocabulary in {}; to get some (76 MB, no compiler):
    pip download --no-deps --no-binary :all: -d /tmp/sdist llama-cpp-python==0.3.36
    mkdir -p {} && tar -xzf /tmp/sdist/llama_cpp_python-0.3.36.tar.gz -C {} \\
        --strip-components=4 --wildcards '*/vendor/llama.cpp/models/ggml-vocab-*.gguf'"""
VOCABS = Path(os.environ.get("RUNG_TEST_VOCABS") or Path.home() / ".rung" / "vocabs")
MODELS = Path(os.environ.get("RUNG_TEST_MODELS") or Path.home() / ".rung" / "models")
FILES = [*sorted(VOCABS.glob("*.gguf")), *sorted(MODELS.glob("smollm2-135m.gguf"))]
WRITERS = [path for path in FILES if "bert" not in path.name]
ASK = (Message(role="user", content="My VPN fails."),)


@lru_cache(maxsize=2)
def grammars_of(path: Path) -> Grammars:
    """Return a file's tokenizer; the vocabulary stays open, since the tokenizer calls it."""
    vocab = LlamaVocab(path)
    control = {t for t in range(vocab.num_vocab) if vocab.is_control(t) or vocab.is_end(t)}
    grammars = Grammars(lambda: llama_tokenizer(vocab, control))
    return grammars


@lru_cache(maxsize=2)
def pieces_of(grammars: Grammars) -> dict[bytes, int]:
    size = grammars.tokenizer.vocab_size
    return {grammars.bytes_of([token]): token for token in reversed(range(size))}


def each_vocabulary(paths: Sequence[Path]) -> pytest.MarkDecorator:
    folder = f"'{VOCABS}'"
    skip = pytest.mark.skip(reason=HOW_TO_GET.format(VOCABS, folder, folder))
    missing = [pytest.param(None, marks=skip)]
    return pytest.mark.parametrize(
        "vocabulary", list(paths) or missing, ids=lambda path: getattr(path, "stem", None)
    )


class Reciter:
    """Wants one text in its tokenizer's own tokens; satisfies `TokenModel`.

    Where other tokens of the text stand already it goes on with the longest token that fits.
    """

    model = "fake:reciter"
    capabilities = Capabilities(tokens=True, choice_logprobs=True)
    max_branches = 256

    def __init__(self, grammars: Grammars, text: str) -> None:
        self.lock = RLock()
        self.grammars = grammars
        self.prompt = grammars.tokenize(b"Answer:\n")
        self.text = text.encode()
        self.tokens = grammars.tokenize(self.text)
        self.num_vocab: int = grammars.tokenizer.vocab_size
        self.pieces = pieces_of(grammars)

    def open(self, request: Request) -> Opened:
        return Opened(branch=Branch(handle=None), rest=tuple(self.prompt), num_cached=0)

    def evaluate(self, steps: Sequence[Step]) -> list[Logits]:
        return [self._append(step) for step in steps]

    def _append(self, step: Step) -> Logits:
        rows = []
        for i, token in enumerate(step.tokens):
            for branch in step.branches:
                branch.tokens.append(token)
            if i >= len(step.tokens) - step.num_logits:
                rows.append(self._speak(step.branches[0].tokens[len(self.prompt) :]))
        return np.array(rows, dtype=np.float32).reshape(len(rows), self.num_vocab)

    def _speak(self, tokens: Sequence[int]) -> Logits:
        logits = np.zeros(self.num_vocab, dtype=np.float32)
        if (token := self._next(list(tokens))) is not None:
            logits[token] = 10.0
        return logits

    def _next(self, tokens: list[int]) -> int | None:
        said = self.grammars.bytes_of(tokens)
        if tokens == self.tokens or said == self.text:
            return int(self.grammars.tokenizer.eos_token)
        if tokens == self.tokens[: len(tokens)]:
            return self.tokens[len(tokens)]
        if not self.text.startswith(said):
            return None
        rest = self.text[len(said) :]
        return next(self.pieces[rest[:n]] for n in range(32, 0, -1) if rest[:n] in self.pieces)

    def fork(self, branch: Branch, length: int | None = None) -> Branch:
        return Branch(handle=None, tokens=branch.tokens[:length])

    def cut(self, branch: Branch, length: int) -> None:
        del branch.tokens[length:]

    def release(self, branch: Branch) -> None:
        """Nothing is held."""

    def drop(self, branch: Branch) -> None:
        """Nothing is held."""

    def complete(self, request: Request) -> Completion:
        raise EngineError("this model fills forms and writes nothing else")

    def close(self) -> None:
        """Nothing to free."""


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[int]]]:
    """Return the tokens of each answer that was finished, those never evaluated included."""
    found: list[list[int]] = []
    finish = TokenLine.finish

    def record(line: TokenLine) -> None:
        rest = line.grammars.tokenize(line.unfed)
        found.append([*line.branch.tokens, *line.pending, *rest])
        finish(line)

    monkeypatch.setattr(TokenLine, "finish", record)
    yield found


def assert_canonical(
    vocabulary: Path, form: Form, output: Any, lines: list[list[int]], **how: Any
) -> None:
    text = answer_json(form, output)
    model = Reciter(grammars_of(vocabulary), text)
    filled = fill(form, model, ASK, Filling(**how))
    grammars = model.grammars
    written = [grammars.bytes_of([token]) for token in lines[-1][len(model.prompt) :]]
    assert (filled.status, filled.text) == ("ok", text)
    assert written == [grammars.bytes_of([token]) for token in model.tokens]
    assert lines[-1] == [*model.prompt, *model.tokens]
    used = filled.usage
    assert used.forced_tokens + used.output_tokens == len(model.tokens)


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


TEXT = {"type": "string", "maxLength": 200}
LONG = (
    "The quick brown fox, aged 12, jumps over “lazy” dogs – naïve. Then (on 2026-11-25) it wrote: "
    "'I can't; see https://example.org/a?b=c#d', twice!! Preis: 12,50 € für größere Füchse... "
    "日本語の文もあります。 snake_case, camelCase, UPPER; 100 % [sic] {braces} <tags/> a\\b 🙂"
)
KINDS = ["vpn", "vpn_access", "vpn_access_denied", "email", "e-mail", "other"]
CASES: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "helpdesk": (
        of(
            category={"enum": ["billing", "vpn", "vpn_access", "hardware"]},
            urgent={"type": "boolean"},
            priority={"enum": [1, 2, 3, 10, 12]},
            asset={"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$"},
            due={"type": "string", "format": "date"},
            summary=TEXT,
        ),
        [
            {
                "category": category,
                "urgent": urgent,
                "priority": priority,
                "asset": "HW-1234",
                "due": "2026-11-25",
                "summary": summary,
            }
            for category, urgent, priority, summary in [
                ("vpn", True, 1, "VPN drops every 10 minutes since the update."),
                ("vpn_access", False, 12, '(no access) "denied" on C:\\temp'),
                ("hardware", True, 10, "two words, a tab (\\t) and no line"),
            ]
        ],
    ),
    "nested": (
        of(a=of(b=of(c={"enum": ["x", "y"]}, d=TEXT)), e=of(f={"type": "integer"})),
        [{"a": {"b": {"c": "x", "d": "deep"}}, "e": {"f": -17}}],
    ),
    "shared prefixes": (
        of(kind={"enum": KINDS}, again={"enum": KINDS}),
        [{"kind": one, "again": other} for one, other in zip(KINDS, KINDS[::-1], strict=True)],
    ),
    "number options": (
        of(a={"enum": [1, 12, 123, 1234, 1.5, 12.5]}, b={"enum": [None, True, 0, "0"]}),
        [{"a": a, "b": b} for a, b in [(1, 0), (12, "0"), (123, None), (1234, True), (12.5, 0)]],
    ),
    "numbers": (
        of(
            n={"type": "integer"},
            x={"type": "number"},
            many={"type": "array", "items": {"type": "number"}},
        ),
        [
            {"n": 0, "x": 12.5, "many": [1, 22, 333, 4444, 5.25]},
            {"n": 123456, "x": -0.001, "many": []},
            {"n": -7, "x": 100, "many": [1000000]},
        ],
    ),
    "dates": (
        of(
            day={"type": "string", "format": "date"},
            time={"type": "string", "format": "time"},
            at={"type": "string", "format": "date-time"},
        ),
        [{"day": "2024-02-29", "time": "23:59:00Z", "at": "2026-11-25T10:30:00Z"}],
    ),
    "lists": (
        of(
            tags={"type": "array", "items": {"enum": ["new", "vip", "vip_plus"]}},
            names={"type": "array", "items": {"type": "string"}},
            last={"enum": ["yes", "no"]},
        ),
        [
            {"tags": ["vip", "vip_plus"], "names": ["Zürich", "O'Neil", "(x)"], "last": "no"},
            {"tags": [], "names": [], "last": "yes"},
            {"tags": ["new"], "names": ["", "\\", '"'], "last": "yes"},
        ],
    ),
    "arrays of objects": (
        of(
            lines={
                "type": "array",
                "items": of(sku={"enum": ["a-1", "a-12"]}, qty={"type": "integer"}, note=TEXT),
                "maxItems": 4,
            },
            done={"type": "boolean"},
        ),
        [
            {"lines": [{"sku": "a-1", "qty": 2, "note": "x"}] * 2, "done": False},
            {"lines": [{"sku": "a-12", "qty": 20, "note": "{}]"}], "done": True},
            {"lines": [], "done": True},
        ],
    ),
    "arrays of arrays": (
        of(rows={"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}),
        [{"rows": [[1, 2], [], [33]]}, {"rows": []}],
    ),
    "optional keys": (
        {
            "type": "object",
            "properties": {
                "name": TEXT,
                "name_2": TEXT,
                "n": {"type": "integer"},
                "kind": {"enum": ["a", "b"]},
            },
        },
        [{}, {"name": "x"}, {"n": 1}, {"name": "x", "kind": "a"}, {"name_2": "y", "n": 22}],
    ),
    "unicode labels": (
        of(größe={"enum": ["groß", "größer", "klein"]}, 種類={"enum": ["日本", "日本語", "🙂"]}),
        [{"größe": "größer", "種類": "日本"}, {"größe": "groß", "種類": "🙂"}],
    ),
    "quoted labels": (
        of(**{'a"b': {"enum": ['say "hi"', "say", "back\\slash", "tab\there"]}, "c d": TEXT}),
        [{'a"b': 'say "hi"', "c d": '"'}, {'a"b': "back\\slash", "c d": "\\n"}],
    ),
    "long text": (
        of(text={"type": "string", "maxLength": 2000}, n={"type": "integer"}),
        [{"text": LONG, "n": 3}],
    ),
    "alternatives": (
        of(
            who={"anyOf": [{"enum": ["Zürich", "Zürs"]}, {"type": "integer"}, {"type": "null"}]},
            then={"anyOf": [of(kind={"const": "a"}, n={"type": "integer"}), {"type": "null"}]},
        ),
        [
            {"who": "Zürs", "then": None},
            {"who": "Zürich", "then": {"kind": "a", "n": 12}},
            {"who": 123, "then": None},
            {"who": None, "then": None},
        ],
    ),
    "no object": ({"type": "array", "items": {"enum": ["vpn", "vpn_access"]}}, [["vpn"], []]),
}
ROWS = [
    pytest.param(schema, output, id=f"{name}-{number}")
    for name, (schema, outputs) in CASES.items()
    for number, output in enumerate(outputs)
]


@each_vocabulary(WRITERS)
@pytest.mark.parametrize("style", ["json", "indented"])
@pytest.mark.parametrize(("schema", "output"), ROWS)
def test_every_token_is_the_tokenizer_s_own(
    vocabulary: Path, style: Any, schema: Any, output: Any, lines: list[list[int]]
) -> None:
    assert_canonical(vocabulary, compile_form(schema, style=style), output, lines)
