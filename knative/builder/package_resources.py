"""setuptools 82 has no `pkg_resources` any more, which packages of many years import and depend on `setuptools` for, without an upper bound.

gunicorn 20.1 is one of them. pip keeps the older setuptools that a virtual environment has from the start; uv installs the newest.
"""

import re
from pathlib import Path

from knative.builder.planning import Tree

REQUIREMENT = "setuptools<82"
FIRST_WITHOUT = 82
INSTALLED = re.compile(r"setuptools-(?P<major>\d+)[^/]*\.dist-info")
DECLARATIONS = ("requirements*.txt", "requirements/*.txt", "Pipfile", "Pipfile.lock", "uv.lock", "poetry.lock", "pdm.lock")


def is_missing(environment: Path, tree: Tree) -> bool:
    """Whether setuptools came into the environment as a dependency only, in a version without `pkg_resources`.

    A version that the repository itself names, in its requirements or a lock file, stays. `tree`: the application's folder.
    """
    folders = environment.glob("lib*/python*/site-packages/setuptools-*.dist-info")
    majors = [int(match["major"]) for folder in folders if (match := INSTALLED.fullmatch(folder.name))]
    return any(major >= FIRST_WITHOUT for major in majors) and not any("setuptools" in tree.text(path) for path in tree.find(*DECLARATIONS))
