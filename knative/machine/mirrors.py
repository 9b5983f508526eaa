"""Proxies, certificate authorities and package mirrors of this machine, for builds.

Builds do not inherit the environment. Settings from the environment and from pip's configuration go into the Secret `deploy-settings` as
`CAPSULE_BUILD_<NAME>`; the deploy context passes them to build Jobs. They are stored nowhere else. Local folders are left out: a build's file system
does not contain them.
"""

import ast
import subprocess
import sys

from knative.machine.home import Home

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT", "NPM_CONFIG_CAFILE", "NODE_EXTRA_CA_CERTS")
REGISTRIES = (
    "NPM_CONFIG_REGISTRY", "GOPROXY", "GOSUMDB", "UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL",
    "MAVEN_MIRROR_URL", "COMPOSER_MIRROR_URL", "BUNDLE_MIRROR__ALL",
)  # fmt: skip
IMAGE_MIRROR = "CAPSULE_BUILD_REGISTRY_MIRROR"
"""Only by this name: no other program has such a setting."""
INDEXES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_TRUSTED_HOST", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS")
CONFIGURED = {"index-url": "PIP_INDEX_URL", "extra-index-url": "PIP_EXTRA_INDEX_URL", "trusted-host": "PIP_TRUSTED_HOST", "cert": "PIP_CERT"}


def build_settings(home: Home) -> dict[str, str]:
    """`CAPSULE_BUILD_<NAME>` → value. The environment overrides pip's configuration, as it does for pip."""
    settings = {name: home.environment[name] for name in (*PROXIES, *AUTHORITIES, *INDEXES, *REGISTRIES) if home.environment.get(name)}
    settings = {**_pip_configuration(), **settings}
    for name in INDEXES:
        if name in settings and name != "PIP_TRUSTED_HOST":
            settings[name] = " ".join(word for word in settings[name].split() if word.startswith(("http://", "https://")))
    mirror = {IMAGE_MIRROR: home.environment[IMAGE_MIRROR]} if home.environment.get(IMAGE_MIRROR) else {}
    return {f"CAPSULE_BUILD_{name}": value for name, value in settings.items() if value} | mirror


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
