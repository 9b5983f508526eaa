"""The operator's settings of domains and certificates."""

from urllib.parse import urlsplit

from functions.deploy.adapters.domain_variables import ACME_DIRECTORY, CLUSTER_ISSUER, DNS_CHALLENGES
from functions.deploy.adapters.shared_variables import APPLICATION_URL, TERMINAL_URL
from functions.deploy.domain.domains import PlatformNames
from functions.deploy.ports import CertificatePolicy
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import DASHBOARD_URL, PUBLIC_URL


def certificate_policy(settings: Settings) -> CertificatePolicy:
    return CertificatePolicy(settings.value(ACME_DIRECTORY), settings.value(CLUSTER_ISSUER))


def platform_names(settings: Settings) -> PlatformNames:
    """The hosts of the platform's addresses, and the domain of applications: what follows the name in the form of their URLs."""
    urls = (settings.value(PUBLIC_URL), settings.value(DASHBOARD_URL), settings.value(TERMINAL_URL).url)
    hosts = sorted({host for each in urls if (host := urlsplit(each).hostname)})
    application = urlsplit(settings.value(APPLICATION_URL).url_of("name", "env")).hostname or ""
    domain = application.partition(".")[2]
    return PlatformNames(tuple(hosts), domain or "localhost", settings.value(DNS_CHALLENGES))
