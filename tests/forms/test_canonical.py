"""Whatever a form forces, the tokens of the answer are those the tokenizer itself would write.

A model without weights wants a given answer in its own tokens; real vocabularies, no model needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kinds import EXACT, ROOTS, Kind
from rung.core.errors import EngineError
from rung.core.records import Message
from rung.forms import Filled, Filling, answer_json, compile_form, fill
from rung.forms.form import Form

pytest.importorskip("llguidance", reason="pip install 'rung[local]'")
from reciter import Reciter, Vocabulary, grammars_of, record_lines
from rung.engines.llama_packages import installed
from rung.engines.llama_vocab import LlamaVocab

VOCABS = Path(os.environ.get("RUNG_TEST_VOCABS") or Path.home() / ".rung" / "vocabs")
MODELS = Path(os.environ.get("RUNG_TEST_MODELS") or Path.home() / ".rung" / "models")
FILES = [*sorted(VOCABS.glob("*.gguf")), *sorted(MODELS.glob("smollm2-135m.gguf"))]
HOW_TO_GET = f"""no vocabulary in {VOCABS}; to get some (76 MB, no compiler):
    pip download --no-deps --no-binary :all: -d /tmp/sdist llama-cpp-python==0.3.36
    mkdir -p '{VOCABS}' && tar -xzf /tmp/sdist/llama_cpp_python-0.3.36.tar.gz -C '{VOCABS}' \\
        --strip-components=4 --wildcards '*/vendor/llama.cpp/models/ggml-vocab-*.gguf'"""
WRITERS = [path for path in FILES if "bert" not in path.name]
ASK = (Message(role="user", content="My VPN fails."),)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not installed(), reason="pip install 'rung[local]'"),
]


@pytest.fixture(
    scope="module",
    params=WRITERS or [pytest.param(None, marks=pytest.mark.skip(reason=HOW_TO_GET))],
    ids=lambda path: path.stem.removeprefix("ggml-vocab-") if path else "none",
)
def vocabulary(request: pytest.FixtureRequest) -> Iterator[Vocabulary]:
    """Return each vocabulary in turn."""
    vocab = LlamaVocab(request.param)
    yield Vocabulary.of(vocab)
    vocab.close()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    found: list[list[int]] = []
    record_lines(monkeypatch, found)
    return found


def recite(
    vocabulary: Vocabulary, form: Form, output: Any, lead: str = "", **how: Any
) -> tuple[Reciter, Filled]:
    model = Reciter(vocabulary, lead + answer_json(form, output))
    return model, fill(form, model, ASK, Filling(**how), lead=lead)


def assert_canonical(
    vocabulary: Vocabulary, form: Form, output: Any, lines: list[list[int]], **how: Any
) -> None:
    model, filled = recite(vocabulary, form, output, **how)
    spelled = [model.grammars.bytes_of([token]) for token in lines[-1][len(model.prompt) :]]
    assert (filled.status, filled.text) == ("ok", model.text.decode())
    assert spelled == [model.grammars.bytes_of([token]) for token in model.tokens]
    assert lines[-1] == [*model.prompt, *model.tokens]
    used = filled.usage
    assert used.forced_tokens + used.output_tokens == len(model.tokens)


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


NULL = {"type": "null"}
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
    "nullable structures": (
        of(
            rows={"anyOf": [{"type": "array", "items": of(n={"type": "integer"})}, NULL]},
            thing={"anyOf": [{"type": "object", "properties": {"a": TEXT, "b": TEXT}}, NULL]},
            kinds={"anyOf": [{"type": "array", "items": of(k={"const": "x"}, n=TEXT)}, NULL]},
        ),
        [
            {"rows": [{"n": 1}], "thing": {"a": "x"}, "kinds": [{"k": "x", "n": "(y)"}]},
            {"rows": [], "thing": {"b": "y"}, "kinds": None},
            {"rows": None, "thing": {}, "kinds": []},
            {"rows": None, "thing": None, "kinds": None},
        ],
    ),
    "tagged": (
        of(
            act={
                "anyOf": [
                    of(kind={"const": "{}"}, n={"type": "integer"}),
                    of(kind={"const": "{}x"}, text=TEXT),
                    of(kind={"const": "(a)"}),
                ]
            }
        ),
        [
            {"act": {"kind": "{}", "n": 1}},
            {"act": {"kind": "{}x", "text": '"'}},
            {"act": {"kind": "(a)"}},
        ],
    ),
    "no object": ({"type": "array", "items": {"enum": ["vpn", "vpn_access"]}}, [["vpn"], []]),
}
ROWS = [
    pytest.param(schema, output, id=f"{name}-{number}")
    for name, (schema, outputs) in CASES.items()
    for number, output in enumerate(outputs)
]


@pytest.mark.parametrize("style", ["json", "indented"])
@pytest.mark.parametrize(("schema", "output"), ROWS)
def test_every_token_is_the_tokenizer_s_own(
    vocabulary: Vocabulary, style: Any, schema: Any, output: Any, lines: list[list[int]]
) -> None:
    assert_canonical(vocabulary, compile_form(schema, style=style), output, lines)


@pytest.mark.parametrize("scoring", ["likelihood", "normalised"])
@pytest.mark.parametrize("name", ["helpdesk", "shared prefixes", "number options", "optional keys"])
def test_every_way_to_weigh_options_keeps_the_tokens(
    vocabulary: Vocabulary, scoring: Any, name: str, lines: list[list[int]]
) -> None:
    schema, outputs = CASES[name]
    for output in outputs:
        assert_canonical(vocabulary, compile_form(schema), output, lines, scoring=scoring)


LEADS = ["Why: paid twice.\n", "Why.\n\n", "So ", "a)\n   ", "x\t", "…\n\n\n", "{", 'say "']


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("name", ["helpdesk", "optional keys", "alternatives", "no object"])
def test_a_token_may_span_the_border_behind_a_lead(
    vocabulary: Vocabulary, name: str, lead: str, lines: list[list[int]]
) -> None:
    schema, outputs = CASES[name]
    for output in outputs:
        model, filled = recite(vocabulary, compile_form(schema), output, lead)
        assert (filled.status, lead + filled.text) == ("ok", model.text.decode())
        assert lines[-1] == [*model.prompt, *model.tokens]
        used = filled.usage
        num_lead = used.prompt_tokens - len(model.prompt)
        assert num_lead + used.forced_tokens + used.output_tokens == len(model.tokens)


@settings(max_examples=15)
@given(kind=EXACT | ROOTS, data=st.data())
def test_tokens_of_any_form(vocabulary: Vocabulary, kind: Kind, data: st.DataObject) -> None:
    form, output = compile_form(kind.schema), data.draw(kind.values)
    found: list[list[int]] = []
    with pytest.MonkeyPatch.context() as patch:
        record_lines(patch, found)
        model, filled = recite(vocabulary, form, output)
    assume(filled.text == model.text.decode())
    assert found[-1] == [*model.prompt, *model.tokens]


SNIPPETS = st.text(
    st.sampled_from(' \n"\\:,.{}[]()<>/_-0123456789abcehnrstuvzZüßöéñ日本語мир🙂“'), max_size=30
)


@settings(max_examples=100)
@given(text=SNIPPETS, more=SNIPPETS)
def test_what_settles_stands_whatever_follows(vocabulary: Vocabulary, text: str, more: str) -> None:
    grammars = vocabulary.grammars
    tokens, left = grammars.settle(text.encode(), ())
    assert grammars.bytes_of(tokens) + left == text.encode()
    assert grammars.tokenize((text + more).encode())[: len(tokens)] == tokens


@pytest.mark.parametrize("text", ['{"a": 1}', " x", "x", "\n", "", "  two", "Zürich"])
def test_plain_text_gets_no_space_in_front(vocabulary: Vocabulary, text: str) -> None:
    assert vocabulary.vocab.tokenize(text, special=False) == vocabulary.grammars.tokenize(
        text.encode()
    )


@pytest.mark.parametrize(
    "path", [path for path in FILES if "bert" in path.name], ids=lambda p: p.stem
)
def test_a_vocabulary_that_writes_nothing_is_refused(path: Path) -> None:
    vocab = LlamaVocab(path)
    with pytest.raises(EngineError):
        grammars_of(vocab).tokenize(b"x")
    vocab.close()
