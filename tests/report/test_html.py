"""The one-file report: complete, escaped, asking the network for nothing, written whole."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import jobs
from rung.core.errors import StoreError
from rung.flow.report import _categories
from rung.report.html import html, write_html
from rung.tasks.task import Example

VOID = {"meta", "wbr", "link", "br", "img"}


class Page(HTMLParser):
    """Collects tags, attributes and text, and notices tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def report(climb, climbs):
    return html(climb, categories=climbs.categories())


@pytest.fixture(scope="module")
def page(report):
    return Page(report)


def test_tags_are_balanced(page):
    assert page.open == []


def test_nothing_is_loaded_from_anywhere(report, page):
    assert not re.search(r"https?:|//|url\(|@import|<script|<link|<img|<iframe", report)
    for _, attributes in page.tags:
        assert not {"src", "href", "style", "onclick", "onload"} & attributes.keys()


def test_the_policy_allows_exactly_the_inline_style(report, page):
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a)
    style = re.search(r"<style>(.*?)</style>", report, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "prefers-color-scheme: dark" in style


def test_every_arm_answer_and_drawing_is_there(climb, report, page):
    text = " ".join("".join(page.text).split())
    routes = [attributes for tag, attributes in page.tags if attributes.get("class") == "route"]
    assert len(routes) >= len(climb.arms)
    for arm in climb.arms:
        assert arm.route in text
        assert f"{arm.score:.3f}".removeprefix("0") in text
    for item in climb.answered:
        assert item.result in text
    assert [attributes["role"] for tag, attributes in page.tags if tag == "svg"] == ["img"] * 3
    assert "Verdict: promote head+form" in text
    assert "rung ask helpdesk TEXT" in text
    assert "$64,239" in text
    assert "after 60: at best -0.04 against form" in text
    assert '"alpha": 0.05' in text


def test_categories_are_means_of_their_examples(climbs):
    rows = tuple(climbs.make_row(f"e{i}", score) for i, score in enumerate((1.0, 0.5, 0.0)))
    climb = climbs.make_climb((climbs.make_arm("form", rows),))
    text = html(climb, categories={"e0": "refund", "e1": "refund"})
    cells = re.findall(r'<td class="h(\d)">([^<]+)</td>', text)
    assert cells == [("7", ".750"), ("0", ".000")]
    assert "(no category)" in text


def test_categories_that_are_left_out_are_counted(climbs):
    for num, told in (
        (40, ""),
        (41, "1 smaller category is left out, with 1 examples."),
        (43, "3 smaller categories are left out, with 3 examples."),
    ):
        rows = tuple(climbs.make_row(f"e{i}", 1.0) for i in range(num))
        climb = climbs.make_climb((climbs.make_arm("form", rows),))
        text = html(climb, categories={row.example: f"about {row.example}" for row in rows})
        assert ("left out" in text) == bool(told)
        assert told in text


def test_a_stopped_arm_has_gaps_in_its_categories(climbs):
    rows = [climbs.make_row(f"e{i}", 1.0) for i in range(2)]
    arms = (climbs.make_arm("form", tuple(rows)), climbs.make_arm("json", tuple(rows[:1])))
    text = html(climbs.make_climb(arms), categories={"e0": "a", "e1": "b"})
    assert "<td>–</td>" in text


def test_categories_are_of_the_first_choice_that_a_target_has_itself(climbs):
    choice = {"enum": ["a", "b"]}
    order = {"type": "object", "properties": {"kind": choice}, "required": ["kind"]}
    rows = [
        Example(id=f"e{i}", input="", target={"order": {"kind": "a"}} | more, group="")
        for i, more in enumerate(({"label": "b"}, {}))
    ]
    climb = climbs.make_climb((), gate={"targets": {"h": {"label": "a"}, "i": {}}})
    deep = {"type": "object", "properties": {"order": order}, "required": ["order"]}
    both = deep | {"properties": {"order": order, "label": choice}}
    for schema, known in ((deep, {}), (both, {"e0": "b", "h": "a"})):
        task = replace(jobs.task(Path(), dev=rows), schema=schema)
        assert _categories(climb, task) == known


def test_without_categories_there_is_no_category_table(climb):
    assert "Score by category" not in html(climb)


def test_hostile_text_is_escaped_everywhere(climb, climbs):
    evil = '"><script>alert(1)</script><img src=x onerror=y>'
    arm = climbs.make_arm(evil, (climbs.make_row("a", 0.5, latency_ms=3.0, cost_usd=1e-6),))
    answered = tuple(
        replace(item, question=evil, result=evil, interpretation=evil)
        for item in climb.answered[:1]
    )
    hostile = climbs.make_climb(
        (replace(arm, stopped=evil),),
        task=evil,
        title=evil,
        model=evil,
        reason=evil,
        run_dir=evil,
        incumbent=evil,
        promoted=evil,
        answered=answered,
        saving=replace(climb.saving, reference=evil, priced_on=evil),
        gate={evil: evil},
    )
    text = html(hostile, categories={"a": evil})
    assert "<script" not in text
    assert "<img" not in text
    assert Page(text).open == []


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_one_arm_without_cost_or_score_is_enough(climbs, score):
    arm = climbs.make_arm("form", (climbs.make_row("a", score),))
    assert arm.cpao_usd is None or score
    text = html(climbs.make_climb((arm,), promoted="form"))
    assert Page(text).open == []
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", text)


def test_a_climb_without_arms(climbs):
    assert "Verdict: hold" in html(climbs.make_climb(()))


def test_the_promoted_route_is_shown_on_the_holdout(report):
    assert "score on holdout" in report
    assert report.count('<tr class="promoted">') == 2


def test_a_route_that_costs_more(climb):
    dearer = replace(climb, saving=replace(climb.saving, per_1000_usd=-1.0, per_year_usd=-365.0))
    assert "costs more, per year" in html(dearer)


def test_write_html_replaces_the_file_and_leaves_nothing_else(climb, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    assert write_html(climb, path) == path
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


def test_a_missing_folder_is_named(climb, tmp_path):
    with pytest.raises(StoreError, match="there is no folder") as caught:
        write_html(climb, tmp_path / "none" / "report.html")
    assert caught.value.hint.startswith("mkdir -p ")


def test_a_path_that_cannot_be_written(climb, tmp_path, monkeypatch):
    def fails(self, target):
        raise OSError(28, "No space left on device")

    (tmp_path / "taken").mkdir()
    for path in (tmp_path / "taken", Path()):
        with pytest.raises(StoreError, match="it is a folder") as caught:
            write_html(climb, path)
        assert caught.value.hint.endswith("report.html")
    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(StoreError, match="No space left"):
        write_html(climb, tmp_path / "report.html")
    assert [item.name for item in tmp_path.iterdir()] == ["taken"]
