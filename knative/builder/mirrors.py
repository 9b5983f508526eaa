"""The operator's registries, proxies and certificate authorities in the words of each package manager, and where each keeps its downloads.

Package managers read different variables for the same setting, and versions of one manager do, too: pnpm 12 reads
`pnpm_config_*` only, Yarn 2 and later `YARN_*`. npm 11 warns of `npm_config_*` that it does not know, so it gets its own only.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

Variables = dict[str, str]
PYPI = "https://pypi.org/simple/"
"""The Simple repository API (PEP 503), which every mirror of PyPI has."""

YARN_LINKER = {"YARN_NODE_LINKER": "node-modules"}
"""Plug'n'Play, the default of Yarn 2 and later, leaves the packages in the cache, which is not in the image."""
YARN_TIMEOUT_MS = "180000"
"""Of one request, in Yarn 1 and in later versions: their 30 and 60 s are too short for large packages of a slow registry."""

QUIET = {
    "CI": "1", "NO_COLOR": "1", "NO_UPDATE_NOTIFIER": "1", "NEXT_TELEMETRY_DISABLED": "1", "ASTRO_TELEMETRY_DISABLED": "1",
    "NUXT_TELEMETRY_DISABLED": "1", "GATSBY_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1",
}  # fmt: skip
"""Variables of every step: no prompts, colors, update notices or telemetry."""


def step_settings(environment: Mapping[str, str], cache: Path, toolchains: frozenset[str]) -> Variables:
    """Return the variables of a build's steps. `toolchains`: the names of those that the plan uses."""
    settings = dict(QUIET)
    for name, own in _SETTINGS.items():
        if name in toolchains:
            settings |= own(environment, cache)
    return settings


def authority(environment: Mapping[str, str]) -> str:
    """Return the operator's file of certificate authorities, empty if there is none."""
    names = ("NODE_EXTRA_CA_CERTS", "NPM_CONFIG_CAFILE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")
    return next((environment[name] for name in names if environment.get(name)), "")


def registry(environment: Mapping[str, str]) -> str:
    """Return the operator's npm registry, empty for the public one."""
    return next((environment[name] for name in ("NPM_CONFIG_REGISTRY", "npm_config_registry") if environment.get(name)), "")


