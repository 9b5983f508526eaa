"""The architecture is a failing check: it holds here, and it fails where it is violated."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from functions.runtime.config.registry import contexts
from tests.generated.kinds import PROJECT


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"], cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"}
    )


def test_it_holds() -> None:
    done = lint(PROJECT)
    assert done.returncode == 0, done.stdout


def test_every_context_is_under_the_contracts() -> None:
    parser = configparser.ConfigParser()
    parser.read(PROJECT / ".importlinter")
    wanted = {f"functions.{context}" for context in contexts()}
    assert set(parser["importlinter:contract:inward"]["containers"].split()) == wanted
    assert set(parser["importlinter:contract:independent"]["modules"].split()) == wanted


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("architecture")
    for name in ("functions", "events"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / ".importlinter", folder)
    return folder


VIOLATIONS = {
    "a use case reaches for the database": ("functions/auth/queries/profile.py", "import psycopg"),
    "a use case knows the runtime": ("functions/auth/queries/profile.py", "import functions.runtime.messaging.bus"),
    "a use case imports another": ("functions/auth/queries/profile.py", "import functions.auth.queries.jwks"),
    "one context knows another": ("functions/billing/wiring.py", "import functions.auth.ports"),
    "the domain looks outward": ("functions/auth/domain/user.py", "import functions.auth.ports"),
    "the runtime names a context": ("functions/runtime/config/clock.py", "import functions.auth.ports"),
    "a stray helper": ("functions/auth/helpers.py", "X = 1"),
    "the kernel knows events": ("functions/kernel/time.py", "import events.auth"),
}


@pytest.mark.parametrize("what", VIOLATIONS)
def test_it_fails_where_it_is_violated(copy: Path, what: str) -> None:
    name, line = VIOLATIONS[what]
    file = copy / name
    before = file.read_text() if file.exists() else None
    file.write_text(f"{line}\n{before or ''}" if before is None or "from __future__" not in before else f"{before}\n{line}\n")
    try:
        done = lint(copy)
        assert done.returncode == 1 and "BROKEN" in done.stdout, done.stdout + done.stderr
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_text(before)
