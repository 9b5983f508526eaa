"""Plans as text, beside the small trees that they are made of: `cases/*.yaml`.

`python -m tests.builder.planning.snapshots` writes the plans of all cases anew; review the difference before you commit it.
"""

from pathlib import Path
from typing import Any

import yaml

from knative.builder.failure import BuildFailure
from knative.builder.planning import BuildSettings, Plan, Tree, make_plan

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CASES = Path(__file__).with_name("cases")
BIND = "${CAPSULE_BIND:-0.0.0.0}"


def load() -> list[tuple[str, dict[str, Any]]]:
    """(name, case) of all files. A case has `name`, `files`, `settings` and `plan`."""
    return [(f"{path.stem}: {case['name']}", case) for path in sorted(CASES.glob("*.yaml")) for case in yaml.load(path.read_text(), LOADER)]


def snapshot(case: dict[str, Any]) -> str:
    """Return the plan of a case, or its refusal, as text. `BIND` stands for the address that start commands listen on."""
    try:
        return render(make_plan(Tree.of_files(case["files"]), BuildSettings(**case.get("settings", {}))))
    except BuildFailure as failure:
        return f"{failure.reason}: {failure.detail}\n"


def render(plan: Plan) -> str:
    toolchains = []
    for each in plan.toolchains:
        details = (each.name, each.constraint, f"({each.source})" if each.source else "", "at run time" if each.is_needed_to_run else "")
        toolchains.append(" ".join(filter(None, details)))
    site = plan.site + (" (single page)" if plan.is_single_page else "")
    fields = {
        "needs": ", ".join(toolchains), "start": plan.start, "site": site, "release": plan.release, "dockerfile": plan.dockerfile,
        "directory": plan.directory.removeprefix("."), "health": plan.health, "port": str(plan.port or ""), "variables": _pairs(plan.variables),
    }  # fmt: skip
    lines = [f"{plan.kind}: {plan.reason}"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value]
    for step in plan.steps:
        command = step.command[2] if step.command[:2] == ("sh", "-c") else " ".join(step.command)
        command = f"({step.title})" if "\n" in command else command
        place = f"({step.directory}) " if step.directory != plan.directory else ""
        tolerated = "  # may fail" if step.tolerated else ""
        lines.append(f"$ {place}{' '.join(filter(None, (_pairs(step.variables), command)))}{tolerated}")
    lines += [f"! {notice}" for notice in plan.notices]
    return "\n".join(lines).replace(BIND, "BIND") + "\n"


def _pairs(variables: Any) -> str:
    return " ".join(f"{name}={value}" for name, value in variables.items())


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def main() -> None:
    _Dumper.add_representer(str, _text)
    for path in sorted(CASES.glob("*.yaml")):
        cases = [{**case, "plan": snapshot(case)} for case in yaml.load(path.read_text(), LOADER)]
        path.write_text(yaml.dump(cases, Dumper=_Dumper, sort_keys=False, width=150, allow_unicode=True))


if __name__ == "__main__":
    main()
