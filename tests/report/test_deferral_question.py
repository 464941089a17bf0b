"""What handing over in doubt is worth is said in side effects, the score beside them."""

from __future__ import annotations

from types import ModuleType

import pytest

from rung.report.questions import answer_questions


@pytest.mark.parametrize(
    ("spared", "difference", "told"),
    [
        (True, "-1.000 [-1.000, ", "yes: fewer side effects"),
        (False, ".000 [", "no difference shown at n=40"),
    ],
)
def test_handing_over_is_judged_by_side_effects_beside_the_score(
    climbs: ModuleType, spared: bool, difference: str, told: str
) -> None:
    def arm(route: str, rung: str, harms: bool, status: str):  # type: ignore[no-untyped-def]
        fields = {"side_effects": 0.0, "extra_writes": 3.0 * harms}
        rows = tuple(climbs.make_row(f"e{i}", 0.0, fields=fields, status=status) for i in range(40))
        return climbs.make_arm(route, rows, rung=rung)

    alone = arm("sft+form", "sft", True, "ok")
    defers = arm("sft+form+deferral", "deferral", not spared, "abstained" if spared else "ok")
    (line,) = [one for one in answer_questions([alone, defers]) if "handing over" in one.question]
    assert line.question == "Does handing over in doubt spare sft+form errors?"
    assert line.result.startswith(f"side effects sft+form+deferral - sft+form {difference}")
    assert "; score sft+form+deferral - sft+form .000 [" in line.result
    assert line.result.endswith(f"; {40 * spared} handed over; n=40 in 40 groups")
    assert line.interpretation == told
