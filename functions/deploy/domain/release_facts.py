"""Facts about a release that its containers find in their environment.

Users cannot set variables of these names. An image gets them when it runs, so a promoted release learns its new
environment.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.deploy.domain.names import namespace_of, service_of

APP, ENVIRONMENT, RELEASE, COMMIT, URL = "CAPSULE_APP", "CAPSULE_ENVIRONMENT", "CAPSULE_RELEASE", "CAPSULE_COMMIT", "CAPSULE_URL"
SOURCE_VERSION = "SOURCE_VERSION"
"""The commit again, under the name that buildpacks and frameworks read (Heroku, "Build API")."""
NAMES = frozenset({APP, ENVIRONMENT, RELEASE, COMMIT, URL, SOURCE_VERSION})


@dataclass(frozen=True, slots=True)
class ApplicationUrls:
    """The installation's form of application URLs, such as `https://{name}.apps.example.com`.

    It repeats what Knative's config-network and config-domain say: a container needs its URL before Knative has
    computed it. Empty: containers do not get their URL.
    """

    template: str = ""

    def __post_init__(self) -> None:
        try:
            self.template.format(name="", namespace="")
        except (KeyError, ValueError, IndexError) as error:
            detail = f"CAPSULE_APPLICATION_URL: {self.template!r} is not valid. Use {{name}} and {{namespace}}, as in https://{{name}}.example.com"
            raise ValueError(detail) from error

    def url_of(self, application: str, environment: str) -> str:
        return self.template.format(name=service_of(application, environment), namespace=namespace_of(application))


def build_facts(application: str, environment: str) -> dict[str, str]:
    """Return the facts that a build knows before it clones. The builder adds the commit."""
    return {APP: application, ENVIRONMENT: environment}


def release_facts(application: str, environment: str, *, release: str, commit: str, url: str) -> Mapping[str, str]:
    """`release`: its tag, such as `r12`."""
    facts = {**build_facts(application, environment), RELEASE: release, COMMIT: commit, SOURCE_VERSION: commit, URL: url}
    return {name: value for name, value in facts.items() if value}
