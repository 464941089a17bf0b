"""Answer with the ranker, in time: its choice, or the first option of the list where it is unsure
or late. There is always an answer while the input lists options.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from rung.core.clock import monotonic_ms
from rung.forms import Choice, Decision
from rung.routes.ranker import Listed, Ranker, read_options
from rung.routes.runtime import Answer

Decide = Callable[[Listed], tuple[str, Decision]]
NO_OPTIONS = "the input lists no options"


def rank(ranker: Ranker, slot: Choice, text: str, *, budget_ms: float = 0.0) -> Answer:
    """Return the ranker's answer; of status `repaired` where the first option stands in for it.

    With a budget of 0 it takes the time it needs.
    """
    return rank_by(ranker.decide, slot, text, sure_from=ranker.sure_from, budget_ms=budget_ms)


def rank_by(
    decide: Decide, slot: Choice, text: str, *, sure_from: float, budget_ms: float
) -> Answer:
    """Answer with any way to decide; see `rank`."""
    start = monotonic_ms()
    listed = read_options(text, slot.values)
    if listed is None:
        return Answer(output=None, status="failed", reason=NO_OPTIONS)
    left_ms = budget_ms - (monotonic_ms() - start)
    found = decide(listed) if budget_ms <= 0 else _within(left_ms, lambda: decide(listed))
    first, reason, decisions = listed.options[0], "", {}
    option = first
    if found is None:
        reason = f"no decision within {budget_ms:g} ms: first of the list"
    else:
        option, decision = found
        decisions = {slot.path: decision}
        if decision.p < sure_from:
            option, reason = first, f"unsure (p {decision.p:.2f}): first of the list"
    return Answer(
        output={slot.path: option},
        status="repaired" if reason else "ok",
        reason=reason,
        decisions=decisions,
        latency_ms=monotonic_ms() - start,
    )


def _within(
    left_ms: float, work: Callable[[], tuple[str, Decision]]
) -> tuple[str, Decision] | None:
    """Return what the work gives if it is done in time; what comes later is dropped."""
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        return pool.submit(work).result(timeout=max(left_ms, 0.0) / 1000.0)
    except TimeoutError:
        return None
    finally:
        pool.shutdown(wait=False)
