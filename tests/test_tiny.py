"""The whole product in under two seconds, on a fake model: file -> task -> climb -> ask -> back."""

from __future__ import annotations

from pathlib import Path

import pytest

import rung
import tickets
from rung.flow import session
from rung.flow.climb import Options
from rung.registry import promoted, roll_back
from rung.store import Store


def test_from_a_file_to_a_promoted_route_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "open_engine", tickets.open_weak)
    rung.init("mail", tickets.write_csv(tmp_path / "mail.csv"), input="text", target="label")

    climb = rung.climb("mail", Options(models=("fake:weak",), limit=40))

    by_name = {(arm.route, arm.split): arm for arm in climb.arms}
    assert by_name["oracle", "dev"].score == 1.0
    assert by_name["empty", "dev"].score == 0.0
    assert by_name["head", "dev"].score > by_name["form", "dev"].score
    assert by_name["form", "dev"].output_tokens < by_name["blank", "dev"].output_tokens
    assert (climb.verdict, climb.promoted) == ("promote", "head")

    asked = next(iter(rung.ask("mail", ["my parcel and the courier are late"])))
    assert asked.output == {"label": "shipping"}
    assert 0.34 < asked.fields["label"]["p"] <= 1.0

    store = Store()
    assert promoted(store, "mail") is not None
    assert roll_back(store, "mail") is None
    store.close()
