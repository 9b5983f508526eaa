"""Redis services of applications: the one-machine Knative runs them (`knative/local/serving/redis_services`). `up` installs the server, and creates
its account and the provisioner's password.
"""

from functions.deploy.adapters.variables import SERVICES_DEDICATED_ADDRESS, SERVICES_REDIS_ADDRESS, SERVICES_REDIS_URL
from knative.local.serving.naming import REDIS_PORT
from knative.local.serving.redis_services.provisioner import ALTERNATE_USER, USER
from knative.local.serving.service_account import ACCOUNT
from knative.machine import accounts, secrets
from knative.machine.home import LOOPBACK, Home
from knative.machine.logins import User

PASSWORD = "services-redis"
"""Name of the secret, as in knative/local/settings.py."""
FOLDER = "services-redis"
DEDICATED = "services-dedicated"
"""Of the dedicated PostgreSQL servers, as in knative/local/serving/node.py."""


def prepare(home: Home) -> None:
    """Create the account that the servers run as, and the folder of their data. Idempotent. Raises: Problem."""
    account = accounts.own_account(ACCOUNT)
    folder = home.path / FOLDER
    if account:
        account.require_access_to(folder)
    for each in (folder, home.path / DEDICATED):
        each.mkdir(parents=True, exist_ok=True)
        each.chmod(0o711)
    _ = provisioner(home).current


def provisioner(home: Home) -> User:
    """The two logins of the provisioner, whose stored passwords the one-machine Knative reads at each use."""
    return User(home, USER, ALTERNATE_USER, PASSWORD)


def close_former_provisioner(home: Home) -> None:
    """Refuse the login that is not current. Idempotent."""
    user = provisioner(home)
    secrets.delete(home, f"{PASSWORD}.password" if user.other == USER else f"{PASSWORD}-alternate.password")


def provisioner_url(home: Home) -> dict[str, str]:
    """The key of the Secret with the login that provisions; empty without Redis services."""
    if url := home.environment.get(SERVICES_REDIS_URL.name):
        return {"redis": url}
    if not home.has_services_redis:
        return {}
    login = provisioner(home).current
    return {"redis": f"redis://{login.name}:{login.password}@{LOOPBACK}:{home.ports.services_redis}"}


def address(home: Home) -> dict[str, str]:
    """CAPSULE_SERVICES_REDIS_ADDRESS: applications reach their service through a listener in the network of each instance."""
    return {SERVICES_REDIS_ADDRESS.name: f"{LOOPBACK}:{REDIS_PORT}"} if home.has_services_redis else {}


def dedicated_address(home: Home) -> dict[str, str]:
    """CAPSULE_SERVICES_DEDICATED_ADDRESS: of the one-machine Knative, which creates dedicated database servers by the way of Redis services."""
    is_available = home.has_services_redis and home.has_services_postgres
    return {SERVICES_DEDICATED_ADDRESS.name: f"{LOOPBACK}:{home.ports.services_dedicated}"} if is_available else {}
