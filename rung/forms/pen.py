"""What writes an answer from left to right: fixed text, one of several options, a drawn value.

Two pens exist: `token_pen.py` decides every token in this process, `request_pen.py` asks a server.
`walk.py` holds either and knows neither. Methods that need the engine are `Work`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rung.core.records import Effort, Usage
from rung.forms.drive import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What the engine says about options; `logprobs` is empty where it only names its choice."""

    logprobs: tuple[float, ...] = ()
    mass: float = 0.0
    """Probability the unrestricted model gave to beginning any option; 0 when unknown."""
    chosen: int | None = None
    """The engine's own choice, where it gives no scores."""
    said: str = ""
    """What it said instead of an option."""


Judge = Callable[[Scores], int]
"""Names the winning option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A literal to be generated: its grammar, and where the code ends it."""

    regex: str = ""
    """Expression of what is still to be written of the literal."""
    json_schema: str = ""
    """Goes before `regex`: a self-contained JSON Schema."""
    chunks: tuple[str, ...] = ()
    """Goes before both: the literal is a run of these JSON-escaped pieces, then a quote."""
    nullable: bool = False
    """With `chunks`: the literal may be null instead, and its opening quote does not stand yet."""
    opening: str = ""
    """What stands of the literal already: nothing, or its quote."""
    max_chars: int = 0
    max_items: int = 0
    max_tokens: int
    temperature: float = 0.0
    seed: int = 0
    raw: bool = False
    """The literal is plain text up to the end of the line, not JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A drawn literal, `opening` included."""

    text: str
    cut: bool = False
    """It ended for want of tokens."""
    broken: bool = False
    """It ended because it was full, and perhaps inside a word."""


class Pen(Protocol):
    """Writes one answer."""

    @property
    def text(self) -> str:
        """What stands so far."""
        ...

    @property
    def usage(self) -> Usage:
        """The tokens it took so far."""
        ...

    @property
    def effort(self) -> Effort:
        """What else it took so far."""
        ...

    @property
    def max_forks(self) -> int:
        """How many pens may go on from here at once."""
        ...

    def write(self, text: str) -> None:
        """Write fixed text."""
        ...

    def choose(
        self,
        options: Sequence[str],
        after: Sequence[Sequence[str]],
        judge: Judge,
        *,
        write: bool = True,
    ) -> Work[int]:
        """Let the engine weigh the options and write the one that `judge` names.

        `after` are for each option the texts one of which will follow; none where that is open.
        With `write=False` the option is left for the caller to write, who must write something that
        starts with it.
        """
        ...

    def draw(self, draw: Draw, after: Sequence[str]) -> Work[Drawn]:
        """Let the engine write a literal that one of `after` follows."""
        ...

    def mark(self) -> Any:
        """Return the present state."""
        ...

    def rewind(self, mark: Any) -> None:
        """Go back to a marked state."""
        ...

    def fork(self, count: int) -> Work[list[Any]]:
        """Return `count` pens that go on from here, each on its own."""
        ...

    def close(self, *, keep: bool) -> None:
        """Give the engine's resources back; `keep` says that they may serve again."""
        ...
