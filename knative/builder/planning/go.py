"""Plan Go modules (devcenter.heroku.com/articles/go-support, railpack.com/languages/golang)."""

import re
from dataclasses import replace

from knative.builder.failure import NOT_RECOGNIZED, BuildFailure
from knative.builder.planning import assets
from knative.builder.planning.declarations import Declarations, build_step
from knative.builder.planning.plan import Plan, Step, Toolchain
from knative.builder.planning.tree import Tree, join
from knative.builder.planning.versions import managed_versions

PREFERRED = ("server", "web", "api", "app", "http", "httpd", "service", "main")
"""Names of the program that serves, where a module has several."""
IGNORED = re.compile(r"(^|/)(vendor|testdata|examples?|_examples?|internal/tools?|tools?|hack|scripts|\.[^/]+)/|_test\.go$")
OLD_TOOLS = ("Gopkg.toml", "glide.yaml", "vendor/vendor.json", "Godeps/Godeps.json")


def detect(tree: Tree, declared: Declarations) -> Plan | None:
    """Raises BuildFailure(not-recognized) if no program, or not which one of several, can be found."""
    if not tree.has("go.mod", "go.work"):
        return _in_module_above(tree, declared) or _without_module(tree, declared)
    programs = find_programs(tree)
    if not programs:
        if declared.start or tree.has("package.json", "requirements.txt", "pyproject.toml", "Gemfile", "composer.json"):
            return None
        raise BuildFailure(NOT_RECOGNIZED, "Go module without a program: no file has `package main` and `func main`. Add one, or a Procfile.")
    hinted = re.findall(r"(?m)^\s*//\s*\+heroku install\s+(.+)$", tree.text("go.mod"))
    packages = hinted[0].split() if hinted else [f"./{folder}" if folder else "." for folder in programs]
    start = declared.start or f"bin/{_name(tree, _choose(tree, programs))}"
    chosen = packages if declared.start or hinted else [f"./{folder}" if (folder := _choose(tree, programs)) else "."]
    front = assets.find_assets(tree, declared.buildpacks)
    build = build_step(tree, declared) or (Step("Building with go build", ("go", "build", "-o", "bin/", *chosen), directory=tree.directory),)
    return Plan(
        kind="go",
        reason=f"{tree.first('go.work', 'go.mod')}, {declared.start_source if declared.start else chosen[0]}",
        toolchains=(replace(go_toolchain(tree), is_needed_to_run=re.match(r"go\s", start) is not None), *front.toolchains),
        steps=(*front.steps, *build),
        start=start,
        variables={"PATH": _bin(tree)},
        notices=front.notices,
    )


def find_programs(tree: Tree) -> list[str]:
    """Return the folders with a main program, "" for the tree's own."""
    folders = []
    for path in tree.paths:
        folder = path.rpartition("/")[0]
        if path.endswith(".go") and not IGNORED.search(path) and folder not in folders:
            text = tree.text(path)
            is_excluded = re.search(r"(?m)^//(?:go:build| \+build)\s+ignore\b", text) is not None
            if not is_excluded and re.search(r"(?m)^package main\b", text) and re.search(r"(?m)^func main\s*\(\s*\)", text):
                folders.append(folder)
    return folders


def go_toolchain(tree: Tree) -> Toolchain:
    """Order: Heroku's directive of go.mod, .go-version, .tool-versions and mise.toml, `toolchain` and `go` of go.mod or go.work."""
    for file in ("go.mod", "go.work"):
        if directive := re.search(r"(?m)^\s*//\s*\+heroku goVersion\s+(?:go)?([\d.]+)", tree.text(file)):
            return Toolchain("go", directive[1], f"{file} (+heroku goVersion)")
    pinned = tree.text(".go-version").strip()
    candidates = [(pinned.removeprefix("go"), ".go-version"), *managed_versions(tree, "go")]
    for file in ("go.work", "go.mod"):
        for name, pattern in (("toolchain", r"(?m)^toolchain\s+go([\d.]+)"), ("go", r"(?m)^go\s+([\d.]+)")):
            match = re.search(pattern, tree.text(file))
            candidates.append((match[1] if match else "", f"{file} ({name})"))
    return next((Toolchain("go", version, source) for version, source in candidates if version), Toolchain("go"))


