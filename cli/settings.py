"""Settings of the command: API, token, application and environment.

Precedence: option, environment variable, `capsule.toml`, `config.toml`, default.

- `config.toml`, written by hand in the user's configuration folder, may set `api`, `ca_file` and `environment`.
- `capsule.toml`, in the working folder or above it, may set `app` and `environment`. It cannot set `api` or
  `ca_file`: a cloned repository must not decide where a password is sent.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from cli import variables
from cli.failures import UsageError

DEFAULT_API = "http://127.0.0.1:3000"
DEFAULT_ENVIRONMENT = "staging"
PROJECT_FILE = "capsule.toml"
CONFIG_FILE = "config.toml"


@dataclass(frozen=True)
class Settings:
    folder: Path
    api: str
    token: str | None = None
    app: str | None = None
    environment: str = DEFAULT_ENVIRONMENT
    ca_file: str = ""
    """The path of certificate authorities beside the system's; empty: that of the stored login, or none."""


def read(api: str | None, environ: Mapping[str, str], cwd: Path) -> Settings:
    """Return the settings of this run; `api` is the option `--api`.

    Raises:
        UsageError: a file or a value is invalid.
    """
    folder = config_folder(environ)
    user = _read_toml(folder / CONFIG_FILE)
    project = _read_toml(path) if (path := project_file(cwd)) else {}
    return resolve(folder, api, environ, user, project)


def resolve(folder: Path, api: str | None, environ: Mapping[str, str], user: Mapping[str, Any], project: Mapping[str, Any]) -> Settings:
    """Combine the sources by precedence. Pure."""
    return Settings(
        folder=folder,
        api=api_address(api or variables.API.read(environ) or _text(user, "api") or DEFAULT_API),
        token=variables.TOKEN.read(environ) or None,
        app=variables.APP.read(environ) or _text(project, "app"),
        ca_file=_absolute(variables.CA_FILE.read(environ) or _text(user, "ca_file") or ""),
        environment=variables.ENVIRONMENT.read(environ) or _text(project, "environment") or _text(user, "environment") or DEFAULT_ENVIRONMENT,
    )


def working_folder() -> Path:
    """Return the current folder. Raises UsageError if it was deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("The current folder was deleted.", "Change to a folder that exists, for example with cd ~.") from error


def config_folder(environ: Mapping[str, str]) -> Path:
    return Path(variables.CONFIG.read(environ) or platformdirs.user_config_dir("capsule", appauthor=False))


def project_file(cwd: Path) -> Path | None:
    """Return the nearest `capsule.toml`, from the working folder up to the root of the repository."""
    for folder in (cwd, *cwd.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder / PROJECT_FILE
        if (folder / ".git").exists():
            break
    return None


def api_address(text: str) -> str:
    """Return an address with its scheme: `https`, but `http` for this machine.

    Raises:
        UsageError: it is not an HTTP address.
    """
    address = text if "://" in text else f"http://{text}" if is_loopback(text) else f"https://{text}"
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f'"{text}" is not the address of an API', hint="Example: --api https://capsule.example.org")
    return address.rstrip("/")


def is_loopback(address: str) -> bool:
    host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
    return host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute()) if path else ""


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML", str(error)) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read", os.strerror(error.errno or 0)) from error


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{name} must be a string", f"it is {value!r}")
    return value or None
