"""Entry point of an inspection after `clone`: plan the build and report the plan. No code of the repository runs.

The termination message is {"commit", "plan"}, or {"reason", "detail"} as of a build. Kubernetes keeps 4 KiB of it, so long lists
lose their ends, and the plan says so.
"""

import json
import os
import sys
import traceback
from typing import Any

from knative.builder.clone import read_commit
from knative.builder.execution import log
from knative.builder.failure import BUILD_FAILED, TOO_LARGE, BuildFailure
from knative.builder.outcome import MAX_MESSAGE_BYTES, report_failure
from knative.builder.parameters import Parameters
from knative.builder.planning import Plan, Tree, make_plan
from knative.builder.planning.expectations import expected_variables, find_gaps

MAX_TEXT_LENGTH, MAX_PROCESSES, MAX_LIST = 300, 20, 60
SHORTENED = ("variables", "notices", "steps", "processes", "gaps", "toolchains")
"""Lists of the plan: the longest loses entries first."""
Json = dict[str, Any]


def main() -> int:
    parameters = Parameters.from_environment(os.environ)
    try:
        document = inspect(Tree.of_folder(parameters.workspace / "source"), parameters)
        message = fit({"commit": read_commit(parameters), "plan": document})
    except BuildFailure as failure:
        return report_failure(parameters, failure)
    except RecursionError:
        return report_failure(parameters, BuildFailure(TOO_LARGE, "A file of the repository is nested too deeply."))
    except Exception as error:  # noqa: BLE001  the inspection must end with a reason
        traceback.print_exc()
        return report_failure(parameters, BuildFailure(BUILD_FAILED, f"Internal error of the builder: {type(error).__name__}: {error}"))
    log(f"==> Recognized {document['kind']} ({document['reason']})")
    parameters.termination_log.parent.mkdir(parents=True, exist_ok=True)
    parameters.termination_log.write_text(message)
    return 0


def inspect(tree: Tree, parameters: Parameters) -> Json:
    """Return the plan of a repository with what it seems to need. `tree`: its root. Raises BuildFailure."""
    plan = make_plan(tree, parameters.settings)
    application = tree.from_root(plan.directory)
    return {
        **describe(plan),
        "variables": [
            {"name": each.name, "source": each.source, "example": _text(each.example), "isRequired": each.is_required}
            for each in expected_variables(application, plan)
        ],
        "gaps": [_text(each) for each in find_gaps(application, plan)],
        "isShortened": False,
    }


def describe(plan: Plan) -> Json:
    """Return the plan as the API shows it. Commands of more than MAX_TEXT_LENGTH characters are shortened: they are for people."""
    return {
        "kind": plan.kind,
        "reason": _text(plan.reason),
        "directory": plan.directory,
        "toolchains": [{"name": each.name, "version": _text(each.constraint), "source": _text(each.source)} for each in plan.toolchains[:MAX_LIST]],
        "steps": [{"title": _text(each.title), "command": _text(_line(each.command))} for each in plan.steps[:MAX_LIST]],
        "start": _text(plan.start),
        "release": _text(plan.release),
        "processes": [{"name": _text(name), "command": _text(line)} for name, line in list(plan.processes.items())[:MAX_PROCESSES]],
        "health": plan.health,
        "port": plan.port or None,
        "dockerfile": _text(plan.dockerfile),
        "isSite": plan.kind == "static" or bool(plan.site),
        "notices": [_text(each) for each in plan.notices[:MAX_LIST]],
    }


def fit(outcome: Json) -> str:
    """Return the outcome as JSON of at most MAX_MESSAGE_BYTES."""
    while len(text := json.dumps(outcome).encode()) > MAX_MESSAGE_BYTES:
        plan = outcome["plan"]
        longest = max(SHORTENED, key=lambda name: len(json.dumps(plan[name])))
        plan[longest] = plan[longest][: len(plan[longest]) * 3 // 4]
        plan["isShortened"] = True
    return text.decode()


def _line(command: tuple[str, ...]) -> str:
    """The line of a shell, or the arguments."""
    return command[2] if command[:2] == ("sh", "-c") and len(command) > 2 else " ".join(command)


def _text(text: str) -> str:
    plain = text.encode("utf-8", "backslashreplace").decode()
    return plain if len(plain) <= MAX_TEXT_LENGTH else f"{plain[: MAX_TEXT_LENGTH - 1]}…"


if __name__ == "__main__":
    sys.exit(main())
