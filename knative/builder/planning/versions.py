"""Versions of languages that a repository names, as constraints in the grammar of each language."""

import re
from collections.abc import Iterator

from knative.builder.planning.plan import Toolchain
from knative.builder.planning.tree import Tree, string, table

LTS_NAMES = {
    "argon": "4", "boron": "6", "carbon": "8", "dubnium": "10", "erbium": "12", "fermium": "14", "gallium": "16", "hydrogen": "18",
    "iron": "20", "jod": "22", "krypton": "24",
}  # fmt: skip
"""Node.js's code names of long-term support releases (github.com/nodejs/Release)."""
ASDF_NAMES = {"python": "python", "nodejs": "node", "node": "node", "golang": "go", "go": "go", "ruby": "ruby", "php": "php", "java": "java"}
MISE_FILES = ("mise.toml", ".mise.toml", "mise/config.toml", ".mise/config.toml", ".config/mise.toml", ".config/mise/config.toml")
NUMBER = re.compile(r"\d+(?:\.\d+)*")


def python_toolchain(tree: Tree) -> Toolchain:
    """Order: .python-version (also of folders above, as uv), runtime.txt, .tool-versions and mise.toml, Pipfile, pyproject.toml, setup.cfg."""
    for constraint, source in _python_versions(tree):
        if constraint:
            return Toolchain("python", constraint, source, is_needed_to_run=True)
    return Toolchain("python", is_needed_to_run=True)


def _python_versions(tree: Tree) -> Iterator[tuple[str, str]]:
    for each in [tree, *tree.ancestors]:
        for line in _lines(each.text(".python-version")):
            yield pinned_python(line), each.place(".python-version")
    yield pinned_python(next(iter(_lines(tree.text("runtime.txt"))), "")), "runtime.txt"
    for version, source in managed_versions(tree, "python"):
        yield pinned_python(version), source
    pipfile = tree.toml("Pipfile") if tree.has("Pipfile") else {}
    yield pinned_python(string(pipfile, "requires", "python_full_version") or string(pipfile, "requires", "python_version")), "Pipfile"
    project = tree.toml("pyproject.toml")
    yield string(project, "project", "requires-python"), "pyproject.toml (requires-python)"
    yield poetry_constraint(string(project, "tool", "poetry", "dependencies", "python")), "pyproject.toml (tool.poetry.dependencies)"
    setup = re.search(r"python_requires\s*=\s*[\"']?([^\"'\n]+)", tree.text("setup.cfg") or tree.text("setup.py"))
    yield setup[1].strip() if setup else "", tree.first("setup.cfg", "setup.py")


def pinned_python(text: str) -> str:
    """Return a PEP 440 constraint for `3.12`, `3.12.x`, `python-3.12.4`, `cpython-3.12-linux`, `3.12.4/envs/shop` (pyenv-virtualenv) or a specifier.

    "" for names of virtual environments. Another implementation (`pypy3.10`) stays as it is: it is refused by name.
    """
    text = text.strip().strip("\"'").partition("/")[0]
    match = re.fullmatch(
        r"(?:c?python)?[-@= ]?v?(\d+(?:\.\d+)*)(?:\.[x*])?(t|-dev|(?:a|b|rc)\d+)?(?:-(?:linux|macos|windows)\S*)?", text, re.IGNORECASE
    )
    if match is None:
        is_specifier = re.match(r"[<>=~!]", text) is not None
        is_implementation = re.match(r"(pypy|graalpy|jython|micropython|miniconda|anaconda)", text, re.IGNORECASE) is not None
        return text if is_specifier or is_implementation else ""
    version, suffix = match[1], match[2] or ""
    if suffix.startswith(("a", "b", "rc")) or version.count(".") >= 2:
        return f"=={version}{suffix if suffix not in ('t', '-dev') else ''}"
    return f"=={version}.*"


def poetry_constraint(text: str) -> str:
    """Return Poetry's caret and tilde constraints in PEP 440 (python-poetry.org/docs/dependency-specification)."""
    alternatives = [part.strip() for part in re.split(r"\|\|?", text) if part.strip()]
    if len(alternatives) > 1:  # PEP 440 has no "or": the bounds around all alternatives
        numbers = sorted((match[0] for part in alternatives if (match := NUMBER.search(part))), key=_key)
        return f">={numbers[0]}" if numbers else ""
    specifiers = []
    for part in re.split(r"[,\s]+(?=[\^~<>=!\d])", text.replace(", ", ",")):
        part = part.strip().strip(",")
        number = NUMBER.search(part)
        if not part or part == "*" or number is None:
            continue
        version = number[0].split(".")
        if part.startswith("^"):
            upper = [str(int(version[0]) + 1)] if version[0] != "0" or len(version) == 1 else ["0", str(int(version[1]) + 1)]
            specifiers.append(f">={number[0]},<{'.'.join(upper)}")
        elif part.startswith("~") and not part.startswith("~="):
            upper = [str(int(version[0]) + 1)] if len(version) == 1 else [version[0], str(int(version[1]) + 1)]
            specifiers.append(f">={number[0]},<{'.'.join(upper)}")
        elif part[0].isdigit():
            specifiers.append(f"=={part}" if "*" in part or len(version) > 2 else f"=={number[0]}.*")
        else:
            specifiers.append(part.replace(" ", ""))
    return ",".join(specifiers)


