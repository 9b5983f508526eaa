"""import-linter enforces the architecture: its contracts hold, and fail for violations."""

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


def test_the_contracts_hold() -> None:
    result = lint(PROJECT)
    assert result.returncode == 0, result.stdout


def test_every_context_is_in_the_contracts() -> None:
    parser = configparser.ConfigParser()
    parser.read(PROJECT / ".importlinter")
    expected = {f"functions.{context}" for context in contexts()}
    assert set(parser["importlinter:contract:inward"]["containers"].split()) == expected
    assert set(parser["importlinter:contract:independent"]["modules"].split()) == expected


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("architecture")
    for name in ("functions", "events", "knative"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / ".importlinter", folder)
    return folder


VIOLATIONS = {
    "a use case imports a driver": ("functions/auth/queries/profile.py", "import psycopg"),
    "a use case imports the runtime": ("functions/auth/queries/profile.py", "import functions.runtime.messaging.bus"),
    "a use case imports another": ("functions/auth/queries/profile.py", "import functions.auth.queries.jwks"),
    "a context imports another": ("functions/billing/wiring.py", "import functions.auth.ports"),
    "the domain imports ports": ("functions/auth/domain/user.py", "import functions.auth.ports"),
    "the runtime imports a context": ("functions/runtime/config/clock.py", "import functions.auth.ports"),
    "a context has another module": ("functions/auth/helpers.py", "X = 1"),
    "the kernel imports events": ("functions/kernel/time.py", "import events.auth"),
}


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_violation_fails(copy: Path, violation: str) -> None:
    name, line = VIOLATIONS[violation]
    file = copy / name
    before = file.read_text() if file.exists() else None
    file.write_text(f"{line}\n{before or ''}" if before is None or "from __future__" not in before else f"{before}\n{line}\n")
    try:
        result = lint(copy)
        assert result.returncode == 1 and "BROKEN" in result.stdout, result.stdout + result.stderr
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_text(before)
