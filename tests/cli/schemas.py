"""Checks what `--json` prints against the schemas of schemas/openapi.yaml."""

from functools import cache
from typing import Any

import jsonschema_rs
import yaml

from knative.machine.home import PROJECT


@cache
def components() -> dict[str, Any]:
    return dict(yaml.load((PROJECT / "schemas/openapi.yaml").read_text(), yaml.CSafeLoader)["components"]["schemas"])


@cache
def validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": {"schemas": components()}})


def assert_matches(schema: str, document: Any) -> None:
    faults = [f"{fault.instance_path}: {fault.message}" for fault in validator(schema).iter_errors(document)]
    assert not faults, (schema, faults)
