"""The check of retired identifiers finds names, and only names."""

import pytest

from tests.documents import glossary
from tests.documents.glossary import Retired, faults, retired

TABLE = [Retired(("said", "*_destroyed"), "events", ()), Retired(("least",), "min_requests", ("functions", "sql"))]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("functions/a/said.py", ""),
        ("functions/a/b.py", "def said(): ..."),
        ("functions/a/b.py", "class C:\n    said: int = 1"),
        ("functions/a/b.py", "def f(said): ..."),
        ("functions/a/b.py", "x.said = 1"),
        ("functions/a/b.py", "for least in (): ..."),
        ("tests/b.py", "def on_application_destroyed(): ..."),
        ("sql/auth/V8__x.sql", "ALTER TABLE a ADD COLUMN said text;"),
        ("schemas/events/x.json", '{"properties": {"said": {}}}'),
        ("knative/base/x.yaml", "said: 1\n"),
        ("cli/commands/x.py", 'typer.Option("--said")'),
    ],
)
def test_a_retired_name_is_found(path: str, text: str) -> None:
    assert [fault.path for fault in faults(path, text, TABLE)] == [path]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("functions/a/b.py", '"""What was said."""  # said'),
        ("functions/a/b.py", "print(x.said)"),
        ("tests/b.py", "least = 1"),
        ("sql/auth/V3__x.sql", "CREATE TABLE a (said text);"),
        ("sql/auth/V8__x.sql", "-- said\nALTER TABLE a RENAME COLUMN said TO events; UPDATE a SET b = 'said';"),
        ("schemas/events/x.json", '{"description": "said"}'),
    ],
)
def test_prose_other_scopes_and_released_migrations_are_not(path: str, text: str) -> None:
    assert not list(faults(path, text, TABLE))


def test_the_glossary_has_its_table() -> None:
    table = retired(glossary.GLOSSARY.read_text())
    assert len(table) > 20 and any("said" in row.patterns for row in table)
    with pytest.raises(ValueError, match="no table"):
        retired("# Glossary")


def test_a_fault_names_file_line_and_replacement() -> None:
    [fault] = faults("functions/a/b.py", "\n\ndef said(): ...", TABLE)
    assert str(fault) == "functions/a/b.py:3: said is retired: events (docs/glossary.md)"
