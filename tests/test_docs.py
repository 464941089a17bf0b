"""What the docs say exists, exists: verbs, folders, rungs, commands of the README."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from rung import __version__
from rung.cli.app import app
from rung.ladder.plan import LADDER, OPTIONAL

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CLI = (ROOT / "docs" / "cli.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def verbs() -> set[str]:
    group = typer.main.get_command(app)
    return set(group.commands)  # type: ignore[attr-defined]


def test_every_verb_is_documented() -> None:
    assert set(re.findall(r"^## `rung (\w+)`", CLI, re.MULTILINE)) == verbs()


def test_every_command_in_the_docs_is_a_verb() -> None:
    code = re.findall(r"^    .*$|`[^`]+`", README + CLI, re.MULTILINE)
    used = {word for text in code for word in re.findall(r"\brung ([a-z]+)", text)}
    assert used <= verbs()


def test_the_readme_has_its_two_commands_and_stays_short() -> None:
    assert "pip install -e '.[local]' && rung climb helpdesk" in README
    assert "pip install -e '.[test]' && pytest" in README
    assert len(README.splitlines()) <= 150


def test_every_rung_is_in_the_readme() -> None:
    table = README.split("## The ladder")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (only with `--rungs`)?", table, re.MULTILINE)
    listed = [(name, optional) for names, optional in rows for name in re.findall(r"\w+", names)]
    assert {rung.name for rung in LADDER} <= {name for name, optional in listed if not optional}
    assert {rung.name for rung in OPTIONAL} == {name for name, optional in listed if optional}


def test_the_folder_table_is_the_folders() -> None:
    listed = re.findall(r"^\| `(\w+)/` \|", ARCHITECTURE, re.MULTILINE)
    assert set(listed) == {p.parent.name for p in (ROOT / "rung").glob("*/__init__.py")}


def test_links_between_docs_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links {target}"


def test_the_version_is_one() -> None:
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_no_machine_paths_or_hosts_in_tracked_text() -> None:
    strays = [
        str(path.relative_to(ROOT))
        for folder in ("rung", "docs", "bench")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".md", ".toml") and "/work/" in path.read_text("utf-8")
    ]
    assert not strays
