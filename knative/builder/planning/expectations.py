"""What an application seems to need and the plan does not show: environment variables, and files that a repository should have (pure)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from knative.builder.failure import BuildFailure
from knative.builder.planning.app_json import APP_JSON
from knative.builder.planning.plan import Plan
from knative.builder.planning.tree import Tree, table

EXAMPLES = (
    *(".env.example", ".env.sample", ".env.template", ".env.dist", ".env.defaults"),
    *("env.example", "example.env", "sample.env", ".env.local.example", ".env.production.example"),
)
ASSIGNMENT = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]{0,99})[ \t]*=[ \t]*(.*)$", re.MULTILINE)
OF_THE_PLATFORM = frozenset({"PORT", "HOST", "HOSTNAME", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
MAX_VARIABLES, MAX_EXAMPLE_LENGTH = 60, 80
LOCK_FILES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "node": (("package.json",), ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb")),
    "ruby": (("Gemfile",), ("Gemfile.lock",)),
    "php": (("composer.json",), ("composer.lock",)),
    "go": (("go.mod",), ("go.sum",)),
}
"""Language → manifests, and the lock files that fix the versions of what they ask for."""


@dataclass(frozen=True, slots=True)
class ExpectedVariable:
    name: str
    source: str
    """The file that names it."""
    example: str = ""
    is_required: bool = False


def expected_variables(tree: Tree, plan: Plan) -> list[ExpectedVariable]:
    """Return the variables that the repository names for those who run it, without those that the plan or the platform sets.

    `tree`: of the base directory. Values of examples are for people, not for the application.
    """
    found: dict[str, ExpectedVariable] = {}
    for each in (*_of_app_json(tree), *_of_examples(tree)):
        if each.name not in plan.variables and each.name not in OF_THE_PLATFORM:
            found.setdefault(each.name, each)
    return sorted(found.values(), key=lambda each: not each.is_required)[:MAX_VARIABLES]


def _of_app_json(tree: Tree) -> list[ExpectedVariable]:
    try:
        declared = table(tree.json(APP_JSON), "env")
    except BuildFailure:
        return []  # the plan's notices name the fault
    found = []
    for name, value in declared.items():
        details = value if isinstance(value, dict) else {}
        has_value = bool(details.get("value") if details else value)
        if not has_value:
            is_required = details.get("required", True) is not False and not details.get("generator")
            found.append(ExpectedVariable(name[:100], APP_JSON, str(details.get("description") or "")[:MAX_EXAMPLE_LENGTH], is_required))
    return found


def _of_examples(tree: Tree) -> list[ExpectedVariable]:
    return [
        ExpectedVariable(match[1], file, match[2].strip().strip("\"'")[:MAX_EXAMPLE_LENGTH])
        for file in tree.find(*EXAMPLES)
        for match in ASSIGNMENT.finditer(tree.text(file)[: 256 * 1024])
    ]


def find_gaps(tree: Tree, plan: Plan) -> list[str]:
    """Return what is missing in the base directory, as sentences that say what follows and what to do."""
    gaps = []
    languages = {plan.kind, *(each.name for each in plan.toolchains)}
    for language, (manifests, locks) in LOCK_FILES.items():
        has_lock = any(folder.has(*locks) for folder in (tree, *tree.ancestors))
        if language in languages and tree.has(*manifests) and not has_lock and _has_dependencies(tree, language):
            gaps.append(f"No lock file beside {manifests[0]}: each build may install other versions. Commit {locks[0]}.")
    for each in plan.toolchains:
        if each.is_needed_to_run and not each.constraint:
            gaps.append(f"No version of {each.name} is chosen: the default may become a newer one.")
    if tree.has(".env"):
        gaps.append("The repository has a .env file. If it holds secrets, remove it and set them with `capsule env set --secret`.")
    return gaps


def _has_dependencies(tree: Tree, language: str) -> bool:
    if language == "node":
        content = tree.json("package.json")
        return bool(table(content, "dependencies") or table(content, "devDependencies"))
    return language != "go" or "require" in tree.text("go.mod")
