"""What builds are told of this machine's way to the outside: proxies, certificate authorities, package mirrors. No file of ours keeps it.

A build sees nothing of the environment by itself. What stands in the environment or in pip's configuration goes into the Secret `deploy-settings`
as `CAPSULE_BUILD_<NAME>`, which the deploy context hands to build Jobs. Folders of this machine are left out: a build's file system has none of them.
"""

import ast
import subprocess
import sys

from knative.machine.home import Home

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT", "NPM_CONFIG_CAFILE", "NODE_EXTRA_CA_CERTS")
REGISTRY = "NPM_CONFIG_REGISTRY"
INDEXES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_TRUSTED_HOST", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS")
CONFIGURED = {"index-url": "PIP_INDEX_URL", "extra-index-url": "PIP_EXTRA_INDEX_URL", "trusted-host": "PIP_TRUSTED_HOST", "cert": "PIP_CERT"}


def for_builds(home: Home) -> dict[str, str]:
    """CAPSULE_BUILD_<NAME> -> value; the environment before pip's configuration, as pip has it."""
    found = {name: home.environment[name] for name in (*PROXIES, *AUTHORITIES, *INDEXES, REGISTRY) if home.environment.get(name)}
    found = {**_of_pip(), **found}
    for name in INDEXES:
        if name in found and name != "PIP_TRUSTED_HOST":
            found[name] = " ".join(word for word in found[name].split() if word.startswith(("http://", "https://")))
    return {f"CAPSULE_BUILD_{name}": value for name, value in found.items() if value}


def _of_pip() -> dict[str, str]:
    """pip reads files in several places; it is asked, so that it is pip who knows them."""
    done = subprocess.run([sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"], capture_output=True, text=True)
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.partition(".")
        if section in ("global", "install") and option in CONFIGURED:
            found[CONFIGURED[option]] = str(ast.literal_eval(value))
    return found
