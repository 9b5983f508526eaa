"""Package managers of Node.js and their workspaces: which one installs what, and where."""

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import yaml

from knative.builder.planning.plan import Step, Toolchain
from knative.builder.planning.tree import Tree, join, string, table

OPEN_RANGE = re.compile(r">=?\s*v?\d[\d.x*]*|\*|x|latest")
"""A range without an upper end."""
LOCKS = {
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "bun.lock": "bun",
    "bun.lockb": "bun",
}
LIFECYCLE = ("preinstall", "install", "postinstall", "prepare")
VERSION = re.compile(r"\d+(?:\.\d+)*(?:-[\w.]+)?")


@dataclass(frozen=True, slots=True)
class Manager:
    """The package manager of an application. `root`: the folder that is installed, the workspace's if there is one."""

    name: str
    root: Tree
    toolchain: Toolchain
    has_lock: bool
    is_berry: bool = False
    is_legacy: bool = False
    """A lock file of npm 6 or older, which did not check peer dependencies."""
    members: tuple[str, ...] = ()
    """Folders of the workspace's packages, relative to the repository."""
    notices: tuple[str, ...] = ()

    @property
    def is_workspace(self) -> bool:
        return bool(self.members)

    def install(self, *, is_production: bool) -> Step:
        """Return the step that installs dependencies, with development dependencies unless `is_production`."""
        frozen, arguments = self.has_lock, tuple[str, ...]()
        match self.name:
            case "pnpm":
                mode = "--prod" if is_production else "--prod=false"
                arguments = ("install", "--frozen-lockfile" if frozen else "--no-frozen-lockfile", "--package-import-method=copy", mode)
            case "yarn" if self.is_berry:
                arguments = ("install", "--immutable" if frozen else "--no-immutable")
            case "yarn":
                mode = "--production=true" if is_production else "--production=false"
                arguments = ("install", *(("--frozen-lockfile",) if frozen else ()), "--non-interactive", "--no-progress", mode)
            case _:
                peers = ("--legacy-peer-deps",) if self.is_legacy else ()
                arguments = ("ci" if frozen else "install", "--omit=dev" if is_production else "--include=dev", *peers)
        return Step(f"Installing with {self.name}", (self.name, *arguments), directory=self.root.directory)

    def prune(self) -> tuple[Step, ...]:
        """Return the step that removes development dependencies, none where the package manager cannot."""
        if self.is_workspace or self.is_berry:
            return ()
        command = {
            "pnpm": ("pnpm", "prune", "--prod", "--config.ignore-scripts=true"),
            "yarn": ("yarn", "install", "--frozen-lockfile", "--non-interactive", "--no-progress", "--production=true", "--ignore-scripts"),
            "npm": ("npm", "prune", "--omit=dev", "--ignore-scripts"),
        }[self.name]
        return (Step("Removing development dependencies", command, directory=self.root.directory),) if self.has_lock or self.name != "yarn" else ()

    def run(self, script: str, directory: str, **variables: str) -> Step:
        return Step(f"Running script {script}", (self.name, "run", script), variables, directory)


@dataclass(frozen=True, slots=True)
class Sibling:
    """A package of the repository that the application depends on."""

    directory: str
    manifest: dict[str, Any] = field(hash=False)
    is_member: bool


def choose_manager(tree: Tree, manifest: dict[str, Any]) -> Manager:
    """Order: packageManager of package.json (also of the workspace's root), lock file, engines, npm."""
    root, members = find_workspace(tree, manifest)
    top = root.json("package.json") if root is not tree else manifest
    declared = string(manifest, "packageManager") or string(top, "packageManager")
    name, _, version = declared.partition("@")
    engines = {**table(top, "engines"), **table(manifest, "engines")}
    volta = {**table(top, "volta"), **table(manifest, "volta")}
    locks = [file for file in LOCKS if root.has(file)]
    if name not in ("npm", "pnpm", "yarn"):
        from_lock = next((LOCKS[file] for file in locks if LOCKS[file] != "bun"), "")
        name = from_lock or next((each for each in ("pnpm", "yarn") if each in engines or each in volta), "npm")
        if root.has("pnpm-workspace.yaml"):
            name = "pnpm"
        version = ""
    lock = next((file for file in locks if LOCKS[file] == name), "")
    pinned = VERSION.match(version)
    constraint, source = (pinned[0], f"{root.place('package.json')} (packageManager)") if pinned else ("", "")
    if not constraint and (wish := string(volta, name) or string(engines, name)):
        constraint, source = wish, "package.json (volta)" if string(volta, name) else "package.json (engines)"
    is_berry = name == "yarn" and _is_berry(root, constraint)
    if name == "pnpm" and (not constraint or OPEN_RANGE.fullmatch(constraint)):
        constraint, source = _pnpm_version(root, top, constraint, source)
    if not constraint and name == "yarn":
        constraint, source = _yarn_version(root, is_berry=is_berry)
    notices = [f"{root.place(file)} is not used; {lock or name} decides" for file in locks if file != lock]
    if not lock:
        notices.append("no lock file; the newest versions that package.json allows are installed")
    is_legacy = name == "npm" and bool(re.search(r'"lockfileVersion"\s*:\s*1\b', root.text(lock)[:2000])) if lock else False
    return Manager(name, root, Toolchain(name, constraint, source), bool(lock), is_berry, is_legacy, members, tuple(notices))


