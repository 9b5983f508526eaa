"""Proxies, certificate authorities and package mirrors of this machine, for builds.

Builds do not inherit the environment. Settings from the environment and from pip's configuration go into the Secret `deploy-settings` as
`CAPSULE_BUILD_<NAME>`; the deploy context passes them to build Jobs. They are stored nowhere else. Local folders are left out: a build's file system
does not contain them.
"""

import ast
import subprocess
import sys

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
    """Settings from `pip config list`: pip itself knows the files that it reads."""
    result = subprocess.run([sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"], capture_output=True, text=True)
    settings: dict[str, str] = {}
    for line in result.stdout.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.partition(".")
        if section in ("global", "install") and option in CONFIGURED:
            settings[CONFIGURED[option]] = str(ast.literal_eval(value))
    return settings
