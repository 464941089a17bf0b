"""Modes of single slots: who fills which field, what is merged, what is compared."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import rung
from gateways import Running, Upstream, gateway, kept, write_endpoints
from rung.cli import app
from rung.core.errors import ConfigError, EngineError, FormError
from rung.engines.base import Request
from rung.engines.fake import FakeEngine
from rung.flow.mode import agreements, mode_history, set_mode
from rung.forms import compile_form
from rung.forms.part import part_of
from rung.gateway.arms import ArmName, Said
from rung.gateway.slots import arms_of, merge
from rung.registry import promote_route
from rung.routes.asked import Asked
from rung.routes.route import Route
from rung.store import Store
from tickets import ABILITIES

KINDS = ["billing", "shipping"]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"enum": KINDS},
        "urgent": {"type": "boolean"},
        "reply": {"type": "string", "maxLength": 40},
    },
    "required": ["kind", "urgent", "reply"],
    "additionalProperties": False,
    "not": {"properties": {"kind": {"const": "billing"}, "reply": {"const": "It is on its way."}}},
}
SPECIALIST = {"kind": "billing", "urgent": True, "reply": "We look into it."}
FRONTIER = {"kind": "shipping", "urgent": True, "reply": "Please wait."}
TEXT = "my parcel and the courier are late"


class Models:
    """Opens both arms; what they say, and which are down, can be changed."""

    def __init__(self) -> None:
        self.says: dict[str, dict[str, Any]] = {"fake:weak": SPECIALIST, "http:strong": FRONTIER}
        self.down: set[str] = set()
        self.asked: list[tuple[str, list[str]]] = []
        self.meanwhile: Callable[[str], None] = lambda model: None

    def open(self, model: str) -> FakeEngine:
        def say(request: Request) -> str:
            if model in self.down:
                raise EngineError(f"{model} is down", retryable=True)
            names = list((request.schema or {})["properties"])
            self.asked.append((model, names))
            self.meanwhile(model)
            values = self.says[model]
            return json.dumps({name: values[name] for name in names if name in values})

        return FakeEngine(model, script=say, capabilities=ABILITIES)


@pytest.fixture
def models(tmp_path: Path, upstream: Upstream) -> Models:
    rows = [
        {"text": f"{word} {number} of {number % 7}", "kind": kind, "urgent": True, "reply": "Ok."}
        for number in range(60)
        for word, kind in (("invoice", "billing"), ("parcel", "shipping"))
    ]
    path = tmp_path / "mail.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    fields = ["kind", "urgent", "reply"]
    rung.init("mail", path, input="text", target=fields, schema=SCHEMA, ties="exact")
    write_endpoints(strong=upstream.url)
    store = Store()
    route = Route(name="small", rung="json", output="json", model="fake:weak")
    promote_route(store, "mail", route, {})
    store.close()
    return Models()


def modes(*changes: tuple[str, str], base: str = "teacher") -> None:
    """Set the task's mode, then modes of slots, as `rung mode` does."""
    set_mode("mail", base, {"frontier": "http:strong"})
    for mode, slot in changes:
        set_mode("mail", mode, {}, slots=[slot])


def ask(running: Running) -> dict[str, Any]:
    found = running.post("/v1/tasks/mail", {"input": TEXT})
    assert found.status == 200, found.body
    return dict(found.json())


def told(row: dict[str, Any]) -> tuple[Any, str, str]:
    return row["output"], row["status"], row["arm"]


def test_each_slot_is_filled_by_its_arm_and_the_call_says_which(models: Models) -> None:
    modes(("specialist", "kind"))
    merged = FRONTIER | {"kind": "billing"}
    by = {"kind": "specialist", "urgent": "frontier", "reply": "frontier"}
    with gateway(open_engine=models.open) as running:
        row = ask(running)
        chat = running.chat("task/mail", text=TEXT)
    assert told(row) == (merged, "ok", "merged")
    assert row["filled_by"] == by and row["route"] == "small+reference"
    assert json.loads(chat.json()["choices"][0]["message"]["content"]) == merged
    assert json.loads(chat.headers["x-rung-filled-by"]) == by
    # the frontier writes no field that is not its own
    assert ("http:strong", ["urgent", "reply"]) in models.asked
    assert ("http:strong", list(FRONTIER)) not in models.asked
    calls = kept()
    assert [(call.arm, call.mode, call.pair) for call in calls] == [("merged", "teacher", "")] * 2
    assert [json.loads(call.filled_by) for call in calls] == [by, by]
    assert json.loads(calls[0].response)["filled_by"] == by
    usage = row["usage"]
    assert (calls[0].output_tokens, calls[0].cost_usd) == (usage["output_tokens"], row["cost_usd"])


