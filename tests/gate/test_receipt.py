"""A receipt recomputes to the same report, and every kind of tampering is listed."""

import json
import shutil

import pytest

from rung.core.errors import GateError
from rung.core.hashing import content_hash
from rung.core.records import Row
from rung.gate.receipt import make_receipt, save_receipt, verify_receipt
from rung.gate.rows import read_rows
from rung.gate.verdict import judge
from rung.tasks.task import Forbidden, GateRules, RecallLimit

RULES = GateRules(
    margin=0.2,
    recall=(RecallLimit(field="intent", value="fraud", minimum=0.5),),
    forbidden=(Forbidden(name="leak", field="intent", true="fraud", predicted=("ok",)),),
)
TARGETS = {f"e{i:02}": {"intent": "fraud" if i < 8 else "ok", "secret": i} for i in range(40)}


def write_rows(path, *, cost, wrong=()):
    lines = [
        Row(
            example=f"e{i:02}",
            group=f"g{i % 30}",
            score=float(i not in wrong),
            strict=i not in wrong,
            output=TARGETS[f"e{i:02}"],
            cost_usd=cost,
        ).to_json()
        for i in range(40)
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


@pytest.fixture
def receipt(tmp_path):
    run = tmp_path / "run"
    (run / "rows").mkdir(parents=True)
    incumbent = write_rows(run / "rows" / "frontier.jsonl", cost=0.01)
    candidates = {
        "small": write_rows(run / "rows" / "small.jsonl", cost=0.001, wrong=(9,)),
        "tiny": write_rows(run / "rows" / "tiny.jsonl", cost=0.0001, wrong=range(20)),
    }
    report = judge(
        {name: read_rows(path) for name, path in candidates.items()},
        read_rows(incumbent),
        incumbent_name="frontier",
        rules=RULES,
        targets=TARGETS,
        seed=3,
    )
    made = make_receipt(
        report,
        folder=run,
        task="tickets",
        incumbent=incumbent,
        candidates=candidates,
        rules=RULES,
        targets=TARGETS,
        split_sha256="ab" * 32,
    )
    save_receipt(run / "receipt.json", made)
    return run / "receipt.json"


def test_untouched_receipt_verifies_anywhere(receipt, tmp_path):
    assert verify_receipt(receipt) == []
    moved = tmp_path / "elsewhere"
    shutil.move(receipt.parent, moved)
    assert verify_receipt(moved / "receipt.json", split_sha256="ab" * 32) == []


@pytest.mark.parametrize("odd", ["NaN", "Infinity", '"\\ud800"'])
def test_a_value_that_no_receipt_holds_is_listed(receipt, odd):
    text = receipt.read_text("utf-8")
    receipt.write_text(text.replace('"seed": 3', f'"seed": {odd}', 1), "utf-8")
    assert "receipt_sha256: the receipt was edited after it was made" in verify_receipt(receipt)


def test_an_incumbent_of_unknown_cost_is_judged_again_as_such(tmp_path):
    incumbent = write_rows(tmp_path / "recorded.jsonl", cost=0.0, wrong=range(12))
    candidate = write_rows(tmp_path / "small.jsonl", cost=0.01)
    report = judge(
        {"small": read_rows(candidate)},
        read_rows(incumbent),
        incumbent_name="recorded",
        rules=GateRules(),
        targets={},
        priced=False,
    )
    made = make_receipt(
        report,
        folder=tmp_path,
        task="tickets",
        incumbent=incumbent,
        candidates={"small": candidate},
        rules=GateRules(),
        targets={},
        split_sha256="ab" * 32,
    )
    save_receipt(tmp_path / "receipt.json", made)
    assert made["report"]["promoted"] == "small"
    assert verify_receipt(tmp_path / "receipt.json") == []


def test_receipt_is_self_contained_and_holds_no_more_of_the_holdout_than_it_needs(receipt):
    data = json.loads(receipt.read_text())
    assert data["report"]["promoted"] == "small"
    assert data["incumbent"]["path"] == "rows/frontier.jsonl"
    assert data["targets"]["e00"] == {"intent": "fraud"}
    assert data["made"].endswith("Z")


def edited(receipt, change, *, rehash=False):
    data = json.loads(receipt.read_text())
    change(data)
    if rehash:
        del data["receipt_sha256"]
        data["receipt_sha256"] = content_hash(data)
    save_receipt(receipt, data)
    return verify_receipt(receipt)


def set_at(*path, value):
    def change(data):
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("report", "promoted"), "tiny"),
        (("report", "candidates", 0, "comparison", "diff"), 0.5),
        (("report", "candidates", 0, "comparison", "n"), 41),
        (("report", "candidates", 1, "verdict"), "promote"),
        (("report", "candidates", 0, "reasons", 0), "fine"),
        (("report", "candidates", 0, "limits", 1, "ci", 0), 0.9),
        (("report", "candidates"), []),
        (("rules", "margin"), 0.3),
        (("rules", "recall", 0, "minimum"), 0.1),
        (("targets", "e00", "intent"), "ok"),
    ],
)
def test_any_edited_number_is_found_even_with_the_hash_renewed(receipt, path, value):
    """The hash gives it away; without it, judging again does."""
    found = edited(receipt, set_at(*path, value=value), rehash=True)
    assert any(line.startswith("report") for line in found)
    assert not any("receipt_sha256" in line for line in found)


