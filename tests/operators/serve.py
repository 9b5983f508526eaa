"""Run the API of the one-machine Knative with more kinds: `python -m tests.operators.serve serve --parts api`."""

import sys
from pathlib import Path

import yaml

from knative.local import definitions
from knative.local.definitions import Definitions
from tests.generated.operator_kinds import KINDS

EXTRA = Path(__file__).with_name("kinds.yaml")


def extended() -> Definitions:
    """The kinds of one machine, those of kinds.yaml, and CloudNativePG's Cluster with the schema of `tests.generated.operator_kinds`."""
    shared = yaml.load((definitions.HERE / "shared.yaml").read_text(), yaml.CSafeLoader)
    resolver = definitions._Resolver(shared)
    documents = [*yaml.load_all(EXTRA.read_text(), yaml.CSafeLoader), _cluster()]
    return Definitions([*LOADED, *(definitions._definition(each["spec"], resolver) for each in documents)])


def _cluster() -> dict[str, object]:
    schema = KINDS["postgresql.cnpg.io/v1", "Cluster"]
    properties = {**schema["properties"], "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "subresources": {"status": {}}, "schema": {"openAPIV3Schema": {**schema, "properties": properties}}}
    names = {"kind": "Cluster", "plural": "clusters", "singular": "cluster"}
    return {"spec": {"group": "postgresql.cnpg.io", "scope": "Namespaced", "names": names, "versions": [version]}}


LOADED = definitions.load()

if __name__ == "__main__":
    kinds = extended()
    definitions.load = lambda: kinds  # type: ignore[assignment]
    from knative.local.__main__ import main  # its modules take `load` when they are imported

    sys.exit(main())
