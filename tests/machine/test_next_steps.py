"""What `up` prints at its end, and what README repeats of it."""

import re
from pathlib import Path

from knative.machine import repositories
from knative.machine.home import PROJECT, Home, Ports
from knative.machine.next_steps import next_steps
from knative.machine.up import SAMPLE


def lines(home: Home, isolation: str = "sandbox: user ids and files of its own for each container") -> list[str]:
    (home.path / "knative").mkdir(parents=True)
    (home.path / "knative" / "isolation").write_text(isolation + "\n")
    return list(next_steps(home, repositories.at(home, SAMPLE).url))


def commands(printed: list[str]) -> list[str]:
    return [line.strip() for line in printed if re.match(r"  \S", line)]


def test_the_five_commands_are_those_of_the_readme(tmp_path: Path) -> None:
    steps = commands(lines(Home(tmp_path)))
    assert len(steps) == 5
    readme = (PROJECT / "README.md").read_text()
    assert "\n".join(f"    {command}" for command in steps) in readme


def test_another_port_is_exported_for_the_cli(tmp_path: Path) -> None:
    steps = commands(lines(Home(tmp_path, Ports(4200))))
    assert steps[0] == "export CAPSULE_API=http://127.0.0.1:7200" and len(steps) == 6


def test_the_place_of_emails_is_named(tmp_path: Path) -> None:
    assert f"E-mails      {tmp_path}/mail: print the newest with ./taskw mail" in lines(Home(tmp_path))


def test_every_line_fits_80_columns_and_single_tenant_mode_is_red(tmp_path: Path) -> None:
    home = Home(PROJECT / ".capsule")
    printed = list(next_steps_of(home, tmp_path, "single-tenant mode: " + "bubblewrap is missing, so applications can read files. " * 4))
    assert any("[bold red]single-tenant mode" in line for line in printed)
    assert max(len(line.replace("[bold red]", "").replace("[/]", "")) for line in printed) <= 80


def next_steps_of(home: Home, folder: Path, isolation: str) -> list[str]:
    """The lines of a state folder in the project, with the isolation of another folder."""
    text = lines(Home(folder), isolation)
    return [line.replace(str(folder), str(home.path.relative_to(PROJECT))) for line in text]
