"""What survives a run: cached answers, holdout ledger, registry log, facts, runs, artifacts.

SQLite in WAL mode under `RUNG_HOME` by default, any SQLAlchemy URL otherwise. Everything is
written once and never changed: loops of the product close through here, not through imports.
"""

from rung.core.files import write_atomic
from rung.store.artifacts import Artifacts
from rung.store.database import LedgerEntry, RegistryEntry, Store
from rung.store.facts import PERMANENT, Claim, Fact, FactLog
from rung.store.runs import RunDir, file_name

__all__ = [
    "PERMANENT",
    "Artifacts",
    "Claim",
    "Fact",
    "FactLog",
    "LedgerEntry",
    "RegistryEntry",
    "RunDir",
    "Store",
    "file_name",
    "write_atomic",
]
