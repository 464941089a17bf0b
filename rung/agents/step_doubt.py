"""Is a step in doubt? What speaks against it before it is taken; no model is asked.

A turn that cannot be read; one that hands the request over; a tool, or an argument that is a
choice, less probable than the spec's `min_p`; a call that would not be made (no such tool,
arguments that break its schema, a guessed id, one of several records that fit equally, a
repetition); a turn before it that had no effect. Of a turn with several calls the first is looked
at. What follows from a doubt is not decided here.
"""

from __future__ import annotations

from rung.agents.act import Hands
from rung.agents.actions import ABSTAIN
from rung.agents.assignment import Assignment
from rung.agents.speak import Reply
from rung.agents.spec import AgentSpec


def doubt_about(
    reply: Reply, problem: str, assignment: Assignment, hands: Hands, *, num_stalled: int
) -> str:
    """Return what speaks against taking this step, nothing where nothing does.

    `problem` is why the turn holds nothing to do; `num_stalled` turns before it had no effect.
    """
    if problem:
        return f"not readable: {problem}"
    if any(call.tool == ABSTAIN for call in reply.calls):
        return "hands over"
    call = reply.calls[0]
    if doubt := improbable(reply, assignment.spec):
        return doubt
    ends = call.tool in assignment.actions.endings
    if not ends and (objection := hands.objection(call)):
        return f"{call.tool}: {objection}"
    return "the turn before had no effect" if num_stalled else ""


def improbable(reply: Reply, spec: AgentSpec) -> str:
    """Return the step of a turn that is less probable than the spec's `min_p`, else nothing."""
    if reply.p is None or reply.p >= spec.min_p or reply.calls[0].tool == ABSTAIN:
        return ""
    return f"{reply.calls[0].tool} at p {reply.p:.2f}"
