"""Proxies, certificate authorities and package mirrors of this machine, for builds.

Builds do not inherit the environment. Settings from the environment and from pip's configuration go into the Secret `deploy-settings` as
`CAPSULE_BUILD_<NAME>`; the deploy context passes them to build Jobs. They are stored nowhere else. Local folders are left out: a build's file system
does not contain them.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from knative.machine.home import Home
from knative.machine.variables import AUTHORITIES, INDEXES, MIRRORS, PROXIES, REGISTRY_MIRROR

CONFIGURED = {"index-url": "PIP_INDEX_URL", "extra-index-url": "PIP_EXTRA_INDEX_URL", "trusted-host": "PIP_TRUSTED_HOST", "cert": "PIP_CERT"}


def build_settings(home: Home) -> dict[str, str]:
    """`CAPSULE_BUILD_<NAME>` → value. The environment overrides pip's configuration, as it does for pip."""
    settings = {each.name: home.environment[each.name] for each in (*PROXIES, *AUTHORITIES, *INDEXES, *MIRRORS) if home.environment.get(each.name)}
    settings = {**_pip_configuration(), **settings}
    for name in (each.name for each in INDEXES):
        if name in settings and name != "PIP_TRUSTED_HOST":
            settings[name] = " ".join(word for word in settings[name].split() if word.startswith(("http://", "https://")))
    mirror = REGISTRY_MIRROR.read(home.environment)
    return {f"CAPSULE_BUILD_{name}": value for name, value in settings.items() if value} | ({REGISTRY_MIRROR.name: mirror} if mirror else {})


def _pip_configuration() -> dict[str, str]:
    """Settings from `pip config list`: pip itself knows how it reads its files. Where there are none, it is not started, which takes 0.4 s of CPU."""
    if sys.platform == "linux" and not any(file.exists() for file in _pip_files()):
        return {}
    result = subprocess.run([sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"], capture_output=True, text=True)
    settings: dict[str, str] = {}
    for line in result.stdout.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.partition(".")
        if section in ("global", "install") and option in CONFIGURED:
            settings[CONFIGURED[option]] = str(ast.literal_eval(value))
    return settings


def _pip_files() -> Iterator[Path]:
    """Where pip looks for its configuration on Linux (https://pip.pypa.io/en/stable/topics/configuration/)."""
    if file := os.environ.get("PIP_CONFIG_FILE"):
        yield Path(file)
    for folder in os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep):
        yield Path(folder, "pip", "pip.conf")
    yield Path("/etc/pip.conf")
    yield Path.home() / ".pip" / "pip.conf"
    yield Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", "pip", "pip.conf")
    yield Path(sys.prefix, "pip.conf")
