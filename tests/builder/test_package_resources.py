"""A setuptools without `pkg_resources` stays only where the repository names it."""

from pathlib import Path

import pytest

from knative.builder.package_resources import is_missing
from knative.builder.planning import Tree


def environment(folder: Path, version: str) -> Path:
    (folder / "lib" / "python3.11" / "site-packages" / f"setuptools-{version}.dist-info").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("version", ["82.0.0", "90.1"])
def test_a_newest_setuptools_that_is_only_a_dependency_lacks_pkg_resources(tmp_path: Path, version: str) -> None:
    assert is_missing(environment(tmp_path, version), Tree.of_files({"requirements.txt": "gunicorn==20.1.0\n"}))


def test_an_older_setuptools_has_it(tmp_path: Path) -> None:
    assert not is_missing(environment(tmp_path, "81.0.0"), Tree.of_files({"requirements.txt": "gunicorn==20.1.0\n"}))


def test_an_environment_without_setuptools_lacks_nothing(tmp_path: Path) -> None:
    assert not is_missing(tmp_path, Tree.of_files({"requirements.txt": "flask\n"}))


@pytest.mark.parametrize("path", ["requirements.txt", "requirements/base.txt", "requirements-prod.txt", "uv.lock", "poetry.lock"])
def test_a_version_that_the_repository_names_stays(tmp_path: Path, path: str) -> None:
    assert not is_missing(environment(tmp_path, "82.0.0"), Tree.of_files({path: "setuptools==82.0.0\n"}))
