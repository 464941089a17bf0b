"""`POST /v1/feedback`: what became of a call, by its id; sooner or later, once or often."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from rung.core.clock import now_utc
from rung.gateway.access import Visitor
from rung.gateway.refusal import Refusal
from rung.gateway.service import Service
from rung.store.calls import Feedback


class FeedbackBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body: the call, and at least one thing about it."""

    call_id: Annotated[str, msgspec.Meta(pattern=r"^call_[0-9a-f]{28}$")]
    accepted: bool | None = None
    reward: Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)] | None = None
    correction: Any = msgspec.UNSET
    """What the answer should have been."""
    comment: Annotated[str, msgspec.Meta(max_length=10_000)] = ""


def read_feedback(service: Service, visitor: Visitor, body: bytes) -> Feedback:
    """Decode and redact feedback. Raises Refusal 400.

    It is filed under the visitor's tenant, so nobody can speak about another tenant's calls.
    """
    try:
        said = msgspec.json.decode(body, type=FeedbackBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, "invalid_request", f"the body cannot be read: {error}") from None
    corrected = said.correction is not msgspec.UNSET
    if said.accepted is None and said.reward is None and not corrected and not said.comment:
        message = "say at least one of accepted, reward, correction and comment"
        raise Refusal(400, "invalid_request", message)
    redact = service.redactor
    return Feedback(
        created=now_utc(),
        tenant=visitor.tenant,
        call_id=said.call_id,
        accepted=said.accepted,
        reward=said.reward,
        correction=redact.json(msgspec.json.encode(said.correction)) if corrected else None,
        comment=redact.text(said.comment),
    )
