"""References in documents: files, headings, tasks and commands exist, and security.md names every test of hostile tenants."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cli.main import app
from knative.machine.home import PROJECT

DOCS = PROJECT / "docs"
SECURITY, DECISIONS = DOCS / "security.md", DOCS / "decisions"
DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", PROJECT / "findings" / "README.md", *sorted(DOCS.rglob("*.md"))]
FOLDERS = ("cli", "docs", "events", "findings", "functions", "knative", "schemas", "sql", "tests")
CODE = [path.name for folder in ("functions", "knative") for path in (PROJECT / folder).rglob("*.py")]
RECORD = re.compile(r"\d{4}-[a-z0-9-]+\.md")
ROOT_FILES = {".dockerignore", ".gitignore", ".importlinter", "CONTRIBUTING.md", "README.md", "Taskfile.yml", "pyproject.toml", "taskw"}
OTHER_PROJECTS = ("adding-a-function.md", "builds.md")
"""Documents that name files of a reader's own project."""
HEADINGS = ["## Context", "## Decision", "## Consequences"]


def links(document: Path) -> Iterator[tuple[str, str]]:
    """(path, anchor) of every link to a file or heading of the project."""
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if not target.startswith(("http://", "https://")):
            path, _, anchor = target.partition("#")
            yield path, anchor


def anchors(document: Path) -> set[str]:
    """Anchors that GitHub derives from headings: lower case, dashes for spaces, no punctuation."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def named_files(document: Path) -> Iterator[str]:
    for word in re.findall(r"`([^`\n]+)`", document.read_text()):
        if re.fullmatch(rf"({'|'.join(FOLDERS)})/[\w./-]*", word) or re.fullmatch(r"\w+\.py", word):
            yield word


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_resolve(document: Path) -> None:
    for path, anchor in links(document):
        target = document.parent / path if path else document
        assert target.exists(), f"{document.name}: {path} does not exist"
        assert not anchor or anchor in anchors(target), f"{document.name}: {target.name} has no heading #{anchor}"


@pytest.mark.parametrize("document", [document for document in DOCUMENTS if document.name not in OTHER_PROJECTS], ids=lambda path: path.name)
def test_named_files_exist(document: Path) -> None:
    missing = [name for name in named_files(document) if not ((PROJECT / name).exists() if "/" in name else name in CODE)]
    assert missing == []


def test_the_top_level_holds_only_what_the_architecture_names() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split()
    assert {path.partition("/")[0] for path in listed} <= {".ci", *FOLDERS, *ROOT_FILES}


def test_security_names_every_hostile_test() -> None:
    tests = {str(path.relative_to(PROJECT)) for path in (PROJECT / "tests" / "hostile").glob("test_*.py")}
    assert tests, "tests/hostile contains no test"
    assert tests - set(named_files(SECURITY)) == set()


def test_decisions_are_numbered_listed_and_complete() -> None:
    records = sorted(path.name for path in DECISIONS.glob("*.md") if path.name != "README.md")
    assert all(RECORD.fullmatch(name) for name in records), records
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    assert sorted(path for path, _ in links(DECISIONS / "README.md")) == records
    for name in records:
        assert [line for line in (DECISIONS / name).read_text().splitlines() if line.startswith("## ")] == HEADINGS, name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_tasks_and_commands_exist(document: Path) -> None:
    """`./taskw NAME` is a task; `capsule NAME` at the start of a code span or line is a command."""
    text = document.read_text()
    unknown = set(re.findall(r"\./taskw ([a-z][\w-]*)", text)) - set(yaml.safe_load((PROJECT / "Taskfile.yml").read_text())["tasks"])
    commands = {info.name for info in (*app.registered_commands, *app.registered_groups)}
    unknown |= set(re.findall(r"^\s*(?:\$ )?(?:\.venv/bin/|`)?capsule ([a-z][\w-]*)", text, re.MULTILINE)) - commands
    unknown |= set(re.findall(r"`capsule ([a-z][\w-]*)", text)) - commands
    assert unknown == set()
