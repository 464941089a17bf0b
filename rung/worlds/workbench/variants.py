"""More queries of the templates of train, about other people, days and records, with answers.

A query of train is taken apart by its template; its slots are filled with words that other queries
of train have in slots of that name and file, and the oracle answers what comes out. Only what the
oracle can deduce is kept, so an answer never rests on a published one. Whether a new query is one
that dev or the holdout has is not known here; `gate/touching.py` says so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
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
        by_template[example.setup["template"]].append(example)
    found = []
    for template in sorted(set(templates) & by_template.keys()):
        drawn = _drawn(by_template[template], pools, stream(seed, "variants", template))
        made = 0
        for number in range(each * _TRIES):
            example = next(drawn)
            if made == each:
                break
            if example.input in known:
                continue
            known.add(example.input)
            answer = deduce(office, example)
            if answer is not None:
                made += 1
                target = {"calls": [call.to_json() for call in answer]}
                found.append(replace(example, id=f"variant-{template}-{number}", target=target))
    return found


def _pools(train: Sequence[Example]) -> Pools:
    pools: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for example in train:
        for slot, words in _slots(example).items():
            pools[_file(example), slot][words] = None
    return {key: sorted(words) for key, words in pools.items()}


def _drawn(members: Sequence[Example], pools: Pools, random: Random) -> Iterator[Example]:
    """Yield queries in the wordings of one template, without end."""
    while True:
        like = random.choice(members)
        slots = _slots(like)
        words = {slot: random.choice(pools[_file(like), slot]) for slot in slots}
        if len({word.casefold() for word in words.values()}) < len(words):
            continue  # two people, figures or days that are one
        yield replace(like, input=_told(like.setup["chosen_template"], words))


def _told(template: str, words: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda match: words[match[1]], template)


def _slots(example: Example) -> Mapping[str, str]:
    try:
        return slot_words(example)
    except Stuck:
        return {}


def _file(example: Example) -> str:
    return str(example.setup["template"]).rpartition("-")[0]
