"""Scales, ticks and label placement."""

from __future__ import annotations

import random
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.report.svg import Label, Scale, log_scale, picture, place_labels, tag, ticks


def test_tag_escapes_text_and_attributes():
    made = tag("text", text="<b>&", class_='a"b')
    assert made == '<text class="a&quot;b">&lt;b&gt;&amp;</text>'
    assert ElementTree.fromstring(made).text == "<b>&"


def test_picture_carries_its_text_alternative():
    root = ElementTree.fromstring(picture("p", width=10, height=5, title="T", desc="D & E"))
    assert root.attrib["aria-labelledby"] == "p-title"
    assert [child.text for child in root] == ["T", "D & E"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), (0.0, 270.0, [0, 50, 100, 150, 200, 250])],
)
def test_linear_ticks(low, high, expected):
    assert ticks(Scale(low=low, high=high, start=0, end=1), 6) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1e-5, 10.0, [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]),
        (150.0, 1100.0, [200.0, 500.0, 1000.0]),
    ],
)
def test_log_ticks(low, high, expected):
    assert ticks(Scale(low=low, high=high, start=0, end=1, log=True), 8) == pytest.approx(expected)


@given(st.floats(1e-9, 1e6), st.floats(1.0, 1e12))
def test_log_scales_have_a_few_ticks_inside(low, factor):
    scale = log_scale([low, low * factor], 0, 100)
    found = ticks(scale, 8)
    assert 1 <= len(found) <= 9
    assert all(0 <= scale(value) <= 100 for value in found)


def test_one_value_gets_a_decade_of_room():
    scale = log_scale([5.0], 0, 100)
    assert scale.high / scale.low == pytest.approx(10)
    assert scale(5.0) == pytest.approx(50)


def test_labels_keep_apart_and_inside():
    rng = random.Random(0)
    labels = [
        Label(text=f"form+variant{i}", x=rng.gauss(450, 30), y=rng.gauss(200, 30))
        for i in range(16)
    ]
    points = [(a.x - 8, a.y - 8, a.x + 8, a.y + 8) for a in labels]
    boxes = [placed.box for placed in place_labels(labels, points, (0, 0, 900, 400))]
    for i, box in enumerate(boxes):
        assert box[0] >= 0 and box[1] >= 0 and box[2] <= 900 and box[3] <= 400
        for other in boxes[i + 1 :]:
            assert min(box[2], other[2]) <= max(box[0], other[0]) or min(box[3], other[3]) <= max(
                box[1], other[1]
            )


def test_a_label_at_the_right_edge_goes_left():
    (placed,) = place_labels([Label(text="reference", x=895, y=50)], [], (0, 0, 900, 100))
    assert placed.box[2] < 895
    assert not placed.far
