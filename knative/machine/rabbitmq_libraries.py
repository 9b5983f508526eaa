"""The libraries that the local RabbitMQ finds: those of the server and of the plugins that are enabled.

An installation has some 60 libraries, most of them of plugins. While it starts, RabbitMQ looks for each of its modules in each library, and for
feature flags in all of them: a fifth of the CPU of a start.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

PREFIX = "rabbitmq_"
"""What the names of plugins begin with. Libraries with other names are kept, whoever uses them."""
SERVER = ("rabbit", "rabbitmq_prelaunch")
APPLICATIONS = re.compile(r"\{applications,\s*\[([^\]]*)\]")
"""Of a file with the specification of an application (app(4) of Erlang/OTP)."""


def link(installation: Path, folder: Path, plugins: Iterable[str]) -> Path:
    """Make `folder` an installation of links to another one, without the plugins that neither `plugins` nor the server need.

    Returns its folder of scripts. Replaces what a former version left.
    """
    shutil.rmtree(folder, ignore_errors=True)
    scripts, libraries = folder / "sbin", folder / "plugins"
    for each in (folder, scripts, libraries):
        each.mkdir(mode=0o755)
    for script in (installation / "sbin").iterdir():
        (scripts / script.name).symlink_to(script)
    (folder / "escript").symlink_to(installation / "escript")
    found = list((installation / "plugins").iterdir())
    needed = _closure({_name(each): each for each in found}, (*SERVER, *plugins))
    for each in found:
        if not each.name.startswith(PREFIX) or not each.is_dir() or _name(each) in needed:
            (libraries / each.name).symlink_to(each)
    return scripts


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
