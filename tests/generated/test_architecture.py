"""import-linter enforces the architecture: its contracts hold, and fail for violations."""

import configparser
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from functions.runtime.config.registry import contexts
from tests.generated.kinds import PROJECT


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "COLUMNS": "300"},
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


@dataclass(frozen=True)
class Violation:
    """A line in a module of the copy, and how import-linter reports it: the contract's name begins with `contract`, a line has `report`."""

    file: str
    line: str
    contract: str
    report: str


PROFILE = "functions/auth/queries/profile.py"
VIOLATIONS = {
    "a use case imports a driver": Violation(PROFILE, "import psycopg", "Kernel, events, domain", "functions.auth.queries.profile -> psycopg "),
    "a use case imports the runtime": Violation(
        PROFILE,
        "import functions.runtime.messaging.bus",
        "Kernel, events, domain",
        "functions.auth.queries.profile -> functions.runtime.messaging.bus ",
    ),
    "a use case imports another": Violation(
        PROFILE, "import functions.auth.queries.jwks", "One use case", "functions.auth.queries.profile -> functions.auth.queries.jwks "
    ),
    "a context imports another": Violation(
        "functions/billing/wiring.py", "import functions.auth.ports", "Contexts are independent", "functions.billing.wiring -> functions.auth.ports "
    ),
    "the domain imports ports": Violation(
        "functions/auth/domain/user.py",
        "import functions.auth.ports",
        "A context imports inward",
        "functions.auth.domain.user -> functions.auth.ports ",
    ),
    "the runtime imports a context": Violation(
        "functions/runtime/config/clock.py", "import functions.auth.ports", "From the edge", "functions.runtime.config.clock -> functions.auth.ports "
    ),
    "a context has another module": Violation("functions/deploy/helpers.py", "X = 1", "A context imports inward", "functions.deploy.helpers"),
    "the kernel imports events": Violation(
        "functions/kernel/time.py", "import events.auth", "From the edge", "functions.kernel.time -> events.auth "
    ),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What import-linter reports for each contract, by the contract's name, of a copy with every violation. It takes 2 s of CPU for each run."""
    folder = tmp_path_factory.mktemp("architecture")
    for name in ("functions", "events", "knative", "cli"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / ".importlinter", folder)
    for violation in VIOLATIONS.values():
        file = folder / violation.file
        before = file.read_text() if file.exists() else ""
        file.write_text(f"{before}\n{violation.line}\n")
    result = lint(folder)
    assert result.returncode == 1, result.stdout + result.stderr
    sections = re.split(r"^(.+)\n-{3,}\n", result.stdout.partition("Broken contracts")[2], flags=re.M)
    return dict(zip(sections[1::2], sections[2::2], strict=True))


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_fails(broken: Mapping[str, str], name: str) -> None:
    violation = VIOLATIONS[name]
    [report] = [text for contract, text in broken.items() if contract.startswith(violation.contract)]
    assert violation.report in report, report
