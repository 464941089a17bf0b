"""Who may come in: keys, scopes, rates and budgets.

Keys are looked up by the digest of what the client sent. Without any key in the store everybody on
this machine may come in (`serve.py` refuses to listen elsewhere then). Changes made by
`rung keys` are seen within a second.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from rung.core.clock import monotonic_ms, now_utc
from rung.gateway.refusal import Refusal
from rung.store.keys import Key, KeyLog, digest_of


@dataclass(slots=True, kw_only=True)
class Visitor:
    """A key in use: what it has left. Without a key everything is allowed."""

    key: Key | None = None
    tokens: float = 0.0
    """Requests it may still make at once."""
    filled_ms: float = field(default_factory=monotonic_ms)
    month: str = ""
    spent_usd: float = 0.0

    @property
    def tenant(self) -> str:
        """Whose calls these are."""
        return self.key.tenant if self.key else ""

    @property
    def key_id(self) -> str:
        """Id of the key, for the calls it makes."""
        return self.key.id if self.key else ""

    def may_use(self, model: str) -> bool:
        """Return whether a scope matches a model or `task/NAME`."""
        if self.key is None:
            return True
        return any(
            model.startswith(scope[:-1]) if scope.endswith("*") else model == scope
            for scope in self.key.scopes
        )

    def enter(self, model: str) -> None:
        """Count a request for a model. Raises Refusal when scope, budget or rate forbid it."""
        key = self.key
        if key is None:
            return
        if not self.may_use(model):
            # the same words as for a model that does not exist: a key learns nothing of others
            raise unknown_model(model)
        self._check_budget(key)
        if key.requests_per_minute:
            self._take_token(key.requests_per_minute)

    def spend(self, cost_usd: float | None) -> None:
        """Count what a call cost."""
        self.spent_usd += cost_usd or 0.0

    def check_priced(self, model: str, *, priced: bool) -> None:
        """Raise Refusal when a key with a budget asks for a model without a price."""
        if self.key is not None and self.key.budget_usd is not None and not priced:
            message = f"{model!r} has no price, so a key with a budget cannot use it"
            raise Refusal(403, "model_without_price", message)

    def _check_budget(self, key: Key) -> None:
        month = now_utc()[:7]
        if month != self.month:
            self.month, self.spent_usd = month, 0.0
        if key.budget_usd is not None and self.spent_usd >= key.budget_usd:
            message = f"this key's budget of ${key.budget_usd:g} for {month} is used up"
            raise Refusal(429, "insufficient_quota", message)

    def _take_token(self, per_minute: int) -> None:
        now_ms = monotonic_ms()
        gained = (now_ms - self.filled_ms) * per_minute / 60_000
        self.tokens = min(self.tokens + gained, float(per_minute))
        self.filled_ms = now_ms
        if self.tokens < 1.0:
            wait_s = (1.0 - self.tokens) * 60 / per_minute
            message = f"more than {per_minute} requests a minute with this key"
            raise Refusal(429, "rate_limit_exceeded", message, retry_after_s=wait_s)
        self.tokens -= 1.0


def unknown_model(model: str) -> Refusal:
    """Return the refusal for a model that does not exist, or that a key may not know of."""
    message = f"the model {model!r} does not exist or this key has no access to it"
    return Refusal(404, "model_not_found", message)


class Door:
    """Knows every working key. `required` is whether there is any."""

    def __init__(self, log: KeyLog) -> None:
        self._log = log
        self._visitors: dict[str, Visitor] = {}
        self._anybody = Visitor()
        self.required = False
        self.reload()

    def reload(self) -> None:
        """Read the keys anew; what those known already have left stays."""
        keys = self._log.list()
        month = now_utc()[:7]
        spent = self._log.spent_usd(month)
        visitors: dict[str, Visitor] = {}
        for key in keys:
            if key.revoked:
                continue
            visitor = self._visitors.get(key.digest) or Visitor(
                tokens=float(key.requests_per_minute),
                month=month,
                spent_usd=spent.get(key.id, 0.0),
            )
            visitor.key = key
            visitors[key.digest] = visitor
        self._visitors = visitors  # at once: this runs in a thread while requests are admitted
        # once keys were made, revoking the last one must not open the door
        self.required = bool(keys)

    def admit(self, headers: Iterable[tuple[bytes, bytes]]) -> Visitor:
        """Return who is asking. Raises Refusal 401."""
        if not self.required:
            return self._anybody
        text = _sent_key(headers)
        digest = digest_of(text)
        visitor = self._visitors.get(digest)
        if visitor is None or visitor.key is None or not hmac.compare_digest(
            visitor.key.digest, digest
        ):  # fmt: skip
            message = "no key was sent" if not text else "this key is not known or was revoked"
            raise Refusal(401, "invalid_api_key", message)
        return visitor


def _sent_key(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the key of `Authorization: Bearer` (OpenAI) or `x-api-key` (Anthropic)."""
    found = ""
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip().decode("latin-1")
        if name == b"x-api-key":
            found = value.strip().decode("latin-1")
    return found