def test_what_a_merged_answer_costs_is_what_both_arms_cost(models: Models) -> None:
    modes(("specialist", "kind"))
    with gateway(open_engine=models.open) as running:
        both = ask(running)
        modes(base="teacher")
        wait_for(running, slots={})
        whole = ask(running)
        modes(base="specialist")
        wait_for(running, mode="specialist")
        alone = ask(running)
    tokens = [row["usage"]["output_tokens"] for row in (both, whole, alone)]
    assert whole["usage"]["output_tokens"] < both["usage"]["output_tokens"] < sum(tokens[1:])
    assert both["cost_usd"] > 0


def wait_for(running: Running, **wanted: Any) -> None:
    deadline = time.monotonic() + 5
    while True:
        shown = running.get(running.admin_url + "/modes").json()["mail"]
        if all(shown["detail"].get(key, shown.get(key)) == value for key, value in wanted.items()):
            return
        assert time.monotonic() < deadline, shown
        time.sleep(0.01)


def test_a_merged_answer_that_breaks_the_form_is_the_frontiers(models: Models) -> None:
    models.says["http:strong"] = FRONTIER | {"reply": "It is on its way."}
    modes(("specialist", "kind"))
    with gateway(open_engine=models.open) as running:
        row = ask(running)
    assert told(row) == (models.says["http:strong"], "escalated", "frontier")
    assert row["reason"].startswith("not merged") and "filled_by" not in row
    served = [call for call in kept() if not call.pair]
    pairs = [call for call in kept() if call.pair]
    assert len(served) == 1 and {call.pair for call in pairs} == {served[0].id}
    assert {call.arm for call in pairs} == {"specialist", "frontier"} and len(pairs) == 2


OUTAGES = {
    "the specialist is down": ({"fake:weak"}, (FRONTIER, "ok", "frontier")),
    "the frontier is down": ({"http:strong"}, (SPECIALIST, "ok", "specialist")),
}


@pytest.mark.parametrize("case", OUTAGES)
def test_the_other_arm_stands_in_for_one_that_is_down(case: str, models: Models) -> None:
    models.down, expected = OUTAGES[case]
    modes(("specialist", "kind"))
    with gateway(open_engine=models.open) as running:
        assert told(ask(running)) == expected
        models.down = {"fake:weak", "http:strong"}
        found = running.post("/v1/tasks/mail", {"input": TEXT})
    assert (found.status, found.json()["error"]["code"]) == (503, "route_unavailable")


@pytest.mark.parametrize("broken", ["fake:weak", "http:strong"])
def test_a_part_that_failed_is_not_merged(broken: str, models: Models) -> None:
    models.says[broken] = {"urgent": "perhaps"}
    modes(("specialist", "kind"))
    with gateway(open_engine=models.open) as running:
        row = ask(running)
    good = broken == "fake:weak"
    assert told(row) == (FRONTIER if good else None, "escalated" if good else "failed", "frontier")


def test_a_frontier_without_an_answer_is_compared_with_nothing(models: Models) -> None:
    models.says["http:strong"] = {"urgent": "perhaps"}
    modes(("shadow", "kind"))
    with gateway(open_engine=models.open) as running:
        assert ask(running)["status"] == "failed"
    assert [call.arm for call in kept() if call.pair] == ["specialist"]
    assert agreements("mail") == {}


def test_how_sure_a_merged_field_is_comes_from_the_arm_that_filled_it() -> None:
    def said(arm: ArmName, output: dict[str, Any], p: float) -> Said:
        told = {name: {"p": p} for name in (*output, "kindred")}
        asked = Asked(output=output, status="ok", route=arm, fields=told)
        return Said(arm=arm, asked=asked, wait_ms=1.0)

    runtime: Any = SimpleNamespace(form=compile_form(SCHEMA), task=SimpleNamespace(replies=None))
    by = arms_of({"kind": "specialist", "urgent": "teacher", "reply": "shadow"})
    ours, rest = said("specialist", SPECIALIST, 0.6), said("frontier", FRONTIER, 0.9)
    merged = merge(runtime, by, ours, rest)
    assert isinstance(merged, Said)
    assert {name: told["p"] for name, told in merged.asked.fields.items()} == {
        "kind": 0.6, "urgent": 0.9, "reply": 0.9,
    }  # fmt: skip