def _bin(tree: Tree) -> str:
    """Return the folder of the programs, for start commands that name one without its folder as on Heroku."""
    return "{root}/bin" if tree.directory == "." else f"{{root}}/{tree.directory}/bin"


def _choose(tree: Tree, programs: list[str]) -> str:
    """Return the folder of the program to start: the tree's own, the only one, or the one with a name that servers have."""
    if "" in programs or len(programs) == 1:
        return "" if "" in programs else programs[0]
    names = [*PREFERRED, _module(tree)]
    main = [folder for folder in programs if folder.count("/") == 0 or folder.startswith("cmd/") or "/cmd/" in folder]
    named = [folder for name in names for folder in main if folder.rpartition("/")[2] == name]
    commands = [folder for folder in programs if folder.startswith("cmd/")]
    if named or len(commands) == 1:
        return named[0] if named else commands[0]
    listed = ", ".join(programs[:8])
    raise BuildFailure(
        NOT_RECOGNIZED,
        f"The Go module has several programs: {listed}. Set the start command to one of them, such as `bin/{_name(tree, programs[0])}`.",
    )


def _module(tree: Tree) -> str:
    """Return the last element of the module's path without its major version: the name of its program."""
    match = re.search(r"(?m)^module\s+\"?([^\s\"]+)", tree.text("go.mod"))
    path = re.sub(r"/v\d+$", "", match[1]) if match else ""
    return re.sub(r"\.v\d+$", "", path.rpartition("/")[2])


def _name(tree: Tree, folder: str) -> str:
    """Return the name that `go build` gives the program of a folder."""
    if folder and not tree.has(f"{folder}/go.mod"):
        return folder.rpartition("/")[2]
    return _module(tree.at(folder) if folder else tree) or "main"


def _in_module_above(tree: Tree, declared: Declarations) -> Plan | None:
    """Plan a program whose module begins in a folder above the base directory."""
    module = next((each for each in tree.ancestors if each.has("go.mod")), None)
    programs = find_programs(tree) if module else []
    if module is None or not programs:
        return None
    folder = _choose(tree, programs)
    name = folder.rpartition("/")[2] or tree.directory.rpartition("/")[2]
    build = Step("Building with go build", ("go", "build", "-o", "bin/", f"./{folder}" if folder else "."), directory=tree.directory)
    return Plan(
        "go",
        f"{module.place('go.mod')}, {tree.place(folder).rstrip('/')}",
        (go_toolchain(module),),
        build_step(tree, declared) or (build,),
        declared.start or f"bin/{name}",
        variables={"PATH": _bin(tree)},
    )


def _without_module(tree: Tree, declared: Declarations) -> Plan | None:
    files = [path for path in tree.find("*.go") if not path.endswith("_test.go")]
    if "" not in find_programs(tree):
        return None
    if old := tree.first(*OLD_TOOLS):
        raise BuildFailure(NOT_RECOGNIZED, f"Go application with {old}, which Go no longer reads. Run `go mod init` and commit go.mod.")
    name = join(tree.directory).rpartition("/")[2] if tree.directory != "." else "main"
    build = Step("Building with go build", ("go", "build", "-o", f"bin/{name}", *files), {"GO111MODULE": "off"}, tree.directory)
    notices = ("go.mod is missing: only the standard library can be imported",)
    return Plan(
        "go",
        "main.go without go.mod",
        (go_toolchain(tree),),
        (build,),
        declared.start or f"bin/{name}",
        variables={"PATH": _bin(tree)},
        notices=notices,
    )