@pytest.mark.parametrize(
    "path", [("made",), ("code_version",), ("split_sha256",), ("task",), ("targets", "e00", "x")]
)
def test_what_cannot_be_recomputed_is_under_the_hash(receipt, path):
    assert edited(receipt, set_at(*path, value="other")) == [
        "receipt_sha256: the receipt was edited after it was made"
    ]


def test_a_receipt_from_before_there_was_a_least_saving_still_verifies(receipt):
    def before(data):
        del data["rules"]["min_saving"]

    assert edited(receipt, before, rehash=True) == []


def test_other_split_is_found(receipt):
    assert verify_receipt(receipt, split_sha256="cd" * 32) == [
        f"split_sha256: {'ab' * 32} is not {'cd' * 32}"
    ]


def test_one_edited_row_is_found(receipt):
    path = receipt.parent / "rows" / "tiny.jsonl"
    path.write_text(path.read_text().replace('"score": 0.0', '"score": 1.0', 1))
    found = verify_receipt(receipt)
    assert "rows of tiny: rows/tiny.jsonl has changed" in found
    assert any(line.startswith("report.candidates[1].comparison.diff: ") for line in found)


def test_rows_edited_without_effect_are_still_found(receipt):
    path = receipt.parent / "rows" / "small.jsonl"
    path.write_text(path.read_text() + "\n")
    assert verify_receipt(receipt) == ["rows of small: rows/small.jsonl has changed"]


def test_missing_rows_are_found(receipt):
    (receipt.parent / "rows" / "small.jsonl").unlink()
    found = verify_receipt(receipt)
    assert "rows of small: rows/small.jsonl is missing" in found
    assert any(line.startswith("cannot judge again: ") for line in found)


def test_malformed_parts_are_found(receipt):
    (line, _) = sorted(edited(receipt, set_at("rules", value={"margin": 0.1})))
    assert line.startswith("receipt_sha256") or "malformed" in line


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}'])
def test_what_is_no_receipt_is_refused(tmp_path, text):
    path = tmp_path / "receipt.json"
    path.write_text(text)
    with pytest.raises(GateError, match="receipt"):
        verify_receipt(path)


def test_files_and_report_must_belong_together(receipt):
    folder = receipt.parent
    one = {"small": folder / "rows" / "small.jsonl"}
    frontier = read_rows(folder / "rows" / "frontier.jsonl")
    report = judge(
        {"small": read_rows(one["small"])},
        frontier,
        incumbent_name="frontier",
        rules=GateRules(),
        targets={},
    )
    options = {
        "folder": folder,
        "task": "t",
        "incumbent": folder / "rows" / "frontier.jsonl",
        "rules": GateRules(),
        "targets": TARGETS,
        "split_sha256": "",
    }
    assert make_receipt(report, candidates=one, **options)["targets"] == {}
    with pytest.raises(GateError, match="the report judged"):
        make_receipt(report, candidates={"other": one["small"]}, **options)
    with pytest.raises(GateError, match="row file of small is missing"):
        make_receipt(report, candidates={"small": folder / "absent.jsonl"}, **options)
