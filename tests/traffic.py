"""Captured calls of the task `mail`, as the gateway keeps them, with what callers said of them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from contextlib import closing

import tickets
from rung.core.clock import now_utc
from rung.store import Store
from rung.store.calls import Call, CallLog, Feedback

NEW_WORDS = {
    "billing": ["mandate", "sepa", "dunning", "arrears", "ledger", "iban"],
    "shipping": ["pallet", "customs", "forwarder", "tariff", "waybill", "hub"],
    "technical": ["firmware", "bluetooth", "battery", "sensor", "pairing", "driver"],
}
NEW_FILLER = ["kindly", "regarding", "dear", "sirs", "attached", "hereby", "pursuant", "enclosed"]


def inputs(num: int, *, seed: int, shifted: bool = False) -> list[tuple[str, str]]:
    """Return (text, label) pairs as `tickets.write_csv` draws them, or of other words."""
    words = NEW_WORDS if shifted else tickets.WORDS
    filler = NEW_FILLER if shifted else tickets.FILLER
    draw = random.Random(seed)
    found = []
    for number in range(num):
        label = draw.choice(sorted(words))
        said = draw.sample(words[label], 2) + draw.sample(filler, 6)
        if draw.random() < 0.3:
            said.append(draw.choice(words[draw.choice(sorted(words))]))
        draw.shuffle(said)
        mark = draw.randrange(100, 1000)
        found.append((f"{' '.join(said)} {mark}{chr(97 + number % 26)}", label))
    return found


def keep(
    pairs: Sequence[tuple[str, str]],
    *,
    says: str = "",
    corrected: bool = True,
    route: str = "head",
    first: int = 0,
) -> None:
    """Keep one call a pair, one conversation each; the route says `says`, else what is right.

    With `corrected`, callers accept right answers and correct wrong ones.
    """
    with closing(Store()) as store:
        log = CallLog(store)
        for number, (text, label) in enumerate(pairs, first):
            id_ = f"call_{number:028x}"
            answer = says or label
            call = Call(
                id=id_,
                created=now_utc(),
                conversation=f"c{number}",
                wire="task",
                model="task/mail",
                served_by=route,
                task="mail",
                mode="specialist",
                arm="specialist",
                status=200,
                request=json.dumps({"input": text}),
                response=json.dumps({"output": {"label": answer}}),
                cost_usd=0.0,
            )
            log.append([call])
            if corrected:
                right = answer == label
                said = None if right else json.dumps({"label": label})
                log.add_feedback(
                    Feedback(
                        created=now_utc(), tenant="", call_id=id_,
                        accepted=True if right else None, correction=said,
                    )
                )  # fmt: skip
