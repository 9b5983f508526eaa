"""Names: what a person chooses, and the names of cluster objects that derive from it.

An object's name is computed from the intent (deployment and attempt) and never invented at the call, so that doing the call twice makes one object.
"""

import re
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.rejections import HostNameReserved, InvalidApplicationName, InvalidRef
from functions.kernel import FieldError

LONGEST_NAME = 40
STAGING, PRODUCTION = "staging", "production"

RESERVED_NAMES = frozenset({"capsule", "default", "kube", "kubernetes", "knative", "localhost"})
"""Of applications, and as the first word of one (`knative-…`): Capsule's own name, and what Kubernetes, Knative and RFC 6761 keep for themselves.
In a URL or a list of namespaces they would pass for the system. `www` or `api` would not: an application's host always carries its environment."""
PLATFORM_WORDS = frozenset({"auth", "billing", "dead", "deploy", "edge", "monitor", "runtime", "samples", "stripe"})
"""The first words of the platform's Services (`auth-register`, `edge-gateway`, `stripe-stand-in`), which share a flat space of host names with
applications where config-network says `{{.Name}}.{{.Domain}}`, as on one machine. None of them ends in an environment that is there from the
beginning, so `billing-staging` is an application's. A test compares this with every manifest of knative/."""

EnvironmentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,19}$", examples=["staging"])]
"""Where an application runs. No dash in any name: `<application>-<environment>` must have one reading."""


@dataclass(frozen=True, slots=True)
class ApplicationName:
    """An RFC 1123 label that also begins with a letter, since Knative asks that of a Service (RFC 1035)."""

    text: str

    def __post_init__(self) -> None:
        if self.text.partition("-")[0] in RESERVED_NAMES:
            detail = f"choose a name that does not begin with {', '.join(sorted(RESERVED_NAMES))}"
            raise InvalidApplicationName(f"{self.text!r} is reserved: {detail}", errors=[FieldError("/name", detail)])
        if not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", self.text) or len(self.text) > LONGEST_NAME:
            detail = f"use lower-case letters, digits and dashes, a letter first and no dash last, at most {LONGEST_NAME}"
            raise InvalidApplicationName(f"{self.text!r} cannot be a host name: {detail}", errors=[FieldError("/name", detail)])

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch, a tag or a commit. What git could take for an option or a range is refused."""

    text: str

    def __post_init__(self) -> None:
        bad = any(part in self.text for part in ("..", "//", "@{")) or self.text.endswith((".lock", "/", "."))
        if bad or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_./+@-]{0,199}", self.text):
            detail = "use the name of a branch or a tag, or a commit's id"
            raise InvalidRef(errors=[FieldError("/ref", detail)])

    def __str__(self) -> str:
        return self.text


def namespace_of(application: str) -> str:
    return f"app-{application}"


def application_of(namespace: str) -> str | None:
    """The application whose namespace this is; None for a namespace that is not ours."""
    return namespace.removeprefix("app-") if namespace.startswith("app-") else None


def service_of(application: str, environment: str) -> str:
    return f"{application}-{environment}"


def demand_own_host(application: str, environment: str, pointer: str = "/environment") -> None:
    """Refuse an application whose host in this environment would be the platform's. `pointer`: to the environment in the request.

    Raises HostNameReserved.
    """
    first = application.partition("-")[0]
    if first in RESERVED_NAMES:
        remedy = "Create the application under another name"
    elif first in PLATFORM_WORDS and environment not in (STAGING, PRODUCTION):
        remedy = f"An application whose name begins with {first!r} has the environments {STAGING} and {PRODUCTION} only"
    else:
        return
    detail = f"{service_of(application, environment)!r} is reserved for the platform. {remedy}."
    raise HostNameReserved(detail, errors=[FieldError(pointer, detail)])


def job_of(deployment_id: UUID, attempt: int) -> str:
    """The last digits of a UUIDv7 are its random ones."""
    return f"build-{deployment_id.hex[-12:]}-{attempt}"


def task_of(deployment_id: UUID) -> str:
    """The Job of a deployment's release phase. It runs once: a migration is not repeated unasked."""
    return f"release-{deployment_id.hex[-12:]}"


def secret_of(application: str, environment: str, config_version: int) -> str:
    """Another version is another Secret: a revision that runs keeps what it was released with."""
    return f"{application}-{environment}-c{config_version}"
