"""Redis services of applications: the one-machine Knative runs them (`knative/local/serving/redis_services`). `up` installs the server, and creates
its account and the provisioner's password.
"""

from functions.deploy.adapters.variables import SERVICES_REDIS_ADDRESS, SERVICES_REDIS_URL
from knative.local.serving.naming import REDIS_PORT
from knative.local.serving.redis_services.files import ACCOUNT
from knative.local.serving.redis_services.provisioner import USER
from knative.machine import accounts, secrets
from knative.machine.home import LOOPBACK, Home

PASSWORD = "services-redis"
"""Name of the secret, as in knative/local/settings.py."""
FOLDER = "services-redis"


def prepare(home: Home) -> None:
    """Create the account that the servers run as, and the folder of their data. Idempotent. Raises: Problem."""
    account = accounts.own_account(ACCOUNT)
    folder = home.path / FOLDER
    if account:
        account.require_access_to(folder)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    secrets.password(home, PASSWORD)


def provisioner_url(home: Home) -> dict[str, str]:
    """The key of the Secret with the login that provisions; empty without Redis services."""
    own = f"redis://{USER}:{secrets.password(home, PASSWORD)}@{LOOPBACK}:{home.ports.services_redis}" if home.has_services_redis else None
    url = home.environment.get(SERVICES_REDIS_URL.name) or own
    return {"redis": url} if url else {}


def address(home: Home) -> dict[str, str]:
    """CAPSULE_SERVICES_REDIS_ADDRESS: applications reach their service through a listener in the network of each instance."""
    return {SERVICES_REDIS_ADDRESS.name: f"{LOOPBACK}:{REDIS_PORT}"} if home.has_services_redis else {}
