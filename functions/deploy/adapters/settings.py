"""The operator's settings of repositories, observation and builds, and the mounted template of the build Job."""

import yaml

from functions.deploy.domain.attach_ticket import TerminalAddress
from functions.deploy.domain.environment import ObservationPolicy
from functions.deploy.domain.release_facts import ApplicationUrls
from functions.deploy.domain.repository import RepositoryPolicy
from functions.deploy.domain.tenancy import egress_networks
from functions.deploy.ports import BuildSettings
from functions.runtime.config.settings import Settings
from functions.wire.addresses import parse_allowed_hosts

TEMPLATE = "/etc/capsule/build/job.yaml"
DEFAULT_BUILD_VARIABLES = (
    "HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE GIT_SSL_CAINFO "
    "PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_TRUSTED_HOST PIP_CERT UV_DEFAULT_INDEX UV_INDEX UV_FIND_LINKS "
    "NPM_CONFIG_REGISTRY NPM_CONFIG_CAFILE NODE_EXTRA_CA_CERTS REGISTRY_MIRROR GOPROXY GOSUMDB UV_PYTHON_INSTALL_MIRROR "
    "UV_PYTHON_DOWNLOADS_JSON_URL MAVEN_MIRROR_URL COMPOSER_MIRROR_URL BUNDLE_MIRROR__ALL"
)
"""Variables of the operator's environment that builds get by default: proxies, certificate authorities, mirrors."""


def repository_policy(settings: Settings) -> RepositoryPolicy:
    return RepositoryPolicy(parse_allowed_hosts(settings.text("CAPSULE_REPOSITORY_HOSTS", "")))


def application_urls(settings: Settings) -> ApplicationUrls:
    return ApplicationUrls(settings.text("CAPSULE_APPLICATION_URL", ""))


def terminal_address(settings: Settings) -> TerminalAddress:
    return TerminalAddress(settings.text("CAPSULE_TERMINAL_URL", ""))


def observation_policy(settings: Settings) -> ObservationPolicy:
    return ObservationPolicy(
        seconds=int(settings.text("CAPSULE_OBSERVATION_SECONDS", "10")),
        ready_timeout_seconds=int(settings.text("CAPSULE_READY_SECONDS", "120")),
    )


class MountedBuilds:
    """Reads settings at each build, so that a changed template takes effect at the next build."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def settings(self) -> BuildSettings:
        template = yaml.safe_load(self._settings.file(self._settings.text("CAPSULE_BUILD_TEMPLATE", TEMPLATE)))
        inherited = self._inherited_variables()
        hosts = " ".join(_words(self._settings.text("CAPSULE_REPOSITORY_HOSTS", "")))
        environment = {**inherited, "BUILD_ENVIRONMENT": " ".join(sorted(inherited)), "REPOSITORY_HOSTS": hosts}
        known_hosts = self._settings.text("CAPSULE_SSH_KNOWN_HOSTS", "")
        egress_allow = egress_networks(self._settings.text("CAPSULE_EGRESS_ALLOW", ""))
        return BuildSettings(template, self._settings.text("CAPSULE_IMAGES", "capsule.local/apps"), environment, known_hosts, egress_allow)

    def _inherited_variables(self) -> dict[str, str]:
        """The variables that CAPSULE_BUILD_ENV names: as set for builds (CAPSULE_BUILD_<NAME>), or else as set for this
        function."""
        names = _words(self._settings.text("CAPSULE_BUILD_ENV", DEFAULT_BUILD_VARIABLES))
        values = {name: self._settings.text(f"CAPSULE_BUILD_{name}", "") or self._settings.text(name, "") for name in names}
        return {name: value for name, value in values.items() if value}


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()
