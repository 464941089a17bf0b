"""Memory: what one customer said, kept over conversations and restarts, recalled when it matters.

Three parts, one object: a window of the last turns, facts in the store with where they were said,
and a recall that compares the facts with the text at hand. Facts are extracted by rules, so memory
calls no model and keeps nothing that was not written; a correction supersedes what it corrects and
both stay readable. Whether an agent uses it is the agent's choice. Answers of a model are never a
source of facts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from rung.agents.memory_extract import extract as extract_by_rules
from rung.agents.memory_records import SELF, Context, Found, Turn
from rung.agents.memory_window import Window
from rung.agents.memory_words import HINTS, MIN_SALIENCE
from rung.agents.tokens import estimate_tokens
from rung.core.clock import now_utc
from rung.store import Claim, Fact, FactLog, Store
from rung.tasks.features import TextIndex

Extract = Callable[[Turn, Context], Sequence[Found]]

MAX_TURNS = 12
MAX_WINDOW_TOKENS = 800
MAX_RECALL_TOKENS = 200
MAX_FACTS_PER_TURN = 64
"""A turn that states more is pasted data; of that the first ones are kept."""
STANDING_SALIENCE = 0.9
"""Facts of at least this salience (allergies, standing instructions) concern any text."""
_MIN_SIMILARITY = 0.05
_SALIENCE_WEIGHT = 0.1
"""Of salience against similarity, both 0 to 1."""
_logger = logging.getLogger(__name__)


class Memory:
    """What is remembered of one owner (a user or customer) of one task, in one conversation.

    Two owners, and two tasks, never see each other's facts. Raises StoreError when the store
    cannot be read or written.
    """

    def __init__(
        self,
        store: Store,
        *,
        task: str,
        owner: str,
        conversation: str,
        extract: Extract = extract_by_rules,
        count_tokens: Callable[[str], int] = estimate_tokens,
        now: Callable[[], str] = now_utc,
        max_recall_tokens: int = MAX_RECALL_TOKENS,
        max_turns: int = MAX_TURNS,
        max_window_tokens: int = MAX_WINDOW_TOKENS,
    ) -> None:
        self._facts = FactLog(store, task=task, owner=owner)
        self._conversation = conversation
        self._extract = extract
        self._count_tokens = count_tokens
        self._now = now
        self._max_recall_tokens = max_recall_tokens
        self.window = Window(
            max_turns=max_turns, max_tokens=max_window_tokens, count_tokens=count_tokens
        )

    def observe(self, turn: Turn) -> tuple[Fact, ...]:
        """Take the next turn; return the facts kept from it, none of an assistant's.

        A turn observed before, by its number, adds nothing: a run that was killed may repeat it.
        """
        answer = self.window.answer()
        self.window.add(turn)
        if turn.role != "user":
            return ()
        context = Context(
            conversation=self._conversation, now=self._now(), facts=self.facts(), answer=answer
        )
        found = [item for item in self._extract(turn, context) if _is_sound(item.claim, turn)]
        kept = [
            self._facts.add(item.claim, only=item.only, instead_of=item.instead_of)
            for item in found[:MAX_FACTS_PER_TURN]
        ]
        return tuple(fact for fact in kept if fact is not None)

    def recall(self, text: str) -> tuple[Fact, ...]:
        """Return the facts that matter to `text`, the most relevant first, within the token budget.

        Facts that are superseded or have expired are left out, and those that have nothing in
        common with the text unless they are of standing salience.
        """
        facts = self.facts()
        if not facts:
            return ()
        index = TextIndex([_document(fact) for fact in facts])
        scored = [
            (similarity + _SALIENCE_WEIGHT * fact.salience, fact)
            for similarity, fact in zip(index.similarities(text).tolist(), facts, strict=True)
            if similarity >= _MIN_SIMILARITY or fact.salience >= STANDING_SALIENCE
        ]
        scored.sort(key=lambda pair: (-pair[0], -pair[1].id))
        return self._fitting(fact for _, fact in scored)

    def facts(self) -> tuple[Fact, ...]:
        """Return every fact that holds now, oldest first."""
        now = self._now()
        return tuple(fact for fact in self._facts.all() if fact.holds(now))

    def history(self) -> tuple[Fact, ...]:
        """Return every fact ever kept, superseded and expired ones too, oldest first."""
        return self._facts.all()

    def forget(self) -> int:
        """Delete everything kept of this owner in this task; return how many facts that were."""
        return self._facts.forget()

    def _fitting(self, facts: Iterable[Fact]) -> tuple[Fact, ...]:
        """Return the facts whose lines fit the budget; one that does not is passed over."""
        left = self._max_recall_tokens
        fitting = []
        for fact in facts:
            num_tokens = self._count_tokens(f"{render([fact])}\n")
            if num_tokens <= left:
                left -= num_tokens
                fitting.append(fact)
        return tuple(fitting)


def render(facts: Iterable[Fact]) -> str:
    """Return one line a fact, `attribute: value`, with whom it is about unless it is the user."""
    return "\n".join(f"- {_topic(fact)}: {fact.value}" for fact in facts)


def _topic(fact: Claim) -> str:
    return fact.attribute if fact.subject == SELF else f"{fact.subject}'s {fact.attribute}"


def _document(fact: Fact) -> str:
    """Return the text by which a fact is found: what it says, the sentence, and hints."""
    return f"{_topic(fact)} {fact.value} {fact.quote} {HINTS.get(fact.attribute, '')}"


def _is_sound(claim: Claim, turn: Turn) -> bool:
    """Return whether a claim says what its turn says, on one line, and matters enough to keep."""
    said = turn.text[claim.start : claim.end] == claim.value and claim.value.strip() != ""
    if not said or len(claim.value.splitlines()) != 1:
        _logger.warning("left out a value of %s: turn %d lacks it", claim.attribute, turn.number)
        return False
    return claim.salience >= MIN_SALIENCE
