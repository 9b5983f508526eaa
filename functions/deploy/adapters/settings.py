"""What an operator decides about repositories and builds: settings and the mounted template of a build Job."""

import yaml

from functions.deploy.domain.environment import Patience
from functions.deploy.domain.repository import RepositoryPolicy
from functions.deploy.domain.tenancy import egress_networks
from functions.deploy.ports import BuildSettings
from functions.runtime.config.settings import Settings

TEMPLATE = "/etc/capsule/build/job.yaml"
PASSED_ON = (
    "HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE GIT_SSL_CAINFO "
    "PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_TRUSTED_HOST PIP_CERT UV_DEFAULT_INDEX UV_INDEX UV_FIND_LINKS "
    "NPM_CONFIG_REGISTRY NPM_CONFIG_CAFILE NODE_EXTRA_CA_CERTS"
)
"""What a build may see of the operator's environment, and no more: proxies, authorities, mirrors."""


def repository_policy(settings: Settings) -> RepositoryPolicy:
    return RepositoryPolicy(frozenset(_words(settings.text("CAPSULE_REPOSITORY_HOSTS", ""))))


def patience(settings: Settings) -> Patience:
    return Patience(
        production=int(settings.text("CAPSULE_OBSERVATION_SECONDS", "30")),
        elsewhere=int(settings.text("CAPSULE_OBSERVATION_SECONDS_ELSEWHERE", "0")),
        until_ready=int(settings.text("CAPSULE_READY_SECONDS", "120")),
    )


class MountedBuilds:
    """Read at each build, so that a changed template counts from the next build on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def settings(self) -> BuildSettings:
        template = yaml.safe_load(self._settings.file(self._settings.text("CAPSULE_BUILD_TEMPLATE", TEMPLATE)))
        passed_on = self._environment()
        hosts = " ".join(_words(self._settings.text("CAPSULE_REPOSITORY_HOSTS", "")))
        environment = {**passed_on, "BUILD_ENVIRONMENT": " ".join(sorted(passed_on)), "REPOSITORY_HOSTS": hosts}
        egress_allow = egress_networks(self._settings.text("CAPSULE_EGRESS_ALLOW", ""))
        return BuildSettings(template, self._settings.text("CAPSULE_IMAGES", "capsule.local/apps"), environment, egress_allow)

    def _environment(self) -> dict[str, str]:
        """The variables that CAPSULE_BUILD_ENV names, as the operator has set them for builds (CAPSULE_BUILD_<NAME>) or for this function."""
        names = _words(self._settings.text("CAPSULE_BUILD_ENV", PASSED_ON))
        found = {name: self._settings.text(f"CAPSULE_BUILD_{name}", "") or self._settings.text(name, "") for name in names}
        return {name: value for name, value in found.items() if value}


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()
