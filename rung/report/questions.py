"""What the arms of a climb answer: the `question | result | interpretation` lines.

The questions are those a reader of a ladder asks: was it the form, was it the output budget, did
thinking, examples, calibration, training, a linear head help, does mixing cost text quality, did
dev hold on the holdout. Each result carries n and a 95 % interval; an interpretation claims a
direction only where its interval excludes no effect, and never that two routes are equal. A
question whose arms were not run is left out. The decision to promote is the gate's, not made here.

Sources: paired clustered difference in `rung.stats.paired`; difference of two independent means
from their own intervals: Zou and Donner 2008 (MOVER), as Newcombe 1998 for proportions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rung.core.records import Row
from rung.ladder.result import Answered, Arm
from rung.ladder.trained import LEFT
from rung.report import format as fmt
from rung.report.pairing import (
    Pair,
    direction,
    effort_shown,
    effort_text,
    pair,
)
from rung.stats.intervals import mean_interval

LLM_RUNGS = (
    "blank", "native", "json", "form", "parallel", "cards", "guards", "recovery", "shown",
    "memory", "thinking", "examples", "deferral", "escalation", "outline", "calibrated", "sft",
    "rft", "dpo", "grpo",
)  # fmt: skip
TRAINED_RUNGS = LLM_RUNGS[-4:]
FREE_TEXT_SHARE = 0.5
"""A field whose answers are mostly distinct strings counts as free text."""
CUT = re.compile(r"cut at (\d+) tokens")
"""How a route begins the reason of an answer that the token cap ended."""


def answer_questions(arms: Sequence[Arm]) -> tuple[Answered, ...]:
    """Return one line per question that these arms can answer, in ladder order."""
    dev = [arm for arm in arms if arm.split == "dev"]
    models = list(dict.fromkeys(arm.model for arm in dev if arm.rung in LLM_RUNGS))
    lines = []
    for model in models or [""]:
        own = [_plainly(arm) for arm in dev if arm.model == model or arm.model not in models]
        found = [line for question in QUESTIONS for line in question(own)]
        lines += [_of_model(line, model) for line in found] if len(models) > 1 else found
    return (*lines, *_holdout(arms))


def _form_or_blank(arms: Sequence[Arm]) -> Iterator[Answered]:
    for both in _pairs(arms, "blank", "form"):
        yield _effect(
            "Did the form explain the lift over a blank page?",
            both,
            up="yes: the form alone scores higher, with the same model and no training",
            down="no: the form scores lower",
        )


def _form_or_json(arms: Sequence[Arm]) -> Iterator[Answered]:
    for both in _pairs(arms, "json", "form"):
        yield _effect(
            "Does the form add anything over the engine's JSON mode?",
            both,
            up="the form scores higher than JSON mode",
            down="the form scores lower than JSON mode",
        )


def _parallel(arms: Sequence[Arm]) -> Iterator[Answered]:
    for both in _pairs(arms, "form", "parallel"):
        yield _effect(
            "Can the slots be filled side by side?",
            both,
            up="side by side scores higher",
            down="no: slots that do not see each other score lower",
        )


def _budget(arms: Sequence[Arm]) -> Iterator[Answered]:
    blank, form = _first(arms, "blank"), _first(arms, "form")
    if blank is None or not blank.rows:
        return
    flags = [float(_is_cut(row)) for row in blank.rows]
    ends = mean_interval(flags, [row.group for row in blank.rows], low=0.0, high=1.0)
    whole = {row.example for row in blank.rows} - {r.example for r in blank.rows if _is_cut(r)}
    both = pair(blank, form, keep=whole) if form else None
    result = _cut_text(blank, sum(flags) / len(flags), ends)
    if not any(flags):
        most = fmt.percent(ends[1])
        told = f"not shown: none of {len(flags)} answers was lost to it, at most {most} may be"
    elif both is None:
        told = f"at least {fmt.percent(ends[0])} of the answers are lost to it"
    else:
        found = both.difference()
        result += f"; where it was not cut {both.difference_text(found)}, {both.size}"
        told = direction(
            found,
            up="not alone: where blank was not cut, the form still scores higher",
            down="it may explain the form's lift: where blank was not cut, blank scores higher",
            unsure="it may be: {} where blank was not cut",
        )
    yield Answered(
        question="Was the output budget the bottleneck?", result=result, interpretation=told
    )


def _mechanisms(arms: Sequence[Arm]) -> Iterator[Answered]:
    """Compare each mechanism of an agent with the rung before it."""
    for before, rung, question, name in (
        ("form", "cards", "Do tool cards do what JSON Schemas do?", "cards"),
        ("cards", "guards", "Did guards help?", "guards"),
        ("guards", "recovery", "Did scripted recovery help?", "recovery"),
        ("recovery", "shown", "Did choosing among shown records help?", "choices"),
        ("recovery", "memory", "Did remembering earlier conversations help?", "memory"),
    ):
        for both in _pairs(arms, before, rung):
            yield _effect(question, both, up=f"{name} score higher", down=f"{name} score lower")


def _thinking(arms: Sequence[Arm]) -> Iterator[Answered]:
    for arm in _of_rung(arms, "thinking"):
        yield from _against_twin(arm, _twin(arm, arms), "Did thinking help {}?")


def _examples(arms: Sequence[Arm]) -> Iterator[Answered]:
    for arm in _of_rung(arms, "examples"):
        twin = _twin(arm, arms) or _first(arms, "form")
        yield from _against_twin(arm, twin, "Did examples in the prompt help {}?")


def _deferral(arms: Sequence[Arm]) -> Iterator[Answered]:
    """Say what an agent leaves undone, and what it no longer breaks, by handing over in doubt."""
    for arm in _of_rung(arms, "deferral"):
        twin = _twin(arm, arms)
        both = pair(twin, arm) if twin is not None else None
        if both is None:
            continue
        found = both.difference(_has_side_effects)
        num_handed = sum(row.status == "abstained" for row in arm.rows)
        yield Answered(
            question=f"Does handing over in doubt spare {fmt.plain(both.reference.route)} errors?",
            result=f"side effects {both.difference_text(found)};"
            f" score {both.difference_text(both.difference())};"
            f" {num_handed} handed over; {both.size}",
            interpretation=direction(
                found, up="no: more side effects", down="yes: fewer side effects"
            ),
        )


def _has_side_effects(row: Row) -> float:
    """Return 1 for a write that nobody asked for or another state left, as the gate counts."""
    return float(any(row.fields.get(name, 0.0) > 0 for name in ("side_effects", "extra_writes")))


def _stronger(arms: Sequence[Arm]) -> Iterator[Answered]:
    """Compare an agent alone with one that asks the reference, money beside quality."""
    for rung, what in (("escalation", "for steps in doubt"), ("outline", "for an outline")):
        alone = "memory" if _of_rung(arms, "memory") else "recovery"
        for both in _pairs(arms, alone, rung):
            found, arm = both.difference(), both.candidate
            theirs = [_others_usd(row, arm.model) for row in arm.rows]
            yield Answered(
                question=f"Did asking the reference {what} help?",
                result=f"{both.difference_text(found)}; {fmt.usd(arm.cost_usd)} an answer, of it "
                f"{fmt.usd(sum(theirs) / len(theirs))} the reference's, against "
                f"{fmt.usd(both.reference.cost_usd)}; {both.size}",
                interpretation=direction(found, up="it scores higher", down="it scores lower"),
            )


def _others_usd(row: Row, own: str) -> float:
    return sum(usd for model, usd in row.spent_usd.items() if model != own)


def _calibrated(arms: Sequence[Arm]) -> Iterator[Answered]:
    for arm in _of_rung(arms, "calibrated"):
        for other in _of_rung(arms, "form"):
            yield from _against_twin(arm, other, "Did calibration on labels help against {}?")


def _trained(arms: Sequence[Arm]) -> Iterator[Answered]:
    """Tell what training does from what the form does, one of them held the same; and what a
    second method adds to the first."""
    for arm in (arm for rung in TRAINED_RUNGS for arm in _of_rung(arms, rung)):
        if arm.route.endswith("+form"):
            told = next((one for one in arms if one.route == LEFT), None)
            base = told or _first(arms, "recovery") or _first(arms, "form")
            yield from _against_twin(arm, base, "Did training add to {}?")
            yield from _against_twin(arm, _twin(arm, arms), "Does the form still add to {}?")
        else:
            yield from _against_twin(arm, _first(arms, "blank"), "Did training add to {}?")
        if arm.rung != "sft":
            before = "sft" + arm.route.removeprefix(arm.rung)
            same = next((one for one in _of_rung(arms, "sft") if one.route == before), None)
            yield from _against_twin(arm, same, f"Did {arm.rung} add to {{}}?")


def _head(arms: Sequence[Arm]) -> Iterator[Answered]:
    for both in _pairs(arms, "form", "head"):
        yield _effect(
            "What does the linear head add over the form?",
            both,
            up="the head scores higher than the form",
            down="the head scores lower than the form",
        )


def _mixed(arms: Sequence[Arm]) -> Iterator[Answered]:
    for both in _pairs(arms, "form", "mixed"):
        text = _text_fields(both.reference)
        whole = both.difference()
        result = f"all fields: {both.difference_text(whole)}; {both.size}"
        told = direction(whole, up="higher over all fields", down="lower over all fields")
        if text:
            found = both.difference(_mean_of(text))
            names = ", ".join(fmt.plain(name) for name in text)
            result = f"text ({names}): {both.difference_text(found)}; {result}"
            on_text = direction(
                found,
                up="no: text scores higher",
                down="yes: text scores lower",
                unsure=f"{{}} on text, a loss beyond {fmt.score(-found.ci[0])} is excluded",
            )
            told = f"{on_text}; {told}"
        else:
            told = f"no free-text field to compare; {told}"
        yield Answered(
            question="Does the mixed route cost quality on text?",
            result=result,
            interpretation=told,
        )


def _holdout(arms: Sequence[Arm]) -> Iterator[Answered]:
    dev = {(arm.route, arm.model): arm for arm in arms if arm.split == "dev"}
    for arm in arms:
        before = dev.get((arm.route, arm.model))
        if arm.split != "holdout" or arm.kind != "rung" or before is None:
            continue
        diff, ends = _independent_difference(before, arm)
        if ends[1] < 0:
            told = "no: scores lower than on dev, which was optimistic"
        elif ends[0] > 0:
            told = "scores higher than on dev"
        else:
            told = f"no drop shown at n={arm.num_examples}"
        yield Answered(
            question=f"Did {fmt.plain(arm.route)} hold up on the holdout?",
            result=f"dev {_measured(before)}; holdout {_measured(arm)}; "
            f"holdout - dev {fmt.difference(diff)} {fmt.difference_interval(ends)}",
            interpretation=told,
        )


QUESTIONS: tuple[Callable[[Sequence[Arm]], Iterator[Answered]], ...] = (
    _form_or_blank,
    _form_or_json,
    _parallel,
    _budget,
    _mechanisms,
    _thinking,
    _examples,
    _deferral,
    _stronger,
    _calibrated,
    _trained,
    _head,
    _mixed,
)


def _effect(question: str, both: Pair, *, up: str, down: str) -> Answered:
    found = both.difference()
    return Answered(
        question=question,
        result=f"{both.difference_text(found)}; {effort_text(both)}; {both.size}",
        interpretation=direction(found, up=up, down=down) + effort_shown(both),
    )


def _against_twin(arm: Arm, twin: Arm | None, question: str) -> Iterator[Answered]:
    both = pair(twin, arm) if twin is not None else None
    if both is not None:
        name = fmt.plain(both.reference.route)
        yield _effect(question.format(name), both, up="helped", down="hurt")


def _plainly(arm: Arm) -> Arm:
    """Return an arm under the name that it has where no other model is measured."""
    return replace(arm, route=arm.route.removesuffix(f"@{arm.model}"))


def _of_model(line: Answered, model: str) -> Answered:
    return Answered(
        question=f"{line.question} ({fmt.plain(model)})",
        result=line.result,
        interpretation=line.interpretation,
    )


def _of_rung(arms: Sequence[Arm], rung: str) -> list[Arm]:
    return [arm for arm in arms if arm.rung == rung]


def _first(arms: Sequence[Arm], rung: str) -> Arm | None:
    return next(iter(_of_rung(arms, rung)), None)


def _pairs(arms: Sequence[Arm], reference: str, candidate: str) -> Iterator[Pair]:
    first, second = _first(arms, reference), _first(arms, candidate)
    both = pair(first, second) if first and second else None
    if both is not None:
        yield both


def _twin(arm: Arm, arms: Sequence[Arm]) -> Arm | None:
    """Return the same route without its last `+part`, measured on the same model."""
    base = arm.route.rpartition("+")[0]
    return next((other for other in arms if base and other.route == base), None)


def _is_cut(row: Row) -> bool:
    """Return whether the token cap ended the answer before it was usable."""
    return CUT.match(row.error or "") is not None


def _cut_text(arm: Arm, share: float, ends: tuple[float, float]) -> str:
    caps = {found[1] for row in arm.rows if (found := CUT.match(row.error or ""))}
    num_cut = sum(_is_cut(row) for row in arm.rows)
    others = sum(row.status == "failed" and not _is_cut(row) for row in arm.rows)
    at = f" at {caps.pop()} tokens" if len(caps) == 1 else ""
    rest = f"; {others} more failed for other reasons" if others else ""
    return (
        f"{num_cut} of {len(arm.rows)} {fmt.plain(arm.route)} answers cut{at} and lost: "
        f"{fmt.percent(share)} {fmt.percent_interval(ends)}{rest}"
    )


def _text_fields(arm: Arm) -> tuple[str, ...]:
    """Return the scored fields whose answers are mostly distinct strings."""
    found = []
    for name in {name: None for row in arm.rows for name in row.fields}:
        given = [
            row.output[name]
            for row in arm.rows
            if isinstance(row.output, dict) and isinstance(row.output.get(name), str)
        ]
        if given and len(set(given)) > max(1.0, FREE_TEXT_SHARE * len(arm.rows)):
            found.append(name)
    return tuple(found)


def _mean_of(names: Sequence[str]) -> Callable[[Row], float]:
    return lambda row: sum(row.fields.get(name, 0.0) for name in names) / len(names)


def _measured(arm: Arm) -> str:
    return f"{fmt.score(arm.score)} {fmt.interval(arm.score_ci)}, n={arm.num_examples}"


def _independent_difference(before: Arm, after: Arm) -> tuple[float, tuple[float, float]]:
    """Return after minus before and its 95 % interval, from the two clustered intervals."""
    (low1, high1), (low2, high2) = before.score_ci, after.score_ci
    diff = after.score - before.score
    down = math.hypot(after.score - low2, high1 - before.score)
    up = math.hypot(high2 - after.score, before.score - low1)
    return diff, (max(-1.0, diff - down), min(1.0, diff + up))
