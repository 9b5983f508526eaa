"""A one-machine Knative whose machine lacks the abilities in WEAKER ("sandbox": all): `python -m tests.knative.sandbox.weaker serve`."""

import os
import sys
from dataclasses import fields, replace
from pathlib import Path

from knative.local.__main__ import main
from knative.local.sandbox.isolation import Abilities, detect_abilities
from knative.local.sandbox.plan import Isolation
from knative.local.serving import node


def weaker(state: Path) -> Abilities:
    lacking = os.environ["WEAKER"].split()
    if lacking == ["sandbox"]:
        return Abilities(Isolation.NONE, **{field.name: False for field in fields(Abilities) if field.name != "isolation"})
    return replace(detect_abilities(state), **{name: False for name in lacking})


if __name__ == "__main__":
    node.detect_abilities = weaker  # type: ignore[attr-defined]
    sys.exit(main())
