"""What is collected: the timeline wants every function that writes, and nothing may feed itself."""

from functions.describe.catalog import Catalog
from functions.describe.knative import context_manifests
from functions.runtime.config.registry import Registry, wiring_of

TAKE_IN = {"monitor-on-logs-collected", "monitor-on-requests-measured", "monitor-on-resources-measured"}


def test_all_that_writes_is_collected_but_what_takes_in_what_is_collected() -> None:
    catalog = Catalog.of(Registry.load(["monitor"]).declarations)
    collected: dict[bool, set[str]] = {True: set(), False: set()}
    for manifest in context_manifests(catalog, "monitor", wiring_of):
        if manifest["kind"] == "Service":
            labels = manifest["spec"]["template"]["metadata"]["labels"]
            collected[labels["capsule.dev/collect"] == "true"].add(manifest["metadata"]["name"])
    queries = {declaration.resource_name for declaration in catalog.of_context("monitor") if not declaration.is_writing}
    assert collected[False] == TAKE_IN | queries | {"monitor-housekeeping"}
    assert {"monitor-on-deployment-failed", "monitor-on-alert-notification-requested", "monitor-acknowledge-alert"} <= collected[True]


def test_what_takes_in_emits_nothing_that_it_takes_in() -> None:
    for declaration in Registry.load(["monitor"]).declarations:
        if declaration.resource_name in TAKE_IN:
            assert not {event.type for event in declaration.emits} & {"logs.collected", "requests.measured", "resources.measured"}
