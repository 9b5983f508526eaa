"""Names that users choose, and the names of cluster objects that derive from them.

The name of a cluster object is computed from its deployment and attempt, so that repeating a call creates one object.
"""

import re
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from functions.deploy.domain.rejections import HostNameReserved, InvalidApplicationName, InvalidRef
from functions.kernel import FieldError

NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
NAME_RULE = "use 1–40 lower-case letters, digits and dashes; begin with a letter and do not end with a dash"
STAGING, PRODUCTION = "staging", "production"

RESERVED_NAMES = frozenset({"capsule", "default", "kube", "kubernetes", "knative", "localhost"})
"""Names that no application may have or begin with (`knative-…`): Capsule's own, and those reserved by Kubernetes,
Knative and RFC 6761. In a URL or a list of namespaces they would look like the system. `www` and `api` are allowed:
the host of an application always contains its environment."""
PLATFORM_WORDS = frozenset({"auth", "billing", "dashboard", "dead", "deploy", "edge", "monitor", "runtime", "samples", "stripe"})
"""First words of the platform's Services (`auth-register`, `edge-gateway`, `stripe-stand-in`). They share one space of
host names with applications where config-network sets `{{.Name}}.{{.Domain}}`, as on one machine. No Service of the
platform ends in `-staging` or `-production`, so `billing-staging` is free for an application. A test compares this
set with every manifest in knative/."""

_ENVIRONMENT = r"^[a-z][a-z0-9]{0,19}$"


def _check_environment(text: str) -> str:
    if re.fullmatch(_ENVIRONMENT, text) is None:
        raise ValueError(f'"{text[:40]}" is no name of an environment: use 1–20 lower-case letters and digits, and begin with a letter')
    return text


EnvironmentName = Annotated[str, AfterValidator(_check_environment), Field(json_schema_extra={"pattern": _ENVIRONMENT}, examples=["staging"])]
"""No dashes: `<application>-<environment>` must be unambiguous."""


@dataclass(frozen=True, slots=True)
class ApplicationName:
    """An RFC 1123 label that begins with a letter, as Knative requires of a Service (RFC 1035).

    Raises InvalidApplicationName.
    """

    text: str

    def __post_init__(self) -> None:
        if self.text.partition("-")[0] in RESERVED_NAMES:
            detail = f"choose a name that does not begin with {', '.join(sorted(RESERVED_NAMES))}"
            raise InvalidApplicationName(f'The name "{self.text}" is reserved: {detail}.', errors=[FieldError("/name", detail)])
        if not NAME.fullmatch(self.text):
            raise InvalidApplicationName(f'The name "{self.text}" is not a valid host name: {NAME_RULE}.', errors=[FieldError("/name", NAME_RULE)])

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch, tag, commit or complete ref, as git-check-ref-format(1) allows it. The builder passes it to git as part of a
    complete ref name, so it is never an option or a range.

    Raises InvalidRef.
    """

    text: str

    def __post_init__(self) -> None:
        parts = self.text.split("/")
        has_bad_part = any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
        has_bad_text = ".." in self.text or "@{" in self.text or self.text.endswith(".") or self.text == "@"
        is_text = re.fullmatch(r"[^\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]{1,250}", self.text)
        if has_bad_part or has_bad_text or self.text.startswith("-") or not is_text:
            detail = f'"{self.text}" is not a valid ref: use the name of a branch or tag, or a commit id'
            raise InvalidRef(f"{detail}.", errors=[FieldError("/ref", detail)])

    def __str__(self) -> str:
        return self.text


def name_errors(name: str) -> list[FieldError]:
    """Of what an application has by name: a volume, a data service."""
    return [] if NAME.fullmatch(name) else [FieldError("/name", f'name "{name}": {NAME_RULE}')]


def check_host_name(application: str, environment: str, pointer: str = "/environment") -> None:
    """Reject an application whose host name in this environment belongs to the platform.

    `pointer`: JSON pointer to the environment in the request. Raises HostNameReserved.
    """
    first = application.partition("-")[0]
    if first in RESERVED_NAMES:
        remedy = "Create the application under another name"
    elif first in PLATFORM_WORDS and environment not in (STAGING, PRODUCTION):
        remedy = f"An application whose name begins with {first!r} can only have the environments {STAGING} and {PRODUCTION}"
    else:
        return
    detail = f"{service_of(application, environment)!r} is reserved for the platform. {remedy}."
    raise HostNameReserved(detail, errors=[FieldError(pointer, detail)])


def namespace_of(application: str) -> str:
    return f"app-{application}"


def application_of(namespace: str) -> str | None:
    """Name of the application that owns the namespace; None if the namespace belongs to no application."""
    return namespace.removeprefix("app-") if namespace.startswith("app-") else None


def service_of(application: str, environment: str) -> str:
    """Name of the Knative Service."""
    return f"{application}-{environment}"


def process_of(application: str, environment: str, process: str) -> str:
    """Name of the Deployment of a process type. No environment has a dash, so the names are unambiguous."""
    return f"{application}-{environment}-{process}"


def build_job_of(deployment_id: UUID, attempt: int) -> str:
    """Name of the build Job. Uses the last digits of the UUIDv7: they are random."""
    return f"build-{deployment_id.hex[-12:]}-{attempt}"


def release_job_of(deployment_id: UUID) -> str:
    """Name of the release phase's Job. Without an attempt: a migration must not run twice."""
    return f"release-{deployment_id.hex[-12:]}"


def secret_of(application: str, environment: str, config_version: int) -> str:
    """Name of the Secret. Each version has its own, so that a running revision keeps the values of its release."""
    return f"{application}-{environment}-c{config_version}"


def service_secret_of(application: str, environment: str, service_id: UUID) -> str:
    """Name of the Secret with the URL of a data service."""
    return f"{application}-{environment}-s{service_id.hex[-12:]}"
