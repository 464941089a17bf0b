"""What a call costs: a dated price table that users can edit, and the arithmetic.

`prices.toml` in this package holds the default rows; `RUNG_HOME/prices.toml` replaces or adds rows.
Hosted rows bill tokens, local rows bill the seconds a machine is busy. It fetches no price and
knows nothing of discounts, batches or idle machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from rung.core.config import home
from rung.core.errors import ConfigError
from rung.core.records import Usage
from rung.core.spelling import did_you_mean
from rung.engines import tables

_KEYS = {
    "input_usd_per_million": tables.number,
    "cached_usd_per_million": tables.number,
    "output_usd_per_million": tables.number,
    "usd_per_hour": tables.number,
    "date": tables.day,
    "source": tables.text,
}
_MS_PER_HOUR = 3_600_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One row of the price table: tokens of a hosted model, or hours of a machine."""

    name: str
    input_usd_per_million: float = 0.0
    cached_usd_per_million: float = 0.0
    output_usd_per_million: float = 0.0
    usd_per_hour: float | None = None
    """Set for local rows only; then tokens cost nothing by themselves."""
    date: str
    """Day the row was true, ISO-8601."""
    source: str = ""


def cost_usd(price: Price, usage: Usage, latency_ms: float) -> float:
    """Return what one or more calls cost; forced tokens are billed as input.

    Local rows bill `latency_ms` of the whole machine and ignore the token counts.
    """
    if price.usd_per_hour is not None:
        return price.usd_per_hour * latency_ms / _MS_PER_HOUR
    billed = (
        (usage.prompt_tokens + usage.forced_tokens) * price.input_usd_per_million
        + usage.cached_tokens * price.cached_usd_per_million
        + usage.output_tokens * price.output_usd_per_million
    )
    return billed / 1_000_000


def price_of(name: str) -> Price:
    """Return the row called `name`. Raises ConfigError when there is none."""
    rows = price_table()
    if name not in rows:
        raise ConfigError(
            f"no price is called {name!r} ({did_you_mean(name, rows)})",
            hint=f"add [prices.{name}] to {prices_path()}",
        )
    return rows[name]


def price_table() -> dict[str, Price]:
    """Return every row by name: the defaults, then the user's own. Raises ConfigError."""
    packaged = resources.files("rung.engines").joinpath("prices.toml").read_text("utf-8")
    rows = tables.parse_tables(packaged, where="prices.toml", root="prices", keys=_KEYS)
    path = prices_path()
    rows |= tables.read_tables(path, root="prices", keys=_KEYS)
    return {name: _price(name, row, path) for name, row in rows.items()}


def prices_path() -> Path:
    """Return where the user's own rows live."""
    return home() / "prices.toml"


def _price(name: str, row: dict[str, Any], path: Path) -> Price:
    hosted = {"input_usd_per_million", "output_usd_per_million"}
    local = {"usd_per_hour"}
    needed = {"date"} | (local if local & row.keys() else hosted)
    missing = sorted(needed - row.keys())
    if missing:
        raise ConfigError(f"{path} [prices.{name}] lacks {', '.join(missing)}")
    if local & row.keys() and len(row.keys() - local - {"date", "source"}):
        raise ConfigError(
            f"{path} [prices.{name}] sets both usd_per_hour and a price per token",
            hint="keep usd_per_hour for a local machine, the others for a hosted model",
        )
    cached = row.get("cached_usd_per_million", row.get("input_usd_per_million", 0.0))
    return Price(name=name, **(row | {"cached_usd_per_million": cached}))
