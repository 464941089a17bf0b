"""Retry-After parsing (RFC 9110, 10.2.3) and full-jitter delays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.engines.retry import CAP_S, delay_s, is_transient, parse_retry_after

NOW = datetime(2026, 11, 23, 5, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "value, seconds",
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("61", 60.0),
        ("9" * 5000, 60.0),  # int() refuses so many digits
        ("Mon, 23 Nov 2026 05:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 04:00:00 GMT", 0.0),  # already past
        ("Tue, 24 Nov 2026 05:00:00 GMT", 60.0),  # a day, capped
        ("Monday, 23-Nov-26 05:00:05 GMT", 5.0),  # the obsolete RFC 850 form
        ("Mon, 23 Nov 2026 05:00:30 -0000", 30.0),
        (None, None),
        ("", None),
        ("-3", None),
        ("1.5", None),
        ("soon", None),
        ("²", None),  # isdigit() is true of it, int() is not
    ],
)
def test_retry_after_known_answers(value, seconds):
    assert parse_retry_after(value, NOW) == seconds


@settings(deadline=None, max_examples=50)
@given(st.text() | st.from_regex(r"\w{3}, \d{1,3} \w{3} \d{1,6} [\d:]{1,12} \w+"))
def test_any_header_gives_nothing_or_a_bounded_wait(value):
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or 0.0 <= seconds <= 60.0


@settings(deadline=None)
@given(st.integers(0, 60))
def test_seconds_and_date_agree(seconds):
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert parse_retry_after(date, NOW) == parse_retry_after(str(seconds), NOW) == seconds


@pytest.mark.parametrize(
    "attempt, after, jitter, wait",
    [
        (0, None, 1.0, 0.5),
        (3, None, 1.0, 4.0),
        (3, None, 0.25, 1.0),
        (50, None, 1.0, CAP_S),
        (0, None, 0.0, 0.0),
        (5, 3.0, 0.0, 3.0),  # never sooner than the server says
        (5, 3.0, 1.0, 3.5),
    ],
)
def test_delay_known_answers(attempt, after, jitter, wait):
    assert delay_s(attempt, after, lambda: jitter) == wait


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 200, 302])
def test_these_never_pass_by_themselves(status):
    assert not is_transient(status)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_these_may_pass(status):
    assert is_transient(status)
