"""Without its packages training is refused in a line, before anything heavy is imported."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from rung.core.errors import TrainError
from rung.train.packages import PACKAGES, demand_packages


def test_the_first_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "peft" else object()
    )
    monkeypatch.setattr("rung.train.packages.find_spec", importlib.util.find_spec)
    with pytest.raises(TrainError, match="training needs peft") as caught:
        demand_packages("training")
    assert "rung[local,train]" in caught.value.hint
    assert "peft" in PACKAGES


def test_the_flows_are_imported_without_torch() -> None:
    flows = "rung.flow.train, rung.flow.parity"
    code = f"import sys, {flows}; assert not {{'torch', 'peft'}} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
