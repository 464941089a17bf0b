"""`rung repair` from a climb to a batch, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CLUSTER_KEYS = {
    "name", "cause", "place", "detail", "about", "num", "num_examples", "share", "share_ci",
    "error_cost_usd", "cpao_saving_usd", "num_reference", "num_reference_met", "remedy", "change",
    "investment", "misses", "exemplars",
}  # fmt: skip


@pytest.mark.slow
def test_from_a_climb_to_a_batch(rung_command, mail: str, tmp_path: Path):  # type: ignore[no-untyped-def]
    early = rung_command("repair", mail)
    assert early.code == 2
    assert "rung climb mail" in early.err
    climb = ("climb", mail, "--model", "fake:w", "--rungs", "form,head", "--limit", "24", "--json")
    assert rung_command(*climb).code == 0

    done = rung_command("repair", mail, "--results", "form", "--reference", "head", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["route"], found["reference"], found["split"]) == ("form", "head", "dev")
    assert all(set(cluster) == CLUSTER_KEYS for cluster in found["clusters"])
    training = [c for c in found["clusters"] if c["remedy"]["rung"] in ("sft", "dpo", "rl")]
    assert all(bool(c["investment"]) == (c in training) for c in found["clusters"])
    assert found["training"] is None, "none was run"
    assert abs(sum(cluster["share"] for cluster in found["clusters"]) - 1) < 1e-9
    serving = rung_command("repair", mail)
    assert "head" in serving.out + serving.err  # it serves, and may have no failures
    # The weak model answers billing whatever is asked.
    details = [cluster["detail"] for cluster in found["clusters"]]
    assert set(details) == {"shipping -> billing", "technical -> billing"}
    assert sum(cluster["num"] for cluster in found["clusters"]) == found["num_failed"]

    out, page = tmp_path / "batch.jsonl", tmp_path / "map.html"
    given = ("repair", mail, "--results", "form", "--after", "head", "--batch", out, "--html", page)
    done = rung_command(*given)
    assert done.code == 0, done.err
    assert "shipping -> billing" in done.out
    assert "fixed" in done.out
    assert "train examples (" in done.err
    assert "<script" not in page.read_text("utf-8")
    manifest = json.loads((tmp_path / "batch.manifest.json").read_text("utf-8"))
    assert manifest["num_rows"] == len(out.read_text("utf-8").splitlines())

    results = json.loads(
        rung_command("run", mail, "--route", "form", "--model", "fake:w", "--json").out
    )["results"]
    from_file = json.loads(rung_command("repair", mail, "--results", results, "--json").out)
    assert from_file["num_examples"] >= found["num_examples"]

    unknown = rung_command("repair", mail, "--results", "froms")
    assert unknown.code == 2
    assert "neither a file nor a route" in unknown.err
    person = rung_command("repair", mail, "--results", "form", "--machine", "frontier")
    assert person.code == 2
    assert "'frontier' is of tokens" in person.err
    nowhere = rung_command(
        "repair", mail, "--results", "form", "--batch", tmp_path / "no" / "b.jsonl"
    )
    assert nowhere.code == 2
    perfect = rung_command("repair", mail, "--results", "oracle")
    assert perfect.code == 2
    assert "nothing to repair" in perfect.err
