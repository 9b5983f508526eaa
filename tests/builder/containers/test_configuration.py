"""Registries, mirrors and credentials."""

import json
import tomllib
from pathlib import Path

import pytest

from knative.builder.containers.configuration import registries, registry_of, write_files
from knative.builder.failure import BuildFailure


def test_mirrors_are_asked_first_and_loopback_registries_speak_http() -> None:
    found = tomllib.loads(registries("http://127.0.0.1:5000 ghcr.io=https://mirror.example/ghcr/", ["127.0.0.1:5001", "git.example"]))
    assert found["unqualified-search-registries"] == ["docker.io"]
    assert found["registry"] == [
        {"prefix": "docker.io", "location": "docker.io", "mirror": [{"location": "127.0.0.1:5000", "insecure": True}]},
        {"prefix": "ghcr.io", "location": "ghcr.io", "mirror": [{"location": "mirror.example/ghcr"}]},
        {"location": "127.0.0.1:5001", "insecure": True},
    ]


def test_a_mirror_that_is_no_url_is_named() -> None:
    with pytest.raises(BuildFailure, match=r"contains 'mirror.example', which is not an http or https URL"):
        registries("mirror.example", [])


@pytest.mark.parametrize(
    ("reference", "registry"),
    [("nginx", "docker.io"), ("me/app:1", "docker.io"), ("ghcr.io/me/app", "ghcr.io"), ("localhost/x", "localhost"), ("h:5000/x@sha256:0", "h:5000")],
)
def test_the_registry_of_a_reference(reference: str, registry: str) -> None:
    assert registry_of(reference) == registry


@pytest.mark.parametrize(
    ("more", "reference", "server"),
    [({}, "", "docker.io"), ({}, "ghcr.io/me/app", "ghcr.io"), ({"REGISTRY_SERVER": "https://r.example/"}, "x", "r.example")],
)
def test_credentials_belong_to_one_registry_and_their_file_to_the_build(tmp_path: Path, more: dict[str, str], reference: str, server: str) -> None:
    files = write_files(tmp_path, {}, {"REGISTRY_USERNAME": "me", "REGISTRY_PASSWORD": "hunter2", **more}, [], reference)
    assert files.credentials is not None and files.credentials.stat().st_mode & 0o777 == 0o600
    assert json.loads(files.credentials.read_text()) == {"auths": {server: {"auth": "bWU6aHVudGVyMg=="}}}


def test_a_user_name_without_a_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildFailure, match="REGISTRY_USERNAME is set without REGISTRY_PASSWORD"):
        write_files(tmp_path, {}, {"REGISTRY_USERNAME": "me"}, [])
    assert write_files(tmp_path, {}, {}, []).credentials is None