def node_toolchain(tree: Tree, manifest: dict[str, object], *, is_needed_to_run: bool) -> Toolchain:
    """Order: engines, .nvmrc, .node-version, .tool-versions and mise.toml, volta; the folder's, then those above.

    An open range in `engines` (`>=18`) is narrowed by a file that names one version.
    """
    engine = node_range(string(manifest, "engines", "node"))
    version, source = next(((version, source) for version, source in _node_versions(tree, manifest) if version), ("", ""))
    is_open = re.fullmatch(r">=?\s*v?[\d.x*]+", engine) is not None or engine in ("*", "x")
    if engine and version and is_open and source:
        return Toolchain("node", version if engine in ("*", "x") else f"{engine} {version}", f"package.json (engines), {source}", is_needed_to_run)
    if engine:
        return Toolchain("node", engine, "package.json (engines)", is_needed_to_run)
    parent = None if version else _package_above(tree)
    if parent is not None and (upper := node_range(string(parent.json("package.json"), "engines", "node"))):
        return Toolchain("node", upper, f"{parent.place('package.json')} (engines)", is_needed_to_run)
    return Toolchain("node", version, source, is_needed_to_run)


def _package_above(tree: Tree) -> Tree | None:
    return next((each for each in tree.ancestors if each.has("package.json")), None)


def _node_versions(tree: Tree, manifest: dict[str, object]) -> Iterator[tuple[str, str]]:
    for each in [tree, *tree.ancestors]:
        for name in (".nvmrc", ".node-version"):
            yield node_range(next(iter(_lines(each.text(name))), "")), each.place(name)
        for version, source in managed_versions(each, "node"):
            yield node_range(version), source
        own = manifest if each is tree else each.json("package.json")
        yield node_range(string(own, "volta", "node")), f"{each.place('package.json')} (volta)"
    runtime = table(manifest, "devEngines", "runtime")
    if string(runtime, "name") == "node":
        yield node_range(string(runtime, "version")), "package.json (devEngines)"


def node_range(text: str) -> str:
    """Return npm's semver range for nvm's words: `lts/*`, `lts/hydrogen`, `v18`, `node`. "" where any version will do."""
    text = text.strip().strip("\"'")
    name = text.lower().removeprefix("lts/").removeprefix("lts-")
    if name in LTS_NAMES:
        return LTS_NAMES[name]
    if text.lower() in ("node", "latest", "current", "stable"):
        return "*"
    if text.lower() in ("system", "default", "lts") or text.lower().startswith("lts/"):
        return ""
    return re.sub(r"^v(?=\d)", "", re.sub(r"^node[-/@]?(?=v?\d)", "", text))


def managed_versions(tree: Tree, language: str) -> Iterator[tuple[str, str]]:
    """(version, file) of asdf's .tool-versions and of mise.toml. `latest:20` and `prefix:20` name a prefix; other words no version."""
    for line in _lines(tree.text(".tool-versions")):
        words = line.split()
        if len(words) > 1 and ASDF_NAMES.get(words[0]) == language:
            yield _managed(words[1]), tree.place(".tool-versions")
    for file in MISE_FILES:
        for name, value in table(tree.toml(file), "tools").items() if tree.has(file) else ():
            if ASDF_NAMES.get(name) == language:
                version = value[0] if isinstance(value, list) and value else value.get("version") if isinstance(value, dict) else value
                yield _managed(str(version)), tree.place(file)


def _managed(version: str) -> str:
    """Return a version of asdf or mise in the language's own grammar; "" for a revision, a folder, and the newest one."""
    kind, colon, rest = version.partition(":")
    if colon:
        return rest if kind in ("latest", "prefix") else ""
    return "" if version in ("latest", "system") else version


def _lines(text: str) -> list[str]:
    """Lines without comments and blank ones."""
    return [line for raw in text.split("\n") if (line := raw.split("#")[0].strip())]


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
