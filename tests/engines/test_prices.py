"""The price table and its arithmetic, against published figures."""

from __future__ import annotations

import pytest

from rung.core.errors import ConfigError
from rung.core.records import Usage
from rung.engines.prices import Price, cost_usd, price_of, price_table


@pytest.fixture
def write(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNG_HOME", str(tmp_path))
    return lambda text: (tmp_path / "prices.toml").write_text(text, "utf-8")


@pytest.mark.parametrize(
    "tokens, usd",
    [
        (1_390_000, 0.278),  # published ladder: raw arm of the 8B specialist
        (74_000, 0.0148),  # ... with a form
        (38_000, 0.0076),  # ... with thinking off
        (33_111, 0.0066),  # ... hosted
    ],
)
def test_the_published_ladder_costs_reproduce(write, tokens, usd):
    usage = Usage(prompt_tokens=tokens // 2, output_tokens=tokens - tokens // 2)
    assert cost_usd(price_of("small-hosted"), usage, 0.0) == pytest.approx(usd, abs=5e-5)


def test_the_published_price_gap_is_ninety_fold(write):
    usage = Usage(prompt_tokens=7, cached_tokens=3, output_tokens=5)
    big, small = price_of("published-frontier"), price_of("small-hosted")
    assert cost_usd(big, usage, 0) / cost_usd(small, usage, 0) == pytest.approx(90)


def test_each_kind_of_token_has_its_price():
    price = Price(
        name="x",
        input_usd_per_million=1.0,
        cached_usd_per_million=0.1,
        output_usd_per_million=10.0,
        date="2026-01-01",
    )
    million = 1_000_000
    for usage, usd in [
        (Usage(prompt_tokens=million), 1.0),
        (Usage(forced_tokens=million), 1.0),  # forced tokens are input to the one who bills
        (Usage(cached_tokens=million), 0.1),
        (Usage(output_tokens=million), 10.0),
    ]:
        assert cost_usd(price, usage, 9e9) == pytest.approx(usd)


def test_a_local_machine_bills_seconds_only(write):
    price = price_of("local-2core")
    assert price.usd_per_hour == 0.09
    assert cost_usd(price, Usage(output_tokens=10**9), 3_600_000) == pytest.approx(0.09)
    assert cost_usd(price, Usage(), 250.0) == pytest.approx(0.09 / 14_400)


def test_every_default_row_is_dated_and_explained(write):
    rows = price_table()
    assert {"frontier", "small-hosted", "local-2core"} <= rows.keys()
    assert all(row.source and len(row.date) == 10 for row in rows.values())


def test_own_rows_replace_and_add(write):
    write(
        "[prices.frontier]\ninput_usd_per_million = 3\noutput_usd_per_million = 15\n"
        'date = "2026-12-01"\n'
        "[prices.box]\nusd_per_hour = 1.5\ndate = 2026-12-02\n"
    )
    frontier = price_of("frontier")
    assert (frontier.input_usd_per_million, frontier.date) == (3.0, "2026-12-01")
    assert frontier.cached_usd_per_million == 3.0  # the default row's discount does not leak in
    assert price_of("box").usd_per_hour == 1.5
    assert price_of("small-hosted").output_usd_per_million == 0.2


@pytest.mark.parametrize(
    "text, words",
    [
        ("[prices.x]\nusd_per_hour = 1", "lacks date"),
        ("[prices.x]\ninput_usd_per_million = 1\ndate = 2026-01-01", "lacks output_usd"),
        ("[prices.x]\nusd_per_hour = -1\ndate = 2026-01-01", "not negative"),
        ("[prices.x]\nusd_per_hour = nan\ndate = 2026-01-01", "finite"),
        ("[prices.x]\nusd_per_hour = true\ndate = 2026-01-01", "must be a number"),
        ("[prices.x]\nusd_per_hour = 1\ndate = 'yesterday'", "must be a date"),
        ("[prices.x]\nusd_per_hours = 1", "did you mean 'usd_per_hour'"),
        ("[prices.x]\nusd_per_hour=1\ninput_usd_per_million=1\ndate=2026-01-01", "sets both"),
    ],
)
def test_mistakes_in_the_file_are_named(write, text, words):
    write(text)
    with pytest.raises(ConfigError, match=words):
        price_table()


def test_an_unknown_row_says_what_to_write(write):
    with pytest.raises(ConfigError, match=r"did you mean 'frontier'.*\[prices.fronteer\]"):
        price_of("fronteer")
