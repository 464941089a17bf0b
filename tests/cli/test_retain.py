"""Tasks that share an adapter: one that forgets a task is not promoted for another."""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import rung
import tickets
from rung.engines.adapters import Adapter
from rung.engines.base import Request
from rung.engines.fake import FakeEngine
from rung.flow import session
from rung.registry import promote_route, record_candidates, record_parity, record_verdict
from rung.routes.route import Route
from rung.store import Artifacts, Store


@dataclass
class Shop:
    """Two tasks on one fake model, whose adapters each get a share of a task's texts wrong."""

    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    """By task and text."""
    wrong: dict[str, dict[str, float]] = field(default_factory=dict)
    """By adapter and task; what is not there is right."""

    def adapter(self, start: str = "", **wrong: float) -> str:
        made = Adapter(bases=(), config=f"{len(self.wrong)}", weights="", lineage={"start": start})
        name = made.save(Artifacts())
        self.wrong[name] = wrong
        with_store(lambda store: record_parity(store, name, {"passed": True}))
        return name

    def answer(self, request: Request) -> str:
        said = request.messages[-1].content
        task, text = next(
            (task, text) for task, texts in self.labels.items() for text in texts if text in said
        )
        right = self.labels[task][text]
        share = self.wrong[request.adapter].get(task, 0.0)
        fails = zlib.crc32(text.encode()) % 1000 < 1000 * share
        choices = [one for one in request.choices if (right in one) != fails]
        return choices[0]


def with_store(work: Callable[[Store], object]) -> None:
    store = Store()
    work(store)
    store.close()


def route(name: str, adapter: str) -> Route:
    return Route(name=name, rung="sft", output="form", model="fake:shop", adapter=adapter)


def passes(task: str, *routes: Route) -> None:
    """Log routes as measured, and as passed by the gate."""
    verdicts = [{"name": one.name, "verdict": "promote"} for one in routes]
    with_store(lambda store: record_candidates(store, task, routes))
    with_store(
        lambda store: record_verdict(store, task, {"report": {"candidates": verdicts}}, routes)
    )


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop()
    abilities = replace(tickets.ABILITIES, adapters=True)
    monkeypatch.setattr(
        session,
        "open_engine",
        lambda model, told=None: FakeEngine(model, script=made.answer, capabilities=abilities),
    )
    for seed, name in enumerate(("mail", "post", "desk")):
        path = tickets.write_csv(tmp_path / f"{name}.csv", rows=800, seed=seed)
        with path.open() as file:
            made.labels[name] = {row["text"]: row["label"] for row in csv.DictReader(file)}
        rung.init(name, path, input="text", target="label")
    return made


@pytest.fixture
def shared(shop: Shop) -> str:
    """Put one adapter in service for two of the three tasks."""
    name = shop.adapter()
    for task in ("mail", "post"):
        with_store(lambda store, task=task: promote_route(store, task, route("old", name), {}))
    return name


def test_a_follower_that_forgets_is_refused_with_its_loss(
    shop: Shop, shared: str, rung_command: Callable[..., Any]
) -> None:
    forgetful = route("sft+form", shop.adapter(start=shared, post=0.5))
    passes("mail", forgetful)
    unmeasured = rung_command("promote", "mail", "sft+form")
    assert unmeasured.code == 2
    assert "also serves task 'post', and that was not measured" in unmeasured.err
    assert "rung retain mail sft+form" in unmeasured.err
    assert rung_command("gate", "mail", "sft+form").code == 2

    found = rung_command("retain", "mail", "sft+form", "--json")
    assert found.code == 4
    (report,) = json.loads(found.out)["sharers"]
    compared = report["comparison"]
    assert report["task"] == "post" and report["before"] == 1.0
    assert report["after"] == pytest.approx(0.5, abs=0.15)
    assert compared["diff"] == pytest.approx(report["after"] - 1.0)
    assert compared["ci"][0] < compared["diff"] < compared["ci"][1] < -compared["margin"]

    refused = rung_command("promote", "mail", "sft+form")
    assert refused.code == 2
    assert "'post', and that loses by the new one: score 0." in refused.err
    assert f"difference {compared['diff']:+.3f}, between" in refused.err
    assert "rung train mail --also post" in refused.err


def test_a_follower_that_keeps_all_work_is_promoted(
    shop: Shop, shared: str, rung_command: Callable[..., Any]
) -> None:
    passes("mail", route("sft+form", shop.adapter(start=shared, mail=0.2)))
    kept = rung_command("retain", "mail", "sft+form")
    assert kept.code == 0
    assert kept.out.startswith("post: keeps its work: score 1.000 against 1.000")
    assert rung_command("promote", "mail", "sft+form").code == 0


def test_too_few_examples_hold(shop: Shop, shared: str, rung_command: Callable[..., Any]) -> None:
    passes("mail", route("sft+form", shop.adapter(start=shared)))
    held = rung_command("retain", "mail", "sft+form", "--limit", 20)
    assert held.code == 3
    assert "examples would settle it" in held.out
    refused = rung_command("promote", "mail", "sft+form")
    assert refused.code == 2 and "not shown to keep its work" in refused.err


def test_tasks_may_part(shop: Shop, shared: str, rung_command: Callable[..., Any]) -> None:
    first = shop.adapter(start=shared, post=1.0)
    passes("mail", route("first", first))
    apart = rung_command("retain", "mail", "first", "--apart")
    assert (apart.code, apart.out) == (0, "post: parted: the task keeps the adapter that it has\n")
    assert rung_command("promote", "mail", "first").code == 0
    passes("mail", route("second", shop.adapter(start=first, post=1.0)))
    assert rung_command("promote", "mail", "second").code == 0, "they have parted already"


def test_replacing_a_shared_adapter_counts_whatever_it_was_trained_from(
    shop: Shop, shared: str, rung_command: Callable[..., Any]
) -> None:
    fresh = shop.adapter(post=1.0)
    passes("mail", route("fresh", fresh), route("page", ""))
    passes("desk", route("fresh", fresh))
    assert rung_command("promote", "mail", "fresh").code == 2
    assert rung_command("promote", "mail", "page").code == 0, "no adapter takes the place"
    assert rung_command("promote", "desk", "fresh").code == 0, "desk shares nothing"


def test_what_was_found_holds_for_the_route_that_was_in_service(
    shop: Shop, shared: str, rung_command: Callable[..., Any]
) -> None:
    passes("mail", route("sft+form", shop.adapter(start=shared)))
    assert rung_command("retain", "mail", "sft+form").code == 0
    other = replace(route("told", shared), prompt="bare")
    with_store(lambda store: promote_route(store, "post", other, {}))
    assert rung_command("promote", "mail", "sft+form").code == 2


def test_an_adapter_in_a_cascade_is_shared_too(
    shop: Shop, shared: str, rung_command: Callable[..., Any]
) -> None:
    cascade = Route(name="cascade", rung="cascade", output="cascade", stages=(route("a", shared),))
    with_store(lambda store: promote_route(store, "post", cascade, {}))
    passes("mail", route("sft+form", shop.adapter(start=shared)))
    refused = rung_command("promote", "mail", "sft+form")
    assert refused.code == 2 and "also serves task 'post'" in refused.err


def test_nothing_shared_asks_for_nothing(shop: Shop, rung_command: Callable[..., Any]) -> None:
    passes("mail", route("sft+form", shop.adapter()))
    alone = rung_command("retain", "mail", "sft+form")
    assert alone.code == 0 and "no other task in service uses" in alone.err
    assert rung_command("promote", "mail", "sft+form").code == 0
