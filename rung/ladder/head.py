"""Rungs `head` and `mixed`: a linear head for the choice slots, alone or with a model for the text.

The head is fitted on the train split only. Alone it copies the opening of the input into text slots
(the lead baseline of summarisation), so that it is a complete route without any language model.
Where the task prices errors, each is also proposed with decisions of least expected error cost.
"""

from __future__ import annotations

from dataclasses import replace

from rung.forms import Const, Value
from rung.ladder.rung import Rung, Situation
from rung.routes.answer import head_slots
from rung.routes.head import fit_head
from rung.routes.route import Route

MIN_EXAMPLES = 20


def propose_head(situation: Situation) -> tuple[Route, ...]:
    """Propose the head alone where it can fill every slot."""
    fillable = {slot.path for slot in head_slots(situation.form)}
    for name, node in situation.form.fields:
        text = isinstance(node, Value) and node.kind == "text"
        if name not in fillable and not text and not isinstance(node, Const):
            return ()
    if not _can_fit(situation):
        return ()
    plain = situation.route(
        name="head",
        rung="head",
        output="head",
        model="",
        max_tokens=0,
        head=_fit(situation),
        head_fields=tuple(sorted(fillable)),
    )
    return _with_costs(situation, plain)


def propose_mixed(situation: Situation) -> tuple[Route, ...]:
    """Propose the head for choice slots and the model for the rest of the form."""
    abilities = situation.capabilities
    takes_values = abilities.prefix and abilities.regex
    fillable = tuple(sorted(slot.path for slot in head_slots(situation.form)))
    rest = [slot for slot in situation.form.slots() if slot.path not in fillable]
    if not rest or not takes_values or not _can_fit(situation):
        return ()
    plain = situation.route(
        name="head+form",
        rung="mixed",
        output="form",
        head=_fit(situation),
        head_fields=fillable,
    )
    return _with_costs(situation, plain)


def _with_costs(situation: Situation, plain: Route) -> tuple[Route, ...]:
    """Add the same route deciding by expected error cost where the task prices errors."""
    cost = situation.task.error_cost
    if cost is None or cost.field not in plain.head_fields:
        return (plain,)
    return (plain, replace(plain, name=f"{plain.name}+cost", decide="cheapest"))


def _can_fit(situation: Situation) -> bool:
    return bool(head_slots(situation.form)) and len(situation.task.train) >= MIN_EXAMPLES


def _fit(situation: Situation) -> str:
    head = fit_head(situation.task.train, head_slots(situation.form), seed=situation.seed)
    return situation.artifacts.put(head.to_bytes())


HEAD = Rung(name="head", about="a linear model, no language model", propose=propose_head)
MIXED = Rung(name="mixed", about="linear head for choices, model for text", propose=propose_mixed)
