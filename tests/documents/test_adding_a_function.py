"""docs/adding-a-function.md is true: its blocks, applied to a copy of the repository, generate and pass."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.documents import adding_a_function as page
from tests.proof import proof
from tests.servers import HOME


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("adding-a-function")
    page.copy_repository(target)
    page.apply(target)
    return target


def run(command: list[str], folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_")) and name != HOME}
    result = subprocess.run(command, cwd=folder, env={**environment, "PYTHONPATH": str(folder)}, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}\n{result.stderr}"


def test_the_generated_files_have_the_new_function(copy: Path) -> None:
    generate, _ = page.commands("run")
    run(generate, copy)
    assert "/v1/users/me/contact-email" in (copy / "schemas/openapi.yaml").read_text()
    assert "contact-email.changed" in (copy / "schemas/asyncapi.yaml").read_text()


@proof("adding-a-function")
def test_check_and_the_contract_succeed(copy: Path) -> None:
    for command in [*page.commands("run"), *page.commands("proof")]:
        run(command, copy)


def test_a_line_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no such line"):
        page._inserted("a\nb\n", "no such line", "c\n")
