"""Rotate the logins that provision data services: of the PostgreSQL of applications, and of their Redis services. Applications' own credentials
are rotated by `capsule services rotate`.
"""

from knative.machine import keys, services_redis
from knative.machine.cluster import Cluster
from knative.machine.home import Home
from knative.machine.problems import NotApplicable
from knative.machine.rotation.publication import publish
from knative.machine.services_postgres import ServicesPostgres

SERVICES = "services"


def rotate(home: Home, cluster: Cluster) -> str:
    """Rotate what this machine has. Returns a summary. Raises: NotApplicable without data services of its own."""
    server = ServicesPostgres(home)
    has_postgres = home.has_services_postgres and server.is_running()
    if not has_postgres and not home.has_services_redis:
        raise NotApplicable("This machine has no data services of its own.", "Change passwords of an external server there.")
    publish(home, cluster, keys.services_secrets(home))  # of an interrupted rotation: nobody uses the other login from here on
    if has_postgres:
        server.stage_provisioner()
        server.provisioner.switch()
    if home.has_services_redis:
        services_redis.provisioner(home).stage()
        services_redis.provisioner(home).switch()
    publish(home, cluster, keys.services_secrets(home))
    close_former(home)
    return " and ".join([*(["PostgreSQL"] if has_postgres else []), *(["Redis"] if home.has_services_redis else [])])


def close_former(home: Home) -> None:
    """Refuse the former logins. Idempotent."""
    server = ServicesPostgres(home)
    if home.has_services_postgres and server.is_running():
        server.close_former_provisioner()
    if home.has_services_redis:
        services_redis.close_former_provisioner(home)
