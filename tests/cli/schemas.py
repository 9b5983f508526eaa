"""Checks what `--json` prints against the schemas of schemas/openapi.yaml."""

from functools import cache
from typing import Any

import jsonschema_rs
import yaml

from knative.machine.home import PROJECT


@cache
def components() -> dict[str, Any]:
    return dict(yaml.safe_load((PROJECT / "schemas/openapi.yaml").read_text())["components"]["schemas"])


def assert_matches(schema: str, document: Any) -> None:
    reference = {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": components()}}
    faults = [f"{fault.instance_path}: {fault.message}" for fault in jsonschema_rs.Draft202012Validator(reference).iter_errors(document)]
    assert not faults, (schema, faults)
