"""The gate's sentences on the score and on the whole: every number a reader needs to check them.

Wording only; what is promoted, held or rejected is decided in `verdict.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rung.gate.compare import Comparison, Verdict


def score_reason(
    comparison: Comparison, verdict: Verdict, p_adjusted: float, num_needed: int | None
) -> str:
    """Say how the candidate scored, how bad it may be, and what more data would do."""
    d = comparison.difference
    low, high = d.ci
    level = f"{1.0 - d.alpha:.1%}".replace(".0%", "%")
    text = (
        f"{comparison.metric} {comparison.mean_b:.3f} against {comparison.mean_a:.3f}:"
        f" difference {d.diff:+.3f}, between {low:+.3f} and {high:+.3f} ({level} each side,"
        f" {d.n} examples in {d.num_groups} groups; allowed loss {d.margin:.3f})"
    )
    if verdict == "promote":
        return f"{text}: not worse than the margin allows"
    if verdict == "reject":
        return f"{text}: worse than the margin allows"
    if low > -d.margin:
        text += f"; p = {p_adjusted:.3f} after Holm over all candidates"
    more = f"about {num_needed:,} examples would settle it" if num_needed else _no_more(d.diff)
    return f"{text}: too thin to decide, {more}"


def _no_more(diff: float) -> str:
    return f"more examples settle it only if the observed {diff:+.3f} is chance"


def overall_reason(promoted: str | None, reasons: Mapping[str, Sequence[str]]) -> str:
    """Say what is promoted and on what evidence, or what stopped each candidate."""
    if promoted is not None:
        return f"{promoted}: {'; '.join(reasons[promoted])}"
    return ". ".join(f"{name}: {'; '.join(sentences)}" for name, sentences in reasons.items())
