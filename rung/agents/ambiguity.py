"""Do several records fit a request equally? Judged only where words alone can tell.

Of the records that the last look-up gave, one was picked. Each is worth the words of the request
(and of earlier results) in which it differs from the others. If another is worth as much, the pick
is a guess. Requests for several records ("the cards"), conditions, comparisons, times, and results
with running text, where rules may stand, need more than words: of those nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rung.agents.ids import is_id_key, leaves, occurs
from rung.agents.seen import LookUp, Seen, records_in
from rung.agents.words import FINDS, speaks_of_several, words_of

_SEVERAL = words_of(
    "all every each both any either everyone everybody anyone other another rest remaining several"
    " many some two three four five twice double duplicate pair those these them they their"
)
_CONDITIONS = words_of(
    "whoever whichever whose if unless only not without except but otherwise instead"
)
_COMPARES = words_of(
    "first last latest next previous earliest oldest newest recent recently highest lowest most"
    " least biggest largest smallest longest shortest cheapest best worst top more less over under"
    " above below than between before after until since older newer earlier later overdue late"
    " soonest upcoming current currently minimum maximum"
)
_TIMES = words_of(
    "today tomorrow yesterday tonight now morning afternoon evening noon week month year day date"
    " hour minute am pm monday tuesday wednesday thursday friday saturday sunday january february"
    " march april may june july august september october november december due"
)
Pairs = list[tuple[str, Any]]
_NUMBER_LIKE = re.compile(r"[\s$€£]*[-+]?\d[\d.,:/\sTZ-]*%?")


def rivals(ids: Sequence[str], seen: Seen) -> list[str]:
    """Return the records that fit as well as the one the ids pick, it among them; else nothing."""
    look_up = seen.last_look_up
    records = records_in(look_up.value) if look_up is not None else []
    picked = [i for i, record in enumerate(records) if _picks(ids, record, seen)]
    if look_up is None or len(records) < 2 or len(picked) != 1:
        return []
    telling = _telling(records)
    if seen.has_running_text or not _words_can_tell(seen.request, telling):
        return []
    if speaks_of_several(seen.request, _kinds(look_up)):
        return []
    known = words_of(look_up.before)
    worth = [len(words & known) for words in map(_words, telling)]
    best = [i for i, one in enumerate(worth) if one == max(worth)]
    if picked[0] not in best or len(best) < 2:
        return []
    return [_shown(records[i]) for i in best]


def _words_can_tell(request: str, telling: Sequence[Pairs]) -> bool:
    asked = words_of(request)
    if asked & (_SEVERAL | _CONDITIONS | _COMPARES):
        return False
    numbers = any(_NUMBER_LIKE.fullmatch(str(value)) for pairs in telling for _, value in pairs)
    speaks_of_numbers = bool(asked & _TIMES) or any(sign.isdigit() for sign in request)
    return not (numbers and speaks_of_numbers)


def _kinds(look_up: LookUp) -> frozenset[str]:
    """Return what the records of a look-up are called: by its tool, by their list, by their ids."""
    value, names = look_up.value, [look_up.call.tool]
    if isinstance(value, Mapping):
        names += [str(name) for name, one in value.items() if isinstance(one, list | tuple)]
    names += [name for name, _ in leaves(records_in(value)) if is_id_key(name)]
    return words_of(" ".join(names)) - FINDS


def _picks(ids: Sequence[str], record: Any, seen: Seen) -> bool:
    """Return whether an id is of this record and was settled neither by the request nor before."""
    texts = {str(leaf).casefold() for _, leaf in leaves(record)} - seen.settled
    return any(one.casefold() in texts and not occurs(one.casefold(), seen.prompt) for one in ids)


def _telling(records: Sequence[Any]) -> list[Pairs]:
    """Return of each record the values in which it differs from another."""
    rows = [_pairs(record) for record in records]
    return [[pair for pair in row if not all(pair in other for other in rows)] for row in rows]


def _pairs(record: Any) -> Pairs:
    """Return the named values of a record, flags among them."""
    pairs: Pairs = list(leaves(record))
    if isinstance(record, Mapping):
        pairs += [(name, value) for name, value in record.items() if isinstance(value, bool)]
    return pairs


def _words(pairs: Pairs) -> frozenset[str]:
    """Return the words of values; of a flag that is set, those of its name."""
    texts = [str(value) for _, value in pairs if not isinstance(value, bool)]
    texts += [name for name, value in pairs if value is True]
    return frozenset(word for word in words_of(" ".join(texts)) if len(word) > 2 or word.isdigit())


def _shown(record: Any) -> str:
    return ", ".join(str(leaf) for _, leaf in leaves(record))[:80]
