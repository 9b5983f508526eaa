"""Write documents as YAML and JSON: stable, readable in a diff, with a header that names the generator."""

import json
from collections.abc import Sequence
from typing import Any

import yaml

COMMAND = "python -m functions.describe"
HEADER = f"# GENERATED from the declarations by `{COMMAND}`. Do not edit: change the declaration and run it again.\n"


class _Dumper(yaml.CSafeDumper):
    """Without anchors, texts of several lines as blocks. By libyaml: PyYAML's own emitter takes five times as long."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.CSafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)


def to_yaml(document: Any) -> str:
    return HEADER + _dump([document])


def to_yaml_stream(documents: Sequence[Any]) -> str:
    return HEADER + _dump(documents)


def _dump(documents: Sequence[Any]) -> str:
    many = len(documents) > 1
    dumped: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=140, allow_unicode=True, explicit_start=many)
    return dumped


def to_json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