def uv_settings(environment: Mapping[str, str]) -> Variables:
    """Return uv's equivalents of pip's variables, which uv does not read. Variables of uv's that the operator set win."""
    equivalents = {
        "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
        "PIP_EXTRA_INDEX_URL": "UV_INDEX",
        "PIP_FIND_LINKS": "UV_FIND_LINKS",
        "PIP_CERT": "SSL_CERT_FILE",
        "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    }
    settings = {uv: environment[pip] for pip, uv in equivalents.items() if pip in environment and uv not in environment}
    if "UV_FIND_LINKS" in settings:
        settings["UV_FIND_LINKS"] = settings["UV_FIND_LINKS"].replace(" ", ",")
    return settings


def _python(environment: Mapping[str, str], cache: Path) -> Variables:
    own = {
        "UV_CACHE_DIR": str(cache / "uv"), "UV_LINK_MODE": "copy", "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "UV_NO_CONFIG": "1",
        "PIP_CACHE_DIR": str(cache / "pip"), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1",
        "PIP_ROOT_USER_ACTION": "ignore", "POETRY_CACHE_DIR": str(cache / "poetry"), "POETRY_NO_INTERACTION": "1",
        "PIPENV_NOSPIN": "1", "PIPENV_CACHE_DIR": str(cache / "pipenv"),
    }  # fmt: skip
    if index := environment.get("PIP_INDEX_URL"):
        own["PIPENV_PYPI_MIRROR"] = index
    own["POETRY_PYPI_MIRROR_URL"] = environment.get("POETRY_PYPI_MIRROR_URL") or index or environment.get("UV_DEFAULT_INDEX") or PYPI
    if file := authority(environment):
        own["REQUESTS_CA_BUNDLE"] = file
    return {**uv_settings(environment), **own}


def node_settings(environment: Mapping[str, str]) -> Variables:
    """Return npm's settings, and those of Node.js itself."""
    settings = {
        **QUIET,
        "npm_config_audit": "false",
        "npm_config_fund": "false",
        "npm_config_update_notifier": "false",
        "npm_config_progress": "false",
    }
    if file := authority(environment):
        settings |= {"NODE_EXTRA_CA_CERTS": file, "npm_config_cafile": file}
    if url := registry(environment):
        settings["npm_config_registry"] = url
    return settings


def _node(environment: Mapping[str, str], cache: Path) -> Variables:
    return {**node_settings(environment), "npm_config_cache": str(cache / "npm")}


def _pnpm(environment: Mapping[str, str], cache: Path) -> Variables:
    """For pnpm 12, which reads no other variables. Older versions read `write_pnpm_settings`, and npm's variables for the registry."""
    settings = {f"pnpm_config_{name.replace('-', '_')}": value for name, value in _pnpm_settings(cache).items()}
    if file := authority(environment):
        settings["pnpm_config_cafile"] = file
    if url := registry(environment):
        settings["pnpm_config_registry"] = url
    return {**settings, "PNPM_HOME": str(cache / "pnpm"), "XDG_CACHE_HOME": str(cache / "xdg")}


def _pnpm_settings(cache: Path) -> dict[str, str]:
    """Without `store-dir` pnpm keeps its store on the file system of the project, in the image; from another one it can only copy."""
    return {
        "store-dir": str(cache / "pnpm" / "store"),
        "package-import-method": "copy",
        "manage-package-manager-versions": "false",
        "update-notifier": "false",
    }


def _yarn(environment: Mapping[str, str], cache: Path) -> Variables:
    settings = {
        "YARN_CACHE_FOLDER": str(cache / "yarn"), "YARN_GLOBAL_FOLDER": str(cache / "yarn-berry"), "YARN_ENABLE_TELEMETRY": "0",
        "YARN_ENABLE_GLOBAL_CACHE": "1", **YARN_LINKER, "YARN_ENABLE_PROGRESS_BARS": "0", "YARN_ENABLE_INLINE_BUILDS": "1",
        "YARN_HTTP_TIMEOUT": YARN_TIMEOUT_MS,
    }  # fmt: skip
    if file := authority(environment):
        settings["YARN_HTTPS_CA_FILE_PATH"] = file
    if url := registry(environment):
        settings |= {"YARN_NPM_REGISTRY_SERVER": url, "YARN_REGISTRY": url}
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        if value := environment.get(name) or environment.get(name.lower()):
            settings[f"YARN_{name}"] = value
    return settings


def _go(environment: Mapping[str, str], cache: Path) -> Variables:
    """`-modcacherw`: the cache can be deleted."""
    flags = f"{environment.get('GOFLAGS', '')} -modcacherw".strip()
    return {
        "GOTOOLCHAIN": "local", "GOMODCACHE": str(cache / "go" / "mod"), "GOCACHE": str(cache / "go" / "build"), "GOFLAGS": flags,
        "GOTELEMETRY": "off",
    }  # fmt: skip


def _ruby(environment: Mapping[str, str], cache: Path) -> Variables:
    settings = {"BUNDLE_USER_CACHE": str(cache / "bundler"), "BUNDLE_GLOBAL_GEM_CACHE": "true", "BUNDLE_SILENCE_ROOT_WARNING": "true"}
    if file := authority(environment):
        settings["BUNDLE_SSL_CA_CERT"] = file
    return settings


def _php(environment: Mapping[str, str], cache: Path) -> Variables:
    settings = {"COMPOSER_CACHE_DIR": str(cache / "composer"), "COMPOSER_NO_INTERACTION": "1", "COMPOSER_ALLOW_SUPERUSER": "1"}
    if file := authority(environment):
        settings["SSL_CERT_FILE"] = file
    return settings


def _java(environment: Mapping[str, str], cache: Path) -> Variables:
    return {"GRADLE_USER_HOME": str(cache / "gradle"), "MAVEN_USER_HOME": str(cache / "m2")}


_SETTINGS: dict[str, Callable[[Mapping[str, str], Path], Variables]] = {
    "python": _python, "node": _node, "pnpm": _pnpm, "yarn": _yarn, "go": _go, "ruby": _ruby, "php": _php, "java": _java,
}  # fmt: skip


def write_settings_files(home: Path, environment: Mapping[str, str], cache: Path) -> None:
    """Write the settings that have no variable into the files of the build's user. `home`: its home folder."""
    _write(home / ".config" / "pnpm" / "rc", "".join(f"{name}={value}\n" for name, value in _pnpm_settings(cache).items()))
    _write(home / ".yarnrc", f"network-timeout {YARN_TIMEOUT_MS}\n")  # Yarn 2 and later refuse the variable of Yarn 1
    mirror = environment.get("MAVEN_MIRROR_URL", "")
    mirrors = f"<mirrors><mirror><id>operator</id><mirrorOf>*</mirrorOf><url>{escape(mirror)}</url></mirror></mirrors>" if mirror else ""
    local = f"<localRepository>{escape(str(cache / 'maven'))}</localRepository>"
    _write(home / ".m2" / "settings.xml", f"<settings>{local}<interactiveMode>false</interactiveMode>{mirrors}</settings>\n")
    if mirror := environment.get("COMPOSER_MIRROR_URL", ""):
        _write(home / ".composer" / "config.json", json.dumps({"repositories": {"packagist.org": {"type": "composer", "url": mirror}}}))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
