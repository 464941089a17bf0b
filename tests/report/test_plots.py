"""The drawings hold every arm, parse as XML and leave out what cannot be drawn."""

from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from rung.report.plots import cost_score, latency, output_tokens


@pytest.fixture
def dev(climb):
    return [arm for arm in climb.arms if arm.split == "dev"]


def words(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter("text")]


def described(svg):
    return ElementTree.fromstring(svg).find("desc").text


@pytest.mark.parametrize("draw", [cost_score, latency, output_tokens])
def test_drawings_parse_and_stay_in_their_frame(dev, draw):
    root = ElementTree.fromstring(draw(dev, "head+form"))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for text in root.iter("text"):
        if "transform" in text.attrib:
            continue
        assert 0 <= float(text.attrib["x"]) <= width
        assert 0 <= float(text.attrib["y"]) <= height


def test_cost_score_names_every_arm_with_its_interval(dev):
    svg = cost_score(dev, "head+form")
    for arm in dev:
        assert f"{arm.route}: " in described(svg)
        assert any(word and word[:20] == arm.route[:20] for word in words(svg))
    assert "[.747, .861]" in described(svg)


def test_zero_costs_stand_apart_from_the_log_axis(dev):
    assert "$0" in words(cost_score(dev, None))
    assert 'class="break"' in cost_score(dev, None)
    paid = [arm for arm in dev if arm.cost_usd > 0]
    assert "$0" not in words(cost_score(paid, None))
    free = [arm for arm in dev if arm.cost_usd == 0]
    assert "$0" in words(cost_score(free, None))


def test_stopped_arms_are_hollow_and_explained(dev):
    assert cost_score(dev, None).count("marker hollow") == 2  # the point and its legend entry
    assert "stopped early" in words(cost_score(dev, None))
    going = [arm for arm in dev if not arm.stopped]
    assert "stopped early" not in words(cost_score(going, None))


def test_latency_shows_only_routes_that_take_time(dev):
    svg = latency(dev, "head+form")
    assert "majority" not in described(svg)
    assert "head: median 4.3 ms, 95th percentile 6.6 ms" in described(svg)
    assert "10 ms" in words(svg)


def test_dots_are_thinned(climbs):
    rows = tuple(climbs.make_row(f"e{i}", 1.0, latency_ms=1.0 + i) for i in range(1000))
    assert latency([climbs.make_arm("form", rows)], None).count("<circle") == 150


def test_an_arm_without_rows_shows_median_and_p95(climbs):
    arm = climbs.make_arm("form", (climbs.make_row("a", 1.0, latency_ms=80.0),))
    svg = latency([replace(arm, rows=(), latency_p95_ms=200.0)], None)
    assert "<circle" not in svg
    assert "80 ms / 200 ms" in words(svg)


def test_tokens_are_given_in_both_kinds(dev):
    svg = output_tokens(dev, "head+form")
    assert "93 generated + 37 forced" in words(svg)
    assert "0 generated + 44 forced" in words(svg)


def test_nothing_to_draw_draws_nothing(climbs):
    arm = climbs.make_arm("empty", (climbs.make_row("a", 0.0),), kind="floor")
    assert latency([arm], None) == ""
    assert output_tokens([arm], None) == ""
    assert cost_score([], None) == ""
    assert cost_score([replace(arm, score=math.nan)], None) == ""
    form = climbs.make_arm("form", (climbs.make_row("a", 0.0),))
    assert latency([replace(form, rows=(), latency_p50_ms=math.nan)], None) == ""
    assert output_tokens([replace(form, output_tokens=math.nan)], None) == ""
    assert "nan" not in cost_score([replace(arm, score_ci=(math.nan, math.nan))], None)


def test_hostile_names_are_escaped(climbs):
    row = climbs.make_row("a", 1.0, latency_ms=5.0, usage=climbs.usage(1, 1, 1), cost_usd=1e-6)
    arm = climbs.make_arm('</svg><script>alert("x")</script>', (row,))
    for draw in (cost_score, latency, output_tokens):
        assert "<script" not in draw([arm], None)
        ElementTree.fromstring(draw([arm], None))
