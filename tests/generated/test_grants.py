"""What functions get beside their code is complete: no adapter finds itself without the account that it needs."""

import inspect

from functions.deploy.adapters.kubernetes_client import KubernetesClient
from functions.deploy.adapters.service_namespaces import ServiceNamespaces
from functions.describe.catalog import Catalog
from functions.describe.grants import CLUSTER_PORTS, grants_of
from functions.runtime.config.registry import Registry, contexts, wiring_of


def test_each_port_with_an_adapter_of_the_kubernetes_api_gives_the_account_of_the_cluster() -> None:
    ports = {
        port.__name__
        for context in contexts()
        for port, adapter in wiring_of(context).ports.items()
        if inspect.isclass(adapter) and issubclass(adapter, KubernetesClient)
    }
    assert issubclass(ServiceNamespaces, KubernetesClient)
    ports.add("ServiceProvisioners")  # chooses an adapter for each service, of which some use it
    assert len(ports) > 1 and ports == {*CLUSTER_PORTS, "FunctionServices"}, "the last one has an account that lists functions"


def test_functions_that_publish_domains_or_provision_services_have_it() -> None:
    declarations = {each.name: each for each in Catalog.of(Registry.load().declarations).declarations}
    for name in ("deploy.on_domain_refresh_requested", "deploy.on_domain_certificate_requested", "deploy.on_data_service_requested"):
        assert grants_of(declarations[name], wiring_of("deploy")).cluster