def find_workspace(tree: Tree, manifest: dict[str, Any]) -> tuple[Tree, tuple[str, ...]]:
    """Return the folder to install and the workspace's members, none if the application belongs to no workspace.

    A folder without a lock file of its own, below one that has both, is installed there: some repositories keep one lock file.
    """
    for each in [tree, *tree.ancestors]:
        members = workspace_members(each)
        if members and (each is tree or tree.directory in members):
            return each, members
    return tree, ()


def workspace_members(tree: Tree) -> tuple[str, ...]:
    """Return the folders of a workspace's packages, relative to the repository."""
    patterns = _patterns(tree)
    if not patterns:
        return ()
    excluded = [pattern[1:].strip("./") for pattern in patterns if pattern.startswith("!")]
    included = [pattern.removeprefix("./").rstrip("/") for pattern in patterns if not pattern.startswith("!")]
    folders = [path.removesuffix("/package.json") for path in tree.paths if path.endswith("/package.json")]
    return tuple(
        join(tree.directory, folder)
        for folder in folders
        if any(_matches(folder, pattern) for pattern in included) and not any(_matches(folder, pattern) for pattern in excluded)
    )


def _patterns(tree: Tree) -> list[str]:
    if text := tree.text("pnpm-workspace.yaml"):
        packages = _yaml(text).get("packages")
        return [each for each in packages if isinstance(each, str)] if isinstance(packages, list) else []
    declared: Any = tree.json("package.json").get("workspaces")
    declared = declared.get("packages") if isinstance(declared, dict) else declared
    return [each for each in declared if isinstance(each, str)] if isinstance(declared, list) else []


def _yaml(text: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}  # pnpm itself reports it
    return content if isinstance(content, dict) else {}


def _matches(folder: str, pattern: str) -> bool:
    if "**" in pattern:
        return fnmatchcase(folder, pattern.replace("/**", "*").replace("**/", "*").replace("**", "*"))
    return folder.count("/") == pattern.count("/") and fnmatchcase(folder, pattern)


def siblings_of(tree: Tree, manifest: dict[str, Any], manager: Manager) -> list[Sibling]:
    """Return the packages of the repository that the application needs, each after those that it needs itself."""
    by_name = {string(content := tree.from_root(folder).json("package.json"), "name"): (folder, content) for folder in manager.members}
    found: dict[str, Sibling] = {}

    def add(folder: str, content: dict[str, Any], depth: int) -> None:
        dependencies = {**table(content, "dependencies"), **table(content, "devDependencies")}
        for name, value in dependencies.items():
            version = str(value)
            is_member = name in by_name and (version.startswith(("workspace:", "*", "file:", "link:", "^", "~")) or version[:1].isdigit())
            link = re.match(r"(?:file|link|portal):(.+)", version)
            target = by_name[name][0] if is_member else join(folder, link[1]) if link else ""
            if not target or target.startswith("..") or target in found or target == tree.directory or depth > 20:
                continue
            other = tree.from_root(target).json("package.json")
            if other:
                found[target] = Sibling(target, {}, is_member)  # reserves the place: packages may depend on each other
                add(target, other, depth + 1)
                del found[target]
                found[target] = Sibling(target, other, is_member)

    add(tree.directory, manifest, 0)
    return list(found.values())


def _is_berry(root: Tree, constraint: str) -> bool:
    if re.match(r"[\^~>=v\s]*[2-9]", constraint):
        return True
    if re.match(r"[\^~=v\s]*[01]\b", constraint):
        return False
    return "__metadata:" in root.text("yarn.lock")[:2000] or root.has(".yarnrc.yml")


def _pnpm_version(root: Tree, manifest: dict[str, Any], minimum: str, source: str) -> tuple[str, str]:
    """Return the version that wrote the lock file. pnpm 10 and later run dependencies' build scripts only if they are approved.

    Lock files of version 9.0 are written by pnpm 9 and later: settings that only pnpm 10 knows decide. `minimum`: an open range of engines, ""
    without one; a lock file that an older version wrote does not decide.
    """
    lock = re.search(r"lockfileVersion:\s*'?(\d+)(?:\.(\d+))?", root.text("pnpm-lock.yaml")[:500])
    settings = _yaml(root.text("pnpm-workspace.yaml"))
    own = table(manifest, "pnpm")
    approvals = ("onlyBuiltDependencies", "ignoredBuiltDependencies", "neverBuiltDependencies", "allowBuilds", "dangerouslyAllowAllBuilds")
    is_new = any(key in settings or key in own for key in approvals) or bool(set(settings) - {"packages", "catalog", "catalogs"})
    if lock is None:
        return (minimum, source) if minimum else ("10", "")
    version = {"5": "7" if (lock[2] or "0") >= "4" else "6", "6": "8"}.get(lock[1], "10" if is_new else "9")
    at_least = int((re.search(r"\d+", minimum) or ["0"])[0])
    if int(version) < at_least:
        return minimum, source
    return version, f"pnpm-lock.yaml (version {lock[1]}.{lock[2] or 0})"


def _yarn_version(root: Tree, *, is_berry: bool) -> tuple[str, str]:
    if not is_berry:
        return "1", ""
    path = re.search(r"yarnPath:\s*[\"']?\S*yarn-(\d+\.\d+\.\d+)", root.text(".yarnrc.yml"))
    if path:
        return path[1], ".yarnrc.yml (yarnPath)"
    written = re.search(r"__metadata:\s*\n\s+version:\s*(\d+)", root.text("yarn.lock")[:2000])
    number = int(written[1]) if written else 8
    return ("2" if number <= 4 else "3" if number <= 6 else "4"), "yarn.lock" if written else ""
