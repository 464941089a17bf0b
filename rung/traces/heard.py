"""What production said of a task's answers: each served input with its label, where it has one.

A label is, in this order: the correction of a caller, the answer a caller accepted, the frontier's
answer (served, or beside the specialist). A caller's last word counts. An answer that was rejected
is no label, and silence is none either. Whether a label fits the task's form is for
`tasks/fresh.py`; the texts are those that capture kept, so without personal data.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rung.store.calls import Call, CallLog, Feedback
from rung.traces.trace import dict_of, dicts_of

Source = Literal["", "frontier", "accepted", "correction"]
_ANSWERED = ("ok", "repaired", "escalated", "abstained", "failed", "refused")
_WIRES = ("task", "chat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A served input, and what was said about its answer."""

    id: str
    created: str
    tenant: str
    conversation: str
    text: str
    served_by: str
    """The route that answered."""
    arm: str
    output: Any
    """The answer that was served, decoded; None where there was none."""
    label: Any = None
    source: Source = ""
    accepted: bool | None = None
    """A caller's verdict; a correction is a rejection. None while nobody has said."""
    audited: tuple[Any, Any] | None = None
    """The specialist's and the frontier's answer, where both were asked whatever the doubt."""
    latency_ms: float = 0.0
    """Of the route alone."""
    cost_usd: float = 0.0


def hear(log: CallLog, task: str, *, until: str = "") -> list[Heard]:
    """Return the answered inputs of a task, oldest first, up to the call of this id."""
    served: list[Call] = []
    beside: dict[str, Call] = {}
    for call in log.read(task=task):
        if call.wire not in _WIRES or call.status != 200 or call.outcome not in _ANSWERED:
            continue
        if call.pair:
            beside[call.pair] = call
        elif not until or call.id <= until:
            served.append(call)
    said = _feedback(log, served)
    found = (_heard(call, beside.get(call.id), said.get(call.id, ())) for call in served)
    return [one for one in found if one is not None]


def answer_text(response: Any) -> str:
    """Return what an answer says, on whatever wire it went: as text, JSON where it was JSON."""
    if not isinstance(response, dict):
        return ""
    if isinstance(response.get("output"), dict):
        return json.dumps(response["output"], ensure_ascii=False)
    choice = next(iter(dicts_of(response.get("choices"))), {})
    message = dict_of(choice.get("message"))
    content, calls = message.get("content"), dicts_of(message.get("tool_calls"))
    if isinstance(content, str) and (content or len(calls) != 1):
        return content
    if len(calls) == 1:
        arguments = dict_of(calls[0].get("function")).get("arguments", "")
        return arguments if isinstance(arguments, str) else json.dumps(arguments)
    return "".join(str(block.get("text") or "") for block in dicts_of(response.get("content")))


def _feedback(log: CallLog, served: Sequence[Call]) -> dict[str, Sequence[Feedback]]:
    ids: dict[str, list[str]] = defaultdict(list)
    for call in served:
        ids[call.tenant].append(call.id)
    said: dict[str, Sequence[Feedback]] = {}
    for tenant, own in ids.items():
        said |= log.feedback(own, tenant)
    return said


def _heard(call: Call, beside: Call | None, said: Sequence[Feedback]) -> Heard | None:
    text = _input(_decoded(call.request))
    if not text.strip():
        return None
    output, other = _output(call), _output(beside) if beside else None
    accepted, correction = last_word(said)
    label, source = _label(call, output, beside, other, accepted, correction)
    return Heard(
        id=call.id,
        created=call.created,
        tenant=call.tenant,
        conversation=call.conversation or call.id,
        text=text,
        served_by=call.served_by,
        arm=call.arm,
        output=output,
        label=label,
        source=source,
        accepted=accepted,
        audited=_audited(call, output, beside, other),
        latency_ms=call.upstream_ms,
        cost_usd=call.cost_usd or 0.0,
    )


def last_word(said: Sequence[Feedback]) -> tuple[bool | None, Any]:
    """Return a caller's last word: accepted or not, and the correction that came with it."""
    for feedback in reversed(said):
        correction = _decoded(feedback.correction) if feedback.correction else None
        if correction is not None:
            return False, correction
        if feedback.accepted is not None:
            return feedback.accepted, None
    return None, None


def _label(
    call: Call, output: Any, beside: Call | None, other: Any, accepted: bool | None, correction: Any
) -> tuple[Any, Source]:
    if correction is not None:
        return correction, "correction"
    if accepted and output is not None:
        return output, "accepted"
    if call.arm == "frontier" and accepted is None and output is not None:
        return output, "frontier"
    if beside is not None and beside.arm == "frontier" and other is not None:
        return other, "frontier"
    return None, ""


def _audited(call: Call, output: Any, beside: Call | None, other: Any) -> tuple[Any, Any] | None:
    """Return both arms' answers unless a doubt brought the second one: those are not a sample."""
    if beside is None or call.outcome in ("escalated", "refused"):
        return None
    both = {call.arm: output, beside.arm: other}
    if both.get("frontier") is None or "specialist" not in both:
        return None
    return both["specialist"], both["frontier"]


def _output(call: Call) -> Any:
    return _decoded(answer_text(_decoded(call.response)))


def _input(request: Any) -> str:
    if not isinstance(request, dict):
        return ""
    if isinstance(request.get("input"), str):
        return str(request["input"])
    messages = request.get("messages")
    users = [
        message.get("content")
        for message in (messages if isinstance(messages, list) else [])
        if isinstance(message, dict) and message.get("role") == "user"
    ]
    if len(users) != 1:
        return ""
    if isinstance(users[0], list):
        return "\n".join(str(p.get("text", "")) for p in users[0] if isinstance(p, dict))
    return str(users[0] or "")


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
