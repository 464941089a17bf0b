"""Adapters of one model in one engine: each request gets its own, and no cache crosses over."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rung.core.errors import EngineError, StoreError
from rung.core.records import Message
from rung.engines.base import Engine, Request
from rung.engines.bound import BoundEngine
from rung.engines.fake import FakeEngine
from rung.engines.steps import Step
from rung.forms import Filling, compile_form, fill
from rung.routes.route import Route
from rung.store import Artifacts

pytest.importorskip("torch", reason="pip install 'rung[train]'")
pytest.importorskip("transformers", reason="pip install 'rung[train]'")
pytest.importorskip("gguf", reason="pip install 'rung[train]'")
pytest.importorskip("peft", reason="pip install 'rung[train]'")
pytest.importorskip("xllamacpp", reason="pip install 'rung[local]'")
import safetensors.numpy

import tiny_gguf
from rung.engines.adapters import read_adapter
from rung.engines.llama import LlamaEngine
from rung.engines.llama_server import LlamaServerEngine
from rung.engines.transformers_engine import TransformersEngine
from rung.train.export import take_in

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

NOISE = 0.1
"""Logits; adapters move them by several units, the 16-bit cache of llama.cpp by a hundredth."""
ASKS = (
    "the order was charged twice",
    "the order was late, please summarise the ticket",
    "the account and the amount",
)
FORM = compile_form(
    {
        "type": "object",
        "properties": {
            "category": {"enum": ["billing", "technical", "account"]},
            "amount": {"type": "integer", "minimum": 0, "maximum": 500},
        },
        "required": ["category", "amount"],
    }
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("adapters")


@pytest.fixture(scope="module")
def base(home: Path) -> Path:
    return tiny_gguf.write_gguf(home / "tiny.gguf")


@pytest.fixture(scope="module", params=[LlamaEngine, TransformersEngine])
def engine(request: pytest.FixtureRequest, base: Path) -> Iterator[Any]:
    opened = request.param("tiny", base, threads=1)
    yield opened
    opened.close()


@pytest.fixture
def adapters(home: Path, base: Path) -> list[str]:
    """Return no adapter and three of different weights, in the home of this test."""
    folders = [tiny_gguf.write_adapter(home / str(seed), seed) for seed in range(3)]
    return ["", *(take_in(folder, base, Artifacts()) for folder in folders)]


def logits(engine: Any, adapter: str, ask: str) -> Any:
    """Return the logits after a prompt, cached as far as the engine has it."""
    with engine.lock:
        opened = engine.open(Request(prompt=ask, adapter=adapter))
        found = engine.evaluate([Step(branches=(opened.branch,), tokens=opened.rest, num_logits=1)])
        engine.release(opened.branch)
    return found[0][0]


def cold(engine: Any, adapters: list[str]) -> dict[tuple[str, str], Any]:
    """Return what each adapter says to each prompt when nothing is cached."""
    found = {}
    for adapter in adapters:
        for ask in ASKS:
            engine.branches.reset()
            found[adapter, ask] = logits(engine, adapter, ask)
    return found


def apart(left: Any, right: Any) -> float:
    return float(np.abs(left - right).max())


def test_adapters_in_turn_say_what_each_says_alone(engine: Any, adapters: list[str]) -> None:
    alone = cold(engine, adapters)
    for ask in ASKS:
        for one in adapters:
            assert all(
                apart(alone[one, ask], alone[two, ask]) > 1 for two in adapters if one != two
            )
    for _ in range(2):
        for ask in ASKS:
            for adapter in adapters:
                assert apart(logits(engine, adapter, ask), alone[adapter, ask]) < NOISE


def test_both_engines_apply_an_adapter_alike(base: Path, adapters: list[str], engine: Any) -> None:
    if isinstance(engine, LlamaEngine):
        pytest.skip("compared from the other side")
    llama = LlamaEngine("tiny", base, threads=1)
    for adapter in adapters:
        assert apart(logits(llama, adapter, ASKS[0]), logits(engine, adapter, ASKS[0])) < NOISE
    llama.close()


def test_one_batch_may_hold_branches_of_several_adapters(engine: Any, adapters: list[str]) -> None:
    alone = cold(engine, adapters)
    with engine.lock:
        opened = [engine.open(Request(prompt=ASKS[0], adapter=name)) for name in adapters]
        found = engine.evaluate(
            [Step(branches=(one.branch,), tokens=one.rest, num_logits=1) for one in opened]
        )
        for one in opened:
            engine.drop(one.branch)
    for adapter, rows in zip(adapters, found, strict=True):
        assert apart(rows[0], alone[adapter, ASKS[0]]) < NOISE


def test_each_adapter_keeps_its_own_cache(engine: Any, adapters: list[str]) -> None:
    engine.branches.reset()
    for adapter in adapters:
        first = engine.complete(Request(prompt=ASKS[0], adapter=adapter, max_tokens=1))
        assert first.usage.cached_tokens == 0
    for adapter in adapters:
        again = engine.complete(Request(prompt=ASKS[0], adapter=adapter, max_tokens=1))
        assert again.usage.prompt_tokens == 1


def test_adapters_are_evicted_by_use_and_come_back(
    engine: Any, adapters: list[str], base: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch = engine.branches._adapters
    _, one, two, three = adapters
    four = take_in(tiny_gguf.write_adapter(home / "4", 4), base, Artifacts())
    alone = cold(engine, adapters)
    monkeypatch.setattr(switch, "_max_loaded", 2)
    for adapter in (three, two, one, four):
        logits(engine, adapter, ASKS[0])
    assert switch.loaded == (one, four)
    logits(engine, one, ASKS[0])
    logits(engine, two, ASKS[0])
    assert switch.loaded == (one, two)
    engine.branches.reset()
    for adapter in (three, two, "", one):
        assert apart(logits(engine, adapter, ASKS[1]), alone[adapter, ASKS[1]]) < NOISE


def test_an_adapter_that_does_not_fit_leaves_the_others_as_they_were(
    base: Path, home: Path, adapters: list[str]
) -> None:
    engine, artifacts = TransformersEngine("tiny", base, threads=1), Artifacts()
    alone = cold(engine, adapters)
    known = read_adapter(adapters[1], artifacts)
    tensors = safetensors.numpy.load(artifacts.get(known.weights))
    name, first = next(iter(tensors.items()))
    strange = tensors | {re.sub(r"layers\.\d+", "layers.9", name): first}
    narrow = {key: value[:, :-1].copy() for key, value in tensors.items()}
    for wrong, message in ((strange, "does not fit this model"), (narrow, "cannot load")):
        weights = artifacts.put(safetensors.numpy.save(wrong))
        broken = replace(known, weights=weights).save(artifacts)
        for before in ("", adapters[2]):
            logits(engine, before, ASKS[0])
            with pytest.raises(EngineError, match=message):
                engine.complete(Request(prompt="a", adapter=broken))
            engine.branches.reset()
            assert apart(logits(engine, before, ASKS[0]), alone[before, ASKS[0]]) < NOISE
    engine.close()


def test_forms_are_filled_with_the_adapter_of_their_route(engine: Any, adapters: list[str]) -> None:
    bound = [BoundEngine(engine, name) if name else engine for name in adapters]
    messages = (Message(role="user", content=ASKS[0]),)

    def scores(one: Engine, how: Filling) -> list[float]:
        return list(fill(FORM, one, messages, how).decisions["category"].scores)

    alone = []
    for one in bound:
        engine.branches.reset()
        alone.append(scores(one, Filling(scoring="likelihood")))
    for how in (Filling(scoring="likelihood"), Filling(scoring="likelihood", parallel=True)):
        for one, expected in zip(bound, alone, strict=True):
            assert scores(one, how) == pytest.approx(expected, abs=5 * NOISE)
    assert engine.branches._active == []
    assert apart(np.array(alone[0]), np.array(alone[1])) > 1


def test_what_cannot_be_loaded_is_refused_in_one_line(
    engine: Any, base: Path, home: Path, adapters: list[str]
) -> None:
    artifacts = Artifacts()
    known = read_adapter(adapters[1], artifacts)
    stranger = replace(known, bases=("0" * 64,)).save(artifacts)
    bare = replace(known, gguf="").save(artifacts)
    head = artifacts.put(b"{}")
    wanted = [("mine", "not the name of an adapter"), (head, "is not an adapter")]
    wanted += [(stranger, "was made for another model")]
    wanted += [(bare, "was not exported")] if isinstance(engine, LlamaEngine) else []
    for name, message in wanted:
        with pytest.raises(EngineError, match=message) as refused:
            engine.complete(Request(prompt="a", adapter=name))
        assert "\n" not in str(refused.value) and refused.value.hint or name == head
    with pytest.raises(StoreError, match="is missing"):
        engine.complete(Request(prompt="a", adapter="f" * 64))
    assert apart(logits(engine, "", ASKS[0]), logits(engine, adapters[1], ASKS[0])) > 1


@pytest.mark.slow
def test_a_server_of_its_own_answers_with_the_adapter_of_each_request(
    base: Path, adapters: list[str]
) -> None:
    """The words are those of the engine in this process."""
    inside = LlamaEngine("tiny", base, threads=1)
    server = LlamaServerEngine("tiny", base, threads=1)
    assert server.capabilities.adapters
    told = set()
    try:
        for adapter in (*adapters, *reversed(adapters)):
            request = Request(prompt=ASKS[0], adapter=adapter, regex="[a-z ]{9}", max_tokens=9)
            said = server.complete(request).text
            assert said == inside.complete(request).text
            told.add((adapter, said))
        assert len({text for _, text in told}) == len(told) == len(adapters)
    finally:
        server.close()
        inside.close()


@pytest.mark.slow
def test_a_server_that_does_not_start_with_an_adapter_goes_on_without_it(
    base: Path, home: Path, adapters: list[str]
) -> None:
    artifacts = Artifacts()
    known = read_adapter(adapters[1], artifacts)
    broken = replace(known, gguf=artifacts.put(b"no adapter")).save(artifacts)
    engine = LlamaServerEngine("tiny", base, context_tokens=256, threads=1)
    try:
        ask = Request(prompt="the order was", max_tokens=2)
        before = engine.complete(replace(ask, adapter=adapters[1])).text
        with pytest.raises(EngineError, match="did not start"):
            engine.complete(replace(ask, adapter=broken))
        assert engine.complete(replace(ask, adapter=adapters[1])).text == before
    finally:
        engine.close()


def test_an_engine_without_adapters_is_not_bound() -> None:
    able = FakeEngine(script=["yes"])
    assert BoundEngine(able, "mine").complete(Request(prompt="a")).text == "yes"
    assert able.requests[0].adapter == "mine"
    unable = FakeEngine(script=["yes"], capabilities=replace(able.capabilities, adapters=False))
    with pytest.raises(EngineError, match="cannot load adapters"):
        BoundEngine(unable, "mine")


def test_routes_without_an_adapter_keep_their_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.routes.route.ROUTE_VERSION", 4)
    route = Route(name="a", rung="form", output="form", model="m")
    known = "1b399c1da5e76f0906512ffc04a8a45171f4eb9aa533010b24dd5a7eba13eb9c"
    assert route.hash == known  # as this version computes it without the field
    assert replace(route, adapter="x").hash != known
    stored = json.loads(json.dumps(replace(route, adapter="x").to_json()))
    assert Route.from_json(stored) == replace(route, adapter="x")


@pytest.mark.slow
def test_a_thousand_switches_leak_nothing(engine: Any, adapters: list[str]) -> None:
    alone = cold(engine, adapters)
    draw = random.Random(0)
    for _ in range(1000):
        adapter, ask = draw.choice(adapters[1:]), draw.choice(ASKS)
        assert apart(logits(engine, adapter, ask), alone[adapter, ask]) < NOISE
    assert engine.branches._active == []
