"""The form against the blank page and the engine's JSON mode: same model, same examples, one run.

    python bench/form.py [--task helpdesk] [--limit 40] [--model smollm2-135m]

Prints paired ratios of generated tokens and latency and the paired score difference, each with a
clustered 95 % interval. Answers already stored under RUNG_HOME are reused, so use a fresh home and
a quiet machine for latency. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import os

from rung.engines.catalogue import DEFAULT_MODEL
from rung.flow import run_route
from rung.report.questions import answer_questions

ARMS = ("blank", "json", "form", "form+prior", "form+shots", "form+think")


def main() -> None:
    """Measure the arms on dev and print what they answer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="helpdesk")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--limit", type=int, default=40)
    given = parser.parse_args()
    print(f"{given.task}, {given.model}, {given.limit} dev examples, load {os.getloadavg()[0]:.2f}")
    arms = []
    for name in ARMS:
        arm, _ = run_route(given.task, name, model=given.model, limit=given.limit)
        arms.append(arm)
        print(
            f"{name:<12} score {arm.score:.3f} [{arm.score_ci[0]:.3f}, {arm.score_ci[1]:.3f}]  "
            f"strict {arm.strict:.3f}  p50 {arm.latency_p50_ms:.0f} ms  "
            f"{arm.output_tokens:.1f} generated  {arm.forced_tokens:.1f} forced  "
            f"{arm.num_failed} failed of {arm.num_examples}"
        )
    for line in answer_questions(arms):
        print(f"- {line.question} {line.result}: {line.interpretation}")


if __name__ == "__main__":
    main()
