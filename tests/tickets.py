"""A small labelled set and a scripted model that reads it badly, for end-to-end tests."""

from __future__ import annotations

import json
import random
from pathlib import Path

from rung.engines.base import Capabilities, Request
from rung.engines.fake import FakeEngine

WORDS = {
    "billing": ["invoice", "charged", "refund", "payment", "receipt", "card"],
    "shipping": ["parcel", "courier", "delivery", "tracking", "address", "late"],
    "technical": ["crash", "error", "login", "screen", "update", "freezes"],
}
FILLER = [
    "please",
    "the",
    "my",
    "your",
    "again",
    "today",
    "still",
    "since",
    "after",
    "with",
    "when",
    "order",
    "team",
    "help",
    "why",
]
ABILITIES = Capabilities(
    prefix=True,
    choices=True,
    choice_logprobs=True,
    regex=True,
    schema=True,
    tokens=False,
    context_tokens=4096,
)


def write_csv(path: Path, *, rows: int = 240, seed: int = 1) -> Path:
    """Write `text,label` rows that a linear model can mostly tell apart."""
    draw = random.Random(seed)
    lines = ["text,label"]
    for number in range(rows):
        label = draw.choice(sorted(WORDS))
        words = draw.sample(WORDS[label], 2) + draw.sample(FILLER, 6)
        if draw.random() < 0.3:
            words.append(draw.choice(WORDS[draw.choice(sorted(WORDS))]))
        draw.shuffle(words)
        lines.append(f"{' '.join(words)} {number}{chr(97 + number % 26)},{label}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def weak_model(request: Request) -> str:
    """Answer `billing` whatever is asked, in whatever shape is asked for."""
    if request.choices:
        return next((c for c in request.choices if "billing" in c), request.choices[0])
    if request.schema is not None:
        return json.dumps({"label": "billing"})
    if request.regex:
        return ' "a line"' + request.regex[-1]
    return "I think that this message is about the label: billing. Let me know if I can help!"


def open_weak(model: str = "fake:weak", on_pull: object = None) -> FakeEngine:
    """Open the weak model."""
    return FakeEngine(model, script=weak_model, capabilities=ABILITIES)
