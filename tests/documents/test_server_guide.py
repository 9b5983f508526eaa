"""docs/server.md is true: its commands that change nothing outside of the project run, the others parse, and its settings exist."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from knative.machine.home import PROJECT

PAGE = (PROJECT / "docs" / "server.md").read_text()
SETTINGS = (PROJECT / "docs" / "settings.md").read_text()
NFT = shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_commands_that_change_nothing_run(tmp_path: Path) -> None:
    runnable = blocks("sh run")
    assert len(runnable) == 2
    environment = {**os.environ, "CAPSULE_HOME": str(tmp_path)}
    outputs = []
    for block in runnable:
        command = block.replace("./taskw", f"{sys.executable} -m knative.machine")
        done = subprocess.run(["sh", "-ec", command], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr  # doctor: 1 if this machine has a fault
        outputs.append(done.stdout)
    assert f"CAPSULE_HOME={tmp_path}" in outputs[0]
    for check in ("kernel", "ports", "disk", "memory", "clock", "mail", "names", "domains", "service", "firewall", "tls", "keys"):
        assert re.search(rf"^\S+ {check} ", outputs[1], re.MULTILINE), f"doctor says nothing of {check}"


@pytest.mark.parametrize("block", [*blocks("sh"), *blocks("sh run")])
def test_a_shell_parses_every_command_and_tasks_exist(block: str) -> None:
    parsed = subprocess.run(["sh", "-n"], input=block, capture_output=True, text=True, check=False)
    assert parsed.returncode == 0, parsed.stderr
    taskfile = (PROJECT / "Taskfile.yml").read_text()
    for task in re.findall(r"\./taskw ([a-z-]+)", block):
        assert re.search(rf"^  {task}:$", taskfile, re.MULTILINE), task


def test_every_setting_exists() -> None:
    names = set(re.findall(r"^(CAPSULE_[A-Z_]+)=", "".join(blocks("env")), re.MULTILINE))
    assert len(names) >= 8
    assert [name for name in sorted(names) if f"`{name}`" not in SETTINGS] == []


@pytest.mark.skipif(NFT is None or os.geteuid() != 0, reason="nft checks a ruleset as root only")
def test_the_firewall_parses(tmp_path: Path) -> None:
    (ruleset,) = blocks("nft")
    path = tmp_path / "nftables.conf"
    path.write_text(ruleset.replace("flush ruleset\n", ""))
    checked = subprocess.run([str(NFT), "--check", "--file", str(path)], capture_output=True, text=True, check=False)
    assert "syntax error" not in checked.stderr
