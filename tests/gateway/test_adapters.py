"""Tasks of several adapters on one base behind the gateway: each is answered by its own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="pip install 'rung[train]'")
pytest.importorskip("transformers", reason="pip install 'rung[train]'")
pytest.importorskip("gguf", reason="pip install 'rung[train]'")
pytest.importorskip("peft", reason="pip install 'rung[train]'")
pytest.importorskip("xllamacpp", reason="pip install 'rung[local]'")
import rung
import tickets
import tiny_gguf
from gateways import Running, gateway
from rung.engines.llama import LlamaEngine
from rung.registry import promote_route, record_parity
from rung.routes.answer import answer
from rung.routes.route import Route
from rung.routes.runtime import Runtime
from rung.store import Artifacts, Store
from rung.tasks.task import Example
from rung.train.export import take_in
from rung.worlds.catalog import load

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

TASKS = ("one", "two", "three")
WORDS = ("order", "late", "charged", "twice", "account", "parcel", "please", "amount", "ticket")
NUM_TEXTS = 30
AT_ONCE = 8
NOISE = 0.02
"""Of a probability: what was in the cache changes the last bits; adapters move it by a tenth."""


@dataclass(frozen=True)
class Sure:
    """An answer and how sure it is."""

    label: str
    p: float
    margin: float

    def is_like(self, other: Sure) -> bool:
        return self.label == other.label and abs(self.p - other.p) < NOISE


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_gguf.write_gguf(tmp_path / "tiny.gguf")


@pytest.fixture
def routes(tmp_path: Path, base: Path) -> list[Route]:
    """Make the tasks, one adapter each and one more; put the first three in service."""
    csv = tickets.write_csv(tmp_path / "mail.csv")
    found, store = [], Store()
    for seed in range(4):
        adapter = take_in(tiny_gguf.write_adapter(tmp_path / str(seed), seed), base, Artifacts())
        record_parity(store, adapter, {"passed": True})
        name = f"adapter {seed}"
        found.append(Route(name=name, rung="sft", output="form", model="tiny", adapter=adapter))
    for name, route in zip(TASKS, found, strict=False):
        rung.init(name, csv, input="text", target="label")
        promote_route(store, name, route, {})
    store.close()
    return found


@pytest.fixture
def running(base: Path, routes: list[Route]) -> Iterator[Running]:
    with gateway(open_engine=lambda model: LlamaEngine(model, base, threads=1)) as found:
        yield found


def texts() -> list[str]:
    draw = random.Random(5)
    return [" ".join(draw.choices(WORDS, k=draw.randint(2, 7))) for _ in range(NUM_TEXTS)]


def alone(base: Path, route: Route) -> dict[str, Sure]:
    """Return what a route says to each text on an engine that knows no other adapter."""
    store = Store("sqlite://")
    opened = LlamaEngine("tiny", base, threads=1)
    with Runtime(load("one"), open_engine=lambda model: opened, store=store) as runtime:
        found = {
            text: answer(route, runtime, Example(id="a", input=text, target={}, group="a"))
            for text in texts()
        }
    store.close()
    return {
        text: Sure(one.output["label"], one.decisions["label"].p, one.decisions["label"].margin)
        for text, one in found.items()
    }


def ask(running: Running, task: str, text: str) -> Sure:
    found = running.post(f"/v1/tasks/{task}", {"input": text})
    assert found.status == 200, found.body
    said = found.json()
    decision = said["fields"]["label"]
    return Sure(said["output"]["label"], decision["p"], decision["margin"])


@pytest.mark.slow
def test_a_thousand_switches_and_a_swap_drop_and_mix_nothing(
    running: Running, base: Path, routes: list[Route]
) -> None:
    wanted = [alone(base, route) for route in routes]
    clear = [text for text in texts() if all(one[text].margin > 0.05 for one in wanted)]
    told_apart = [
        text
        for text in clear
        if not any(one[text].is_like(other[text]) for one, other in combinations(wanted, 2))
    ]
    assert len(told_apart) > 5
    draw = random.Random(6)
    asks = [(draw.randrange(3), draw.choice(told_apart)) for _ in range(1000)]

    def whose(number: int) -> str:
        place, text = asks[number]
        if number == 500:
            store = Store()
            promote_route(store, TASKS[0], routes[3], {})
            store.close()
        said = ask(running, TASKS[place], text)
        if said.is_like(wanted[place][text]):
            return "own"
        swapped = place == 0 and number >= 500 - AT_ONCE and said.is_like(wanted[3][text])
        return "new" if swapped else "another's"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(whose, range(len(asks))))
    assert found.count("another's") == 0
    assert found.count("new") > 20
    assert sum(a[0] != b[0] for a, b in zip(asks, asks[1:], strict=False)) > 600