def test_agreement_is_counted_by_slot_and_goes_on_after_a_restart(models: Models) -> None:
    modes(("specialist", "kind"), ("shadow", "urgent"), ("shadow", "reply"))
    for _ in range(2):
        with gateway(open_engine=models.open) as running:
            assert told(ask(running))[2] == "merged"
            ask(running)
    models.says["fake:weak"] = SPECIALIST | {"urgent": False}
    with gateway(open_engine=models.open) as running:
        ask(running)
    found = {name: (a.num_agreed, a.num_compared) for name, a in agreements("mail").items()}
    assert found == {"urgent": (4, 5), "reply": (0, 5)}  # of kind the frontier said nothing
    shown = CliRunner().invoke(app.app, ["mode", "mail"]).stdout
    assert "urgent: as the frontier in 4 of 5" in shown and "kind by specialist" in shown
    lines = CliRunner().invoke(app.app, ["mode", "mail", "--json"]).stdout.splitlines()
    assert json.loads(lines[-1])["agreement"]["urgent"] == {"num_agreed": 4, "num_compared": 5}


def test_shadow_slots_cost_no_waiting_and_the_whole_task_is_compared_too(models: Models) -> None:
    modes(("shadow", "kind"))
    with gateway(open_engine=models.open) as running:
        row = ask(running)
        assert told(row) == (FRONTIER, "ok", "frontier")
        wait_for_counts({"kind": (0, 1)})
        modes(base="shadow")
        wait_for(running, mode="shadow")
        ask(running)
        wait_for_counts({"kind": (0, 2), "reply": (0, 1), "urgent": (1, 1)})
    assert {call.pair for call in kept() if call.arm == "specialist"} == {
        call.id for call in kept() if call.arm == "frontier"
    }


def test_a_comparison_counts_for_the_frontier_that_was_asked(
    models: Models, upstream: Upstream
) -> None:
    write_endpoints(strong=upstream.url, other=upstream.url)
    modes(base="shadow")

    def change(model: str) -> None:
        if model == "fake:weak":
            set_mode("mail", "shadow", {"frontier": "http:other"})
            time.sleep(0.2)  # until the gateway has seen it

    models.meanwhile = change
    with gateway(open_engine=models.open) as running:
        ask(running)
    set_mode("mail", "shadow", {"frontier": "http:strong"})
    wait_for_counts({"kind": (0, 1), "reply": (0, 1), "urgent": (1, 1)})


def wait_for_counts(wanted: dict[str, tuple[int, int]]) -> None:
    deadline = time.monotonic() + 5
    while True:
        counts = agreements("mail").items()
        found = {name: (count.num_agreed, count.num_compared) for name, count in counts}
        if found == wanted:
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def test_a_change_of_one_slot_leaves_the_others(models: Models) -> None:
    frontier = {"frontier": "http:strong"}
    set_mode("mail", "teacher", frontier, slots=["reply"])  # of a task without a mode
    set_mode("mail", "shadow", {}, slots=["kind"])
    assert last() == ("specialist", {"reply": "teacher", "kind": "shadow"})
    set_mode("mail", "specialist", {}, slots=["kind", "reply"])
    assert last() == ("specialist", {})
    set_mode("mail", "shadow", {}, slots=["urgent"])
    set_mode("mail", "teacher", {})
    assert last() == ("teacher", {})  # a mode of the whole task ends those of its slots


def last() -> tuple[str, dict[str, str]]:
    entry = mode_history("mail")[-1]
    return entry.mode, entry.detail["slots"]


def test_what_makes_no_sense_of_a_slot_is_refused_by_name(models: Models) -> None:
    def refused(mode: str, *slots: str, **given: Any) -> str:
        with pytest.raises((ConfigError, FormError)) as caught:
            set_mode("mail", mode, given, slots=slots)
        return f"{caught.value} {caught.value.hint}"

    assert "did you mean 'kind'" in refused("specialist", "kinds")
    assert "'canary' is one of a whole task" in refused("canary", "kind")
    assert "mode 'teacher' needs a frontier" in refused("teacher", "kind")
    set_mode("mail", "cascade", {"frontier": "http:strong"})
    assert "first rung mode mail teacher" in refused("specialist", "kind")
    no_mode = CliRunner().invoke(app.app, ["mode", "mail", "--slot", "x"]).exception
    assert "--slot without a mode" in str(no_mode)


def test_fields_are_taken_apart_only_where_the_form_lists_them() -> None:
    part = part_of(SCHEMA, ["urgent", "reply"])
    assert list(part["properties"]) == part["required"] == ["urgent", "reply"]
    assert "not" not in part and part["additionalProperties"] is False
    with pytest.raises(FormError, match="'kind' cannot be answered apart"):
        part_of({"type": "object", "allOf": [SCHEMA]}, ["kind"])
