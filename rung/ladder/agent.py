"""Rungs of tasks with a world: from a blank page that is read, step by step, to all mechanisms.

Each rung adds one mechanism to the one before it, so that neighbouring arms tell what it does.
`recovery` is how an agent works unless told otherwise, with `memory` where the task's examples say
what a person said before; the rungs behind add to that one: solved examples, and with them handing
over in doubt (`deferral.py`), or, where a reference can be asked, its help (`stronger.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rung.agents.spec import AgentSpec
from rung.ladder import deferral, stronger
from rung.ladder.rung import Rung, Situation
from rung.routes.route import Route

NUM_SHOTS = 2
_BLANK = AgentSpec(loop="text", tools="schemas", guards=False, recovery=False)
_NATIVE = replace(_BLANK, loop="native")
_FORM = replace(_BLANK, loop="form")
_CARDS = replace(_FORM, tools="cards")
_GUARDS = replace(_CARDS, guards=True)
_RECOVERY = replace(_GUARDS, recovery=True)


def blank_route(situation: Situation) -> Route:
    """Return the raw model: thoughts and tool calls as free text."""
    return _route(situation, "blank", "blank", _BLANK)


def reference_route(situation: Situation) -> Route:
    """Return a strong model: its own tool calls where it has them, else the whole agent; told what
    was said before, as candidates are."""
    spec = _NATIVE if situation.capabilities.tool_calls else _RECOVERY
    memory = situation.task.spans_conversations
    spec = replace(spec, max_tokens=1024, memory=memory)
    return _route(situation, "reference", "reference", spec)


def _route(situation: Situation, name: str, rung: str, agent: AgentSpec) -> Route:
    train = situation.task.split_hashes["train"] if agent.num_shots else ""
    agent = replace(agent, seed=situation.seed)
    return situation.route(name=name, rung=rung, output="agent", agent=agent, train_hash=train)


def _always(name: str, rung: str, agent: AgentSpec) -> Callable[[Situation], tuple[Route, ...]]:
    return lambda situation: (_route(situation, name, rung, agent),)


def _native(situation: Situation) -> tuple[Route, ...]:
    if not situation.capabilities.tool_calls:
        return ()
    return (_route(situation, "native", "native", _NATIVE),)


def _shots(situation: Situation) -> tuple[Route, ...]:
    if not situation.task.train:
        return ()
    whole = _whole(situation)
    assert whole.agent is not None
    shown = replace(whole.agent, num_shots=NUM_SHOTS)
    return (_route(situation, f"{whole.name}+shots", "examples", shown),)


def _remembering(situation: Situation) -> tuple[Route, ...]:
    if not situation.task.spans_conversations:
        return ()
    return (_route(situation, "agent+memory", "memory", replace(_RECOVERY, memory=True)),)


def _alone(situation: Situation) -> Route:
    return _route(situation, "agent", "recovery", _RECOVERY)


def _whole(situation: Situation) -> Route:
    """Return the agent with everything that it does without solved examples and help."""
    return next(iter(_remembering(situation)), _alone(situation))


def _best_alone(situation: Situation) -> Route:
    """Return the agent with solved examples where there are some."""
    return next(iter(_shots(situation)), _whole(situation))


AGENT_LADDER: tuple[Rung, ...] = (
    Rung(
        name="blank",
        about="the baseline: thoughts and tool calls as free text, read tolerantly",
        propose=_always("blank", "blank", _BLANK),
        min_before_stop=30,
    ),
    Rung(name="native", about="the server's own tool calls", propose=_native),
    Rung(
        name="form",
        about="each step an action form: the tool a choice, its arguments slots",
        propose=_always("form", "form", _FORM),
        min_before_stop=30,
    ),
    Rung(
        name="cards",
        about="tool cards instead of JSON Schemas",
        propose=_always("form+cards", "cards", _CARDS),
        min_before_stop=30,
    ),
    Rung(
        name="guards",
        about="writes are checked before they are made",
        propose=_always("form+guards", "guards", _GUARDS),
        min_before_stop=30,
    ),
    Rung(
        name="recovery",
        about="scripted answers to failures; the agent as it works by default",
        propose=lambda situation: (_alone(situation),),
        min_before_stop=30,
    ),
    Rung(
        name="memory",
        about="what the same person stated in earlier conversations, recalled",
        propose=_remembering,
        min_before_stop=30,
    ),
    Rung(
        name="examples",
        about="similar train examples, solved, before the request",
        propose=_shots,
    ),
    Rung(
        name=deferral.NAME,
        about="hands the request to a person at a step in doubt",
        propose=lambda situation: deferral.deferring(situation, _best_alone(situation)),
    ),
    Rung(
        name=stronger.ESCALATION,
        about="single steps in doubt asked of the reference",
        propose=lambda situation: stronger.escalated(situation, _whole(situation)),
        needs=lambda situation: stronger.needs(situation, _whole(situation)),
        min_before_stop=30,
    ),
    Rung(
        name=stronger.OUTLINE,
        about="steps that the reference proposes before the first turn",
        propose=lambda situation: stronger.outlined(situation, _whole(situation)),
        min_before_stop=30,
    ),
)
AGENT_OPTIONAL: tuple[Rung, ...] = (
    Rung(
        name="shown",
        about="ids and mail addresses of a step chosen from those that were shown",
        propose=_always("agent+shown", "shown", replace(_RECOVERY, shown=True)),
        min_before_stop=30,
    ),
)
"""Climbed only when named: measured, this writes fewer tokens and is right no more often."""
