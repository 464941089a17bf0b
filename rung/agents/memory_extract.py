"""What a customer's message states, by rules: no model, and nothing that is not in the text.

A fact is taken only from the customer's own words, with the place of its value. Questions and
assumptions state nothing; secrets and passing states are not kept. The wordings are in
`memory_rules.py`, corrections in `memory_corrections.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rung.agents.memory_corrections import Said, begins_with_cue, find_correction
from rung.agents.memory_records import SELF, Context, Found, Turn
from rung.agents.memory_rules import RULES, Rule
from rung.agents.memory_sentences import Sentence, sentences
from rung.agents.memory_words import (
    LASTING,
    NOTHING,
    PASSING,
    attribute_name,
    is_secret,
    lifetime,
    weight,
)
from rung.store import Claim

_CORRECTED = 0.05
"""Added to the salience of what a customer took the trouble to put right."""
_QUOTES = "\"'“”‘’`*"
_CLAUSE = re.compile(r"[,;.!?]\s|\s(?:and|but|so)\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A sentence of a turn, and what was said before it."""

    sentence: Sentence
    turn: Turn
    context: Context
    earlier: tuple[Claim, ...]
    """What this turn has stated so far."""
    corrects: bool
    """Whether it begins with "actually" or the like, or follows a sentence that said only that."""


def extract(turn: Turn, context: Context) -> tuple[Found, ...]:
    """Return what the turn states, in the order in which it is written."""
    found: list[Found] = []
    corrects = False
    for sentence in sentences(turn.text):
        earlier = tuple(item.claim for item in found)
        corrects = corrects or begins_with_cue(sentence.text)
        reading = _Reading(
            sentence=sentence, turn=turn, context=context, earlier=earlier, corrects=corrects
        )
        stated = list(_state(reading))
        stated += _correct(replace(reading, earlier=(*earlier, *(item.claim for item in stated))))
        corrects = begins_with_cue(sentence.text) and not stated
        found += stated
    return tuple(sorted(found, key=lambda item: item.claim.start))


def _state(reading: _Reading) -> Iterator[Found]:
    """Yield what the rules find in a sentence; of overlapping values the first rule's."""
    taken: list[range] = []
    for rule in RULES:
        if reading.sentence.asks and not rule.mentions:
            continue
        for match in rule.pattern.finditer(reading.sentence.text):
            span = _unquoted(*match.span("value"), reading.sentence.text)
            if any(span.start < other.stop and other.start < span.stop for other in taken):
                continue
            if span and _worth_keeping(rule, match, reading.sentence):
                taken.append(span)
                yield _found(rule, match, span, reading)


def _worth_keeping(rule: Rule, match: re.Match[str], sentence: Sentence) -> bool:
    value = match["value"].strip(_QUOTES)
    if is_secret(match[0], value) or not sentence.asserts(match.start()):
        return False
    if not rule.may_pass:
        return True
    lasting = LASTING.search(_attribute(rule, match))
    return not NOTHING.match(value) and bool(lasting or not PASSING.match(value))


def _found(rule: Rule, match: re.Match[str], span: range, reading: _Reading) -> Found:
    attribute = _attribute(rule, match)
    now = reading.context.now
    claim = Claim(
        subject=(match.groupdict().get("subject") or SELF).lower(),
        attribute=attribute,
        value=reading.sentence.text[span.start : span.stop],
        salience=weight(attribute, rule.salience),
        conversation=reading.context.conversation,
        turn=reading.turn.number,
        start=reading.sentence.start + span.start,
        end=reading.sentence.start + span.stop,
        quote=reading.sentence.text,
        created=now,
        expires=now if rule.ends else lifetime(attribute, _clause(match), now),
    )
    found = Found(claim=claim, only=rule.only)
    return found if rule.mentions or not reading.corrects else _instead(found, reading)


def _instead(found: Found, reading: _Reading) -> Found:
    """Return a claim of a sentence that corrects, with the value it takes the place of."""
    told = (found.claim.subject, found.claim.attribute)
    stated = (*reading.context.facts, *reading.earlier)
    before = [claim.value for claim in stated if (claim.subject, claim.attribute) == told]
    return replace(found, claim=_weightier(found.claim), instead_of=before[-1] if before else "")


def _correct(reading: _Reading) -> Iterator[Found]:
    """Yield the correction in a sentence, unless a rule has found its value."""
    sentence, context = reading.sentence, reading.context
    said = Said(
        stated=(*context.facts, *reading.earlier),
        answer=context.answer,
        conversation=context.conversation,
        turn=reading.turn.number,
    )
    correction = find_correction(sentence.text, said, start=sentence.start)
    if correction is None or sentence.asks:
        return
    span = _unquoted(correction.start, correction.end, sentence.text)
    start, end = sentence.start + span.start, sentence.start + span.stop
    value = reading.turn.text[start:end]
    known = any(start < claim.end and claim.start < end for claim in reading.earlier)
    if known or is_secret(sentence.text, value):
        return
    claim = Claim(
        subject=correction.before.subject,
        attribute=correction.before.attribute,
        value=value,
        salience=correction.before.salience,
        conversation=context.conversation,
        turn=reading.turn.number,
        start=start,
        end=end,
        quote=sentence.text,
        created=context.now,
        expires=correction.before.expires,
    )
    yield Found(claim=_weightier(claim), instead_of=correction.before.value)


def _weightier(claim: Claim) -> Claim:
    return replace(claim, salience=round(min(1.0, claim.salience + _CORRECTED), 3))


def _attribute(rule: Rule, match: re.Match[str]) -> str:
    return rule.attribute or attribute_name(match["attribute"])


def _unquoted(start: int, end: int, text: str) -> range:
    """Return the part of a span inside its quotation marks."""
    while start < end and text[start] in _QUOTES:
        start += 1
    while end > start and text[end - 1] in _QUOTES:
        end -= 1
    return range(start, end)


def _clause(match: re.Match[str]) -> str:
    """Return the match with what stands beside it up to the next comma or "and"."""
    start, end = match.span()
    lead = _CLAUSE.split(match.string[:start])[-1]
    tail = _CLAUSE.split(match.string[end:])[0]
    return f"{lead}{match.string[start:end]}{tail}"
