"""Rung `examples`: the form after the most similar train examples, shown as earlier turns."""

from __future__ import annotations

from rung.ladder.rung import Rung, Situation
from rung.routes.route import Route

NUM_SHOTS = 4


def propose(situation: Situation) -> tuple[Route, ...]:
    """Propose the form with dynamic few-shot examples."""
    if not situation.task.train:
        return ()
    return (
        situation.route(
            name="form+shots",
            rung="examples",
            output="form",
            num_shots=min(NUM_SHOTS, len(situation.task.train)),
            train_hash=situation.task.split_hashes["train"],
        ),
    )


RUNG = Rung(name="examples", about="similar train examples before the input", propose=propose)
