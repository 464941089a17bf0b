"""What serves follows from the log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rung.core.errors import ConfigError
from rung.registry import (
    find_route,
    passed,
    promote_route,
    promoted,
    record_candidates,
    record_verdict,
    roll_back,
)
from rung.routes.route import Route
from rung.store import Store

A = Route(name="a", rung="form", output="form")
B = Route(name="b", rung="head", output="head", head="0" * 64)


def test_promotions_push_and_rollbacks_pop() -> None:
    store = Store()
    assert promoted(store, "t") is None
    assert promote_route(store, "t", A, {"n": 1})
    assert promote_route(store, "t", B, {"n": 2})
    assert not promote_route(store, "t", B, {"n": 3})
    serving = promoted(store, "t")
    assert serving is not None
    assert (serving.route, serving.receipt) == (B, {"n": 2})
    back = roll_back(store, "t", reason="worse")
    assert back is not None and back.route == A
    assert roll_back(store, "t") is None
    with pytest.raises(ConfigError, match="no route of task 't' is in service"):
        roll_back(store, "t")
    assert [entry.action for entry in store.registry("t")] == ["promote"] * 2 + ["rollback"] * 2
    assert promoted(store, "another") is None
    store.close()


def test_a_rollback_takes_back_the_route_it_names_and_no_other() -> None:
    store = Store()
    promote_route(store, "t", A, {}, run="first")
    promote_route(store, "t", B, {}, run="second")
    back = roll_back(store, "t")
    assert back is not None and back.route == A
    taken = store.registry("t")[-1]
    store.append_registry(  # of another process, which saw B in service at the same moment
        task="t", action="rollback", route_hash=taken.route_hash, payload=taken.payload
    )
    serving = promoted(store, "t")
    assert serving is not None and serving.route == A
    # the climb that promoted B is started again: it has to survive against A, not the raw model
    before = promoted(store, "t", except_by="second")
    assert before is not None and before.route == A
    assert promoted(store, "t", except_by="first") is None
    # a line that does not say which promotion it means takes back the last
    store.append_registry(task="t", action="rollback", route_hash=A.hash, payload={"reason": ""})
    assert promoted(store, "t") is None
    store.close()


def test_routes_are_found_by_name_and_hash() -> None:
    store = Store()
    record_candidates(store, "t", [A, B])
    record_candidates(store, "t", [A])
    assert find_route(store, "t", "a") == A
    assert find_route(store, "t", B.hash[:8]) == B
    with pytest.raises(ConfigError, match=r"'zzz' \(there are: a, b\)"):
        find_route(store, "t", "zzz")
    store.close()


def test_a_route_of_another_model_is_not_taken_for_the_one_asked_for() -> None:
    store = Store()
    small, large = (replace(A, model=model) for model in ("small", "large"))
    record_candidates(store, "t", [large, B])
    record_candidates(store, "t", [small])
    assert find_route(store, "t", "a") == small
    assert find_route(store, "t", "a", model="large") == large
    assert find_route(store, "t", "b", model="large") == B, "it asks no model"
    with pytest.raises(ConfigError, match="no measured route 'a' of huge"):
        find_route(store, "t", "a", model="huge")
    store.close()


def test_only_a_promote_verdict_passes() -> None:
    store = Store()
    verdicts = [{"name": "a", "verdict": "hold"}, {"name": "b", "verdict": "promote"}]
    record_verdict(store, "t", {"report": {"candidates": verdicts}}, [A, B])
    assert passed(store, "t", A) is None
    assert passed(store, "t", B) is not None
    store.close()


def test_a_later_rejection_takes_a_pass_back_and_a_hold_does_not() -> None:
    store = Store()

    def judged(verdict: str, number: int) -> None:
        report = {"candidates": [{"name": "a", "verdict": verdict}]}
        record_verdict(store, "t", {"report": report, "n": number}, [A])

    judged("promote", 1)
    judged("hold", 2)
    found = passed(store, "t", A)
    assert found is not None and found["n"] == 1
    judged("reject", 3)
    judged("hold", 4)
    assert passed(store, "t", A) is None
    judged("promote", 5)
    found = passed(store, "t", A)
    assert found is not None and found["n"] == 5
    store.close()


def test_a_route_survives_json_and_names_do_not_count() -> None:
    assert Route.from_json(B.to_json()) == B
    other = Route.from_json({**B.to_json(), "name": "another"})
    assert other.hash == B.hash
    assert A.hash != B.hash
    with pytest.raises(ConfigError, match="unknown fields"):
        Route.from_json({**B.to_json(), "colour": "red"})
