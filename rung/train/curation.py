"""Which examples are fit to train on: what is kept, and what is left out and why.

The sieves of `sieves.py` in order: targets of an older schema first, since what differs in spelling
only is no conflict, then contradictions, repeats, and what others think of the rest. Nothing is
read or written here, nobody is asked, and no label is corrected. That no example is tied to dev or
the holdout is checked in `gate/touching.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rung.forms import Form
from rung.tasks.task import Example
from rung.train.sieves import BY_NAME, SIEVES, Opinions, Rules, Sifted

__all__ = ["SIEVES", "Curated", "Opinions", "Rules", "curate"]

NUM_EXEMPLARS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Curated:
    """What is fit to train on, in the order in which it came."""

    kept: tuple[Example, ...]
    sifted: tuple[Sifted, ...]

    @property
    def left_out(self) -> dict[str, int]:
        """How many examples each sieve left out, where it did."""
        counts = {one.sieve: one.num_in - len(one.kept) for one in self.sifted}
        return {f"curation: {sieve}": count for sieve, count in counts.items() if count}

    def report(self) -> dict[str, Any]:
        """Return plain JSON: by sieve what came in, was dropped and why, with exemplars."""
        return {
            "num_in": self.sifted[0].num_in if self.sifted else len(self.kept),
            "num_kept": len(self.kept),
            "sieves": {
                one.sieve: {
                    "num_in": one.num_in,
                    "num_kept": len(one.kept),
                    "num_found": len(one.dropped),
                    "num_changed": one.num_changed,
                    "exemplars": [asdict(drop) for drop in one.dropped[:NUM_EXEMPLARS]],
                }
                for one in self.sifted
            },
        }


def curate(
    examples: Sequence[Example],
    form: Form | None,
    rules: Rules = Rules(),  # noqa: B008  (frozen)
    opinions: Opinions = Opinions(),  # noqa: B008
) -> Curated:
    """Return what passes the rules' sieves; `form` is None where targets are calls in a world."""
    kept = tuple(examples)
    sifted = []
    for name in (sieve for sieve in SIEVES if sieve in rules.sieves):
        found = BY_NAME[name](kept, form, rules, opinions)
        sifted.append(found)
        kept = found.kept
    return Curated(kept=kept, sifted=tuple(sifted))
