"""When to leave an endpoint alone, and how often requests may be sent again.

Counts outages only: an answer the endpoint gave on purpose (4xx) is none. Nygard, "Release It!",
2007 (circuit breaker); Google SRE book, chapter 21 (retry budgets).
"""

from __future__ import annotations

from rung.core.clock import monotonic_ms

FREE = 10


class Breaker:
    """Closed, open for a while after `failures` in a row, then one request tries."""

    def __init__(self, *, failures: int, rest_s: float) -> None:
        self._limit = failures
        self._rest_ms = rest_s * 1000
        self._in_a_row = 0
        self._closed_again_ms = 0.0
        self._probing = False
        self.throttled = False
        """The present rest is one the endpoint asked for."""

    @property
    def closed(self) -> bool:
        """Whether the endpoint is known to work: it neither rests nor is on trial."""
        return self._closed_again_ms == 0.0

    @property
    def rests_s(self) -> float:
        """How much longer the endpoint is to be left alone; 0 when it may be asked."""
        return max(0.0, (self._closed_again_ms - monotonic_ms()) / 1000)

    def may_ask(self) -> bool:
        """Return whether the endpoint may be asked.

        After the rest one caller may, the others wait for what becomes of it.
        """
        if self.closed:
            return True
        if self._probing or self.rests_s > 0:
            return False
        self._probing = True
        return True

    def rest(self, seconds: float, *, throttled: bool = False) -> None:
        """Leave the endpoint alone for some seconds; `throttled` when it asked for that."""
        self._closed_again_ms = max(self._closed_again_ms, monotonic_ms() + seconds * 1000)
        self.throttled = throttled
        self._probing = False

    def worked(self) -> None:
        """The endpoint answered. A rest under way goes on: what was asked before it began says
        nothing of now."""
        self._in_a_row = 0
        if self.rests_s == 0:
            self._closed_again_ms = 0.0
            self._probing = False

    def failed(self) -> None:
        """The endpoint failed; rest when it did so too often, or at its one try."""
        self._in_a_row += 1
        if self._in_a_row >= self._limit or self._probing:
            self.rest(self._rest_ms / 1000)

    def gave_up(self) -> None:
        """Whoever tried left before anything was known: the next caller may try."""
        self._probing = False


class Budget:
    """Lets requests be sent again up to a share of them, so that an outage is not doubled."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._asked = 0.0
        self._again = 0.0

    def asked(self) -> None:
        """Count a request; old ones fade, half of them every 1,000."""
        self._asked += 1
        if self._asked >= 2000:
            self._asked /= 2
            self._again /= 2

    def allows(self) -> bool:
        """Return whether one more sending is within the budget, and count it."""
        if self._again >= FREE + self._share * self._asked:
            return False
        self._again += 1
        return True
