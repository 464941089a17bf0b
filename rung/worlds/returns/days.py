"""Days out of the ordinary, told in dev's words: what monitoring must notice and a route survive.

`surge`: presents and damage in transit come in as after the holidays. `new_failure`: one message
in seven tells of a fault that train has never heard of. `mislabelled`: a run of a fifth of the
messages has labels that somebody shifted by one; the texts are as ever.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from rung.core.errors import ConfigError
from rung.core.seeds import stream
from rung.core.spelling import did_you_mean
from rung.tasks.task import Example
from rung.worlds.returns.bank import NEW_FAILURE, load
from rung.worlds.returns.generate import SHARES, lines_of, plan, write
from rung.worlds.returns.reasons import IDS

Day = Literal["normal", "surge", "new_failure", "mislabelled"]
_SURGE = {"gift": 5.0, "shipping_damage": 2.5}
_NEW_SHARE, _SHIFTED_SHARE = 1 / 7, 0.2


def generate_day(day: Day, *, num_messages: int = 400, seed: int = 0) -> list[Example]:
    """Return the messages of one day, in the order they come in.

    Raises ConfigError for a kind of day that there is none of.
    """
    if day not in get_args(Day):
        raise ConfigError(
            f"there is no day {day!r}", hint=did_you_mean(day, [str(d) for d in get_args(Day)])
        )
    examples = _write(day, num_messages, seed)
    return _shift_labels(examples) if day == "mislabelled" else examples


def _write(day: Day, num_messages: int, seed: int) -> list[Example]:
    shares = {r: s * (_SURGE.get(r, 1.0) if day == "surge" else 1.0) for r, s in SHARES.items()}
    total = sum(shares.values())
    told = plan("dev", num_messages, {r: s / total for r, s in shares.items()}, seed)
    random, lines = stream(seed, "returns", "day", day), lines_of("dev", seed)
    new = load().families[NEW_FAILURE]
    found = []
    for i, (family, wording) in enumerate(told):
        if day == "new_failure" and random.random() < _NEW_SHARE:
            family = random.choice(new)
            wording = random.choice(family.say)
            own = replace(
                lines,
                says={**lines.says, family.reason: load().says[NEW_FAILURE]},
                asks={**lines.asks, family.reason: load().asks[NEW_FAILURE]},
            )
            found.append(write(family, wording, own, "dev", f"rt-day-{i:06d}", random))
            continue
        found.append(write(family, wording, lines, "dev", f"rt-day-{i:06d}", random))
    return found


def _shift_labels(examples: list[Example]) -> list[Example]:
    """Shift the labels of a run in the middle to the next reason of the list."""
    size = round(len(examples) * _SHIFTED_SHARE)
    start = (len(examples) - size) // 2
    found = list(examples)
    for i in range(start, start + size):
        at = (IDS.index(found[i].target["reason"]) + 1) % len(IDS)
        found[i] = replace(found[i], target={**found[i].target, "reason": IDS[at]})
    return found
