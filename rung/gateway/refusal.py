"""What the gateway says when it does not answer: one shape for clients of each wire.

A refusal is the client's or an endpoint's doing, and ends one request. It is not an error of the
set-up (`GatewayError`), which ends the server.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}
_ANTHROPIC = {404: "not_found_error", 413: "request_too_large", 503: "overloaded_error"}


class Refusal(Exception):  # noqa: N818 - an answer to one client, not an error of ours
    """Ends a request with an HTTP status, a code for programs and a sentence for people."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after_s: float | None = None,
        allow: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s
        self.allow = allow
        """The method that the address takes, where another was used."""

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return `retry-after`, in whole seconds, and `allow`, where there is one."""
        found = [(b"allow", self.allow.encode())] if self.allow else []
        if self.retry_after_s is not None:
            found.append((b"retry-after", str(max(1, math.ceil(self.retry_after_s))).encode()))
        return found

    def body(self, wire: str = "chat") -> bytes:
        """Return the error as the wire's clients read it."""
        return msgspec.json.encode(self.to_json(wire))

    def to_json(self, wire: str = "chat") -> dict[str, Any]:
        """Return the error in OpenAI's shape, or in Anthropic's for `messages`."""
        kind = _TYPES.get(self.status, "api_error")
        if wire == "messages":
            kind = _ANTHROPIC.get(self.status, kind)
            return {"type": "error", "error": {"type": kind, "message": self.message}}
        if self.code == "insufficient_quota":
            kind = "insufficient_quota"
        error = {"message": self.message, "type": kind, "param": None, "code": self.code}
        return {"error": error}
