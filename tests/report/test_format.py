"""How numbers and foreign text are written. Expected texts are written out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.report import format as fmt


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.8512, ".851"),
        (1.0, "1.000"),
        (0.9996, "1.000"),
        (0.0, ".000"),
        (-0.0001, ".000"),
        (-0.25, "-.250"),
        (math.nan, "–"),
        (None, "–"),
    ],
)
def test_score(value, text):
    assert fmt.score(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.034, "+.034"), (-0.012, "-.012"), (0.0004, ".000"), (1.0, "+1.000")]
)
def test_difference(value, text):
    assert fmt.difference(value) == text


def test_intervals():
    assert fmt.interval((0.812, 0.894)) == "[.812, .894]"
    assert fmt.difference_interval((-0.01, 0.058)) == "[-.010, +.058]"
    assert fmt.percent_interval((0.163, 1.0)) == "[16.3%, 100%]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "$0"),
        (0.0042, "$0.0042"),
        (0.01483, "$0.0148"),  # the published table prints this cost as $0.0148
        (0.278, "$0.278"),
        (0.5, "$0.50"),
        (0.9996, "$1.00"),
        (17.6, "$17.60"),
        (999.996, "$1,000"),
        (64239.27, "$64,239"),
        (1.2e-5, "$0.000012"),
        (3e-9, "<$0.000001"),
        (-17.6, "-$17.60"),
        (math.inf, "–"),
        (None, "–"),
    ],
)
def test_usd(value, text):
    assert fmt.usd(value) == text


@given(st.floats(min_value=1e-30, max_value=1e12))
def test_a_cost_that_is_not_zero_never_reads_as_zero(value):
    assert any(digit in fmt.usd(value) for digit in "123456789")


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_usd_is_within_one_percent(value):
    read_back = float(fmt.usd(value).replace("$", "").replace(",", ""))
    assert read_back == pytest.approx(value, rel=0.01)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0.0, "0 ms"),
        (0.02, "<0.1 ms"),
        (4.26, "4.3 ms"),
        (84.2, "84 ms"),
        (999.7, "1.00 s"),
        (1935.0, "1.94 s"),
        (63260.0, "63.3 s"),
        (None, "–"),
    ],
)
def test_latency(ms, text):
    assert fmt.latency(ms) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (4.21, "4.2"), (6.0, "6"), (137.6, "138"), (12400, "12.4k")]
)
def test_tokens(value, text):
    assert fmt.tokens(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1.08, "1.08x"), (18.84, "18.8x"), (1234.0, "1,234x"), (math.inf, "–")]
)
def test_ratio(value, text):
    assert fmt.ratio(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0812, ".081"), (1e-9, "<.001"), (1.0, "1.000")])
def test_p_value(value, text):
    assert fmt.p_value(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.3, "12 s"), (192.4, "3 min 12 s"), (7500, "2 h 05 min")]
)
def test_duration(seconds, text):
    assert fmt.duration(seconds) == text


def test_plain_shows_escape_codes_and_joins_lines():
    assert fmt.plain("a\x1b[31mred\n\tb\u202e") == "a\ufffd[31mred b\ufffd"


@given(st.text(alphabet="aé漢 \n\t\x00\x1b\x85\u2028\u202e\ud800"))
def test_plain_text_is_one_printable_line(text):
    shown = fmt.plain(text)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    shown.encode("utf-8")


@given(st.text(alphabet="ab+,:/-", max_size=60), st.integers(min_value=5, max_value=30))
def test_folding_loses_nothing(name, width):
    assert "".join(line.strip() for line in fmt.fold(name, width)) == name.strip()


def test_fold_breaks_after_separators():
    assert fmt.fold("form+examples:4,balanced,nearest", 16) == [
        "form+examples:4,",
        "    balanced,",
        "    nearest",
    ]
