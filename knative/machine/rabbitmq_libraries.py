"""The libraries that the local RabbitMQ finds: those of the server and of the plugins that are enabled, and what they say of themselves.

An installation has some 60 libraries, most of them of plugins. While it starts, RabbitMQ looks for each of its modules in each library, and for
feature flags in all of them: a fifth of the CPU of a start.

It also loads every module of every application, to read the attributes in which its own modules declare boot steps, upgrades and feature flags
(rabbit_misc:module_attributes_from_apps). Which modules there are is in the specification of an application. Those of Erlang/OTP and of other
libraries, a third of all, declare nothing to RabbitMQ: it gets specifications without them, and Erlang loads them when they are called.
"""

import hashlib
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

PREFIX = "rabbitmq_"
"""What the names of plugins begin with. Libraries with other names are kept, whoever uses them."""
SERVER = ("rabbit", "rabbitmq_prelaunch")
APPLICATIONS = re.compile(r"\{applications,\s*\[([^\]]*)\]")
"""Of a file with the specification of an application (app(4) of Erlang/OTP)."""
MODULES = re.compile(r"\{\s*modules\s*,\s*\[[^\]]*\]\s*\}")
SPECIFICATION = ".app"
OWN = "rabbit"
"""What the names of RabbitMQ's own libraries begin with. They find modules of their own by the specification, too."""
STAMP = ".made-from"
FORMAT = 1
"""Of what is written here. Another number makes everything anew."""


def link(installation: Path, folder: Path, plugins: Iterable[str]) -> Path:
    """Make `folder` an installation of links to another one, without the plugins that neither `plugins` nor the server need.

    Returns its folder of scripts. Replaces what was made from another version or for other plugins, or was not completed.
    """
    found = sorted((installation / "plugins").iterdir())
    needed = _closure({_name(each): each for each in found}, (*SERVER, *plugins))
    kept = [each for each in found if not each.name.startswith(PREFIX) or not each.is_dir() or _name(each) in needed]
    scripts, libraries = folder / "sbin", folder / "plugins"
    stamp = _stamp([installation, *(specification for each in kept for specification in (each, *each.glob(f"ebin/*{SPECIFICATION}")))])
    if _is_made(folder, stamp):
        return scripts
    shutil.rmtree(folder, ignore_errors=True)
    for each in (folder, scripts, libraries):
        each.mkdir(mode=0o755)
    for script in (installation / "sbin").iterdir():
        (scripts / script.name).symlink_to(script)
    (folder / "escript").symlink_to(installation / "escript")
    for each in kept:
        _link_library(each, libraries / each.name)
    (folder / STAMP).write_text(stamp)
    return scripts


def _link_library(library: Path, target: Path) -> None:
    """RabbitMQ finds the specification of a plugin's library beside its modules only."""
    if library.name.startswith(OWN) or not (library / "ebin").is_dir():
        target.symlink_to(library)
        return
    ebin = target / "ebin"
    ebin.mkdir(parents=True, mode=0o755)
    for each in library.iterdir():
        if each.name != ebin.name:
            (target / each.name).symlink_to(each)
    for each in (library / "ebin").iterdir():
        if each.suffix == SPECIFICATION:
            _write_without_modules(each, ebin)
        else:
            (ebin / each.name).symlink_to(each)


def _stamp(inputs: Iterable[Path]) -> str:
    """A digest of the paths, sizes and times of what a folder is made from."""
    digest = hashlib.sha256(str(FORMAT).encode())
    for each in inputs:
        info = each.lstat()
        digest.update(f"\n{each} {info.st_size} {info.st_mtime_ns}".encode())
    return digest.hexdigest()


def _is_made(folder: Path, stamp: str) -> bool:
    try:
        return (folder / STAMP).read_text() == stamp
    except (FileNotFoundError, NotADirectoryError):
        return False


def write_specifications(libraries: Path, target: Path) -> None:
    """Write to `target` the specifications of Erlang's libraries without their modules. Erlang must find `target` first.

    Replaces what was written for another version, or not completed.
    """
    files = sorted(libraries.glob(f"*/ebin/*{SPECIFICATION}"))
    stamp = _stamp(files)
    if _is_made(target, stamp):
        return
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o755)
    for file in files:
        _write_without_modules(file, target)
    (target / STAMP).write_text(stamp)


def _write_without_modules(specification: Path, folder: Path) -> None:
    text = specification.read_text(errors="surrogateescape")
    (folder / specification.name).write_text(MODULES.sub("{modules, []}", text, count=1), errors="surrogateescape")


def _closure(libraries: dict[str, Path], names: Iterable[str]) -> set[str]:
    """These libraries and those that they need."""
    needed: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in needed or name not in libraries:
            continue
        needed.add(name)
        specification = libraries[name] / "ebin" / f"{name}.app"
        if specification.is_file() and (listed := APPLICATIONS.search(specification.read_text(errors="replace"))):
            waiting += [each.strip(" \n\t'") for each in listed[1].split(",")]
    return needed


def _name(library: Path) -> str:
    """`rabbit` of rabbit-3.10.8."""
    return library.name.split("-")[0]
