"""The operator's settings of repositories, observation and builds, and the mounted template of the build Job."""

from dataclasses import replace
from datetime import timedelta
from pathlib import PurePosixPath

from functions.deploy.adapters import shared_variables, variables
from functions.deploy.domain.attach_ticket import TerminalAddress
from functions.deploy.domain.build_template import with_images
from functions.deploy.domain.environment import ObservationPolicy
from functions.deploy.domain.release_facts import ApplicationUrls
from functions.deploy.domain.repository import RepositoryPolicy
from functions.deploy.domain.service_plans import ServiceAddresses, ServiceKind
from functions.deploy.domain.standing import GracePolicy
from functions.deploy.domain.volume_manifests import StoragePolicy
from functions.deploy.ports import BuildSettings
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import GRACE_HOURS
from functions.wire.settings import MissingSetting

IMAGES = {ServiceKind.POSTGRES: variables.SERVICES_POSTGRES_IMAGE, ServiceKind.REDIS: variables.SERVICES_REDIS_IMAGE}
"""Of servers for one service, on a cluster."""


def repository_policy(settings: Settings) -> RepositoryPolicy:
    return RepositoryPolicy(settings.value(variables.REPOSITORY_HOSTS))


def application_urls(settings: Settings) -> ApplicationUrls:
    return settings.value(shared_variables.APPLICATION_URL)


def terminal_address(settings: Settings) -> TerminalAddress:
    return settings.value(shared_variables.TERMINAL_URL)


def service_addresses(settings: Settings) -> ServiceAddresses:
    return ServiceAddresses(
        {
            ServiceKind.POSTGRES: settings.value(variables.SERVICES_POSTGRES_ADDRESS),
            ServiceKind.REDIS: settings.value(variables.SERVICES_REDIS_ADDRESS),
        },
        settings.value(variables.SERVICES_DEDICATED_ADDRESS),
        frozenset(kind for kind, image in IMAGES.items() if settings.value(image)),
    )


def observation_policy(settings: Settings) -> ObservationPolicy:
    return ObservationPolicy(
        seconds=settings.value(variables.OBSERVATION_SECONDS),
        ready_timeout_seconds=settings.value(variables.READY_SECONDS),
        collection_seconds=settings.value(variables.COLLECTION_SECONDS),
    )


def storage_policy(settings: Settings) -> StoragePolicy:
    return StoragePolicy(
        storage_class=settings.value(variables.VOLUMES_STORAGE_CLASS),
        snapshot_class=settings.value(variables.VOLUMES_SNAPSHOT_CLASS),
        access_mode=settings.value(variables.VOLUMES_ACCESS_MODE),
    )


def grace_policy(settings: Settings) -> GracePolicy:
    return GracePolicy(timedelta(hours=float(settings.value(GRACE_HOURS))))


class MountedBuilds:
    """Reads settings at each build, so that a changed template takes effect at the next build."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def settings(self) -> BuildSettings:
        import yaml  # only builds need it

        template_path = self._settings.value(variables.BUILD_TEMPLATE)
        template = with_images(yaml.safe_load(self._settings.file(template_path)), lambda name: self._text_beside(template_path, name))
        inherited = self._inherited_variables()
        hosts = " ".join(sorted(self._settings.value(variables.REPOSITORY_HOSTS)))
        environment = {**inherited, "BUILD_ENVIRONMENT": " ".join(sorted(inherited)), "REPOSITORY_HOSTS": hosts}
        known_hosts = self._settings.value(variables.SSH_KNOWN_HOSTS)
        return BuildSettings(template, self._settings.value(variables.IMAGES), environment, known_hosts, self._registry(template_path))

    def _text_beside(self, template_path: str, name: str) -> str:
        """Return another key of the template's ConfigMap. Raises MissingSetting."""
        return self._settings.file(str(PurePosixPath(template_path).with_name(name))).decode()

    def _registry(self, template_path: str) -> str:
        try:
            return self._text_beside(template_path, variables.REGISTRY_FILE)
        except MissingSetting:
            return ""  # the Secret is optional

    def _inherited_variables(self) -> dict[str, str]:
        """The variables that CAPSULE_BUILD_ENV names: as set for builds (CAPSULE_BUILD_<NAME>), or else as set for this
        function."""
        names = self._settings.value(variables.BUILD_ENV)
        values = {name: self._build_variable(name) or self._settings.text(name, "") for name in names}
        return {name: value for name, value in values.items() if value}

    def _build_variable(self, name: str) -> str:
        return self._settings.value(replace(variables.BUILD_VARIABLE, name=f"CAPSULE_BUILD_{name}"))
