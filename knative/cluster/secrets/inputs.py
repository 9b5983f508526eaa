"""What an operator names: settings of docs/settings.md, in a file of NAME=VALUE lines and as arguments, and two files."""

import io
import json
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from functions.deploy.adapters.variables import SERVICES_KEY, SERVICES_POSTGRES_URL, SERVICES_REDIS_URL
from functions.edge.gateway import variables as gateway
from functions.runtime.config import variables as runtime
from functions.wire.backups.variables import BACKUP_KEY, BACKUP_STORE
from functions.wire.settings import Setting, check, settings_of
from knative.machine.home import AMQP_USERS, CONTEXTS
from knative.machine.installation_objects import CONTEXT_SECTIONS
from knative.machine.problems import Problem
from knative.machine.server_variables import MIGRATION_URL, USER_AMQP_URL


@dataclass(frozen=True)
class Inputs:
    """`values`: by the name of the setting. `authorities`: PEM text. `registry`: a Docker configuration with credentials."""

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    authorities: str | None = None
    registry: str | None = field(default=None, repr=False)

    def of(self, setting: Setting[object]) -> str | None:
        return self.values.get(setting.name) or None


def read(file: Path | None, arguments: Iterable[str], authorities: Path | None = None, registry: Path | None = None) -> Inputs:
    """Read the file and the arguments, which count more. Raises: Problem for an unknown name, InvalidSetting for a value that is not allowed."""
    values: dict[str, str] = {}
    if file is not None:
        values.update({name: value or "" for name, value in dotenv_values(stream=io.StringIO(_text(file)), interpolate=False).items()})
    for argument in arguments:
        name, separator, value = argument.partition("=")
        if not separator:
            raise Problem(f'"{argument}" is no setting.', "Write NAME=VALUE, as in CAPSULE_MAIL_FROM=no-reply@example.org")
        values[name] = value
    known = {each.name: each for each in known_settings()}
    if unknown := sorted(set(values) - set(known)):
        raise Problem(f"Not settings of a cluster: {', '.join(unknown)}.", "All settings: docs/settings.md, docs/cluster.md")
    check(known.values(), values)
    return Inputs(values, _certificates(authorities) if authorities else None, _registry(registry) if registry else None)


def known_settings() -> list[Setting[object]]:
    """The settings that `secrets` stores in Secrets."""
    of_contexts = [each for sections in CONTEXT_SECTIONS.values() for each in sections]
    of_servers = (runtime.DATABASE_URL, runtime.READER_URL, runtime.REPLICA_URL, MIGRATION_URL)
    servers = [setting.of(context) for context in CONTEXTS for setting in of_servers]
    users = [USER_AMQP_URL.of(user) for user in AMQP_USERS]
    others = [BACKUP_STORE, BACKUP_KEY, SERVICES_KEY, SERVICES_POSTGRES_URL, SERVICES_REDIS_URL]
    generic = {runtime.AMQP_URL.name, *(each.name for each in of_servers)}
    every = [*settings_of([runtime.FUNCTIONS, *gateway.SECTIONS, *of_contexts]), *servers, *users, *others]
    return list({each.name: each for each in every if each.name not in generic}.values())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Problem(f"{path} is no text in UTF-8.", "Is it the right file?") from error


def _certificates(path: Path) -> str:
    text = _text(path)
    try:
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise Problem(f"{path} has no certificates in PEM.", "It begins with -----BEGIN CERTIFICATE-----.") from error
    return text


def _registry(path: Path) -> str:
    """As the API server checks Secrets of the type kubernetes.io/dockerconfigjson, before anything is written."""
    text = _text(path)
    try:
        has_logins = isinstance(json.loads(text)["auths"], dict)
    except (ValueError, TypeError, KeyError):
        has_logins = False
    if not has_logins:
        raise Problem(
            f"{path} is no Docker configuration with credentials.", 'As `docker login` writes it: {"auths": {"registry.example.org": {"auth": "…"}}}'
        )
    return text
