"""More queries of the templates of train, about other people, days and records, with answers.

A query of train is taken apart by its template; its slots are filled with words that other queries
of train have in slots of that name and file, and the oracle answers what comes out. Only what the
oracle can deduce is kept, so an answer never rests on a published one. Whether a new query is one
that dev or the holdout has is not known here; `gate/touching.py` says so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from random import Random

from rung.core.seeds import stream
from rung.tasks.task import Example
from rung.worlds.workbench.oracle import Office, deduce
from rung.worlds.workbench.oracle.episode import Stuck, slot_words

_TRIES = 8
"""Queries drawn for each that is wanted; many ask of records that are not there."""
_SLOT = re.compile(r"\{(\w+)\}")

Pools = Mapping[tuple[str, str], Sequence[str]]
"""By file and slot: the words that queries of train have there, each once."""


def variants(
    office: Office, train: Sequence[Example], templates: Collection[str], *, each: int, seed: int
) -> list[Example]:
    """Return up to `each` new queries of every template named, with what must be written."""
    pools, known = _pools(train), {example.input for example in train}
    by_template: dict[str, list[Example]] = defaultdict(list)
    for example in train:
        if _slots(example):
            by_template[example.setup["template"]].append(example)
    found: list[Example] = []
    for template in sorted(set(templates) & by_template.keys()):
        random, last = stream(seed, "variants", template), len(found) + each
        for number in range(each * _TRIES):
            if len(found) == last:
                break
            text, like = _draw(by_template[template], pools, random)
            if text in known:
                continue
            known.add(text)
            asked = replace(like, id=f"variant-{template}-{number}", input=text)
            answer = deduce(office, asked)
            if answer is not None:
                found.append(replace(asked, target={"calls": [c.to_json() for c in answer]}))
    return found


def _pools(train: Sequence[Example]) -> Pools:
    pools: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for example in train:
        for slot, words in _slots(example).items():
            pools[_file(example), slot][words] = None
    return {key: sorted(words) for key, words in pools.items()}


def _draw(members: Sequence[Example], pools: Pools, random: Random) -> tuple[str, Example]:
    """Return a query in the wording of one of a template's, and that one.

    Where two slots would say the same (two people who are one), it is that one's own query.
    """
    like = random.choice(members)
    words = {slot: random.choice(pools[_file(like), slot]) for slot in _slots(like)}
    if len({word.casefold() for word in words.values()}) < len(words):
        return like.input, like
    return _SLOT.sub(lambda match: words[match[1]], like.setup["chosen_template"]), like


def _slots(example: Example) -> Mapping[str, str]:
    try:
        return slot_words(example)
    except Stuck:
        return {}


def _file(example: Example) -> str:
    return str(example.setup["template"]).rpartition("-")[0]
