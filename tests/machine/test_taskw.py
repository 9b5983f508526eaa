"""`taskw` and Taskfile.yml name the same tasks, and every description fits a terminal of 80 columns."""

import re

import yaml

from knative.machine.__main__ import parser
from knative.machine.home import PROJECT

TASKFILE = yaml.safe_load((PROJECT / "Taskfile.yml").read_text())["tasks"]
MACHINE = "python -m knative.machine "


def test_taskw_runs_the_tasks_of_this_machine_without_the_task_runner() -> None:
    """Task adds `Failed to run task` to their own error messages."""
    direct = re.search(r"^ *([a-z |-]+)\) exec python -m knative\.machine", (PROJECT / "taskw").read_text(), re.MULTILINE)
    assert direct is not None
    names = set(direct[1].split(" | "))
    assert names == {name for name, task in TASKFILE.items() if task.get("cmd", "").startswith(MACHINE)}
    assert names == set(next(action.choices for action in parser()._actions if action.dest == "task") or ())


def test_descriptions_are_short() -> None:
    too_long = {name: task["desc"] for name, task in TASKFILE.items() if len(task["desc"]) > 60}
    assert too_long == {}
