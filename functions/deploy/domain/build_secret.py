"""The Secret of one build: variables and secrets of the environment, and the credentials of the repository.

The containers of the build mount it as files. The template of the build Job says which container mounts what: it has
volumes of these names, and the platform fills them in.

| Volume | Files |
|---|---|
| `repository-credentials` | `ssh-key`, `token`, `known-hosts`; for the container that clones, and no other |
| `build-environment` | `variables/NAME`, `secrets/NAME` |
| `platform-env` | `NAME`, as Cloud Native Buildpacks read it (platform specification, "User-Provided Variables") |
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Manifest = dict[str, Any]

CREDENTIALS_VOLUME, ENVIRONMENT_VOLUME, PLATFORM_VOLUME = "repository-credentials", "build-environment", "platform-env"
CREDENTIAL_PREFIX = "repository."
"""Of keys in the Secret. No variable's name has a dot."""


@dataclass(frozen=True, slots=True)
class BuildSecret:
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    def manifest(self, job: Manifest) -> Manifest:
        """Render the Secret. It has the name of its Job."""
        metadata = job["metadata"]
        credentials = {CREDENTIAL_PREFIX + name: value for name, value in self.credentials.items()}
        data = {**self.variables, **self.secrets, **credentials}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {each: metadata[each] for each in ("name", "namespace", "labels")},
            "type": "Opaque",
            "data": {key: base64.b64encode(value.encode("utf-8", "surrogateescape")).decode() for key, value in data.items()},
        }

    def fill_volumes(self, job: Manifest) -> None:
        """Replace the sources of the template's volumes that belong to the Secret."""
        paths = {
            CREDENTIALS_VOLUME: {CREDENTIAL_PREFIX + name: name for name in self.credentials},
            ENVIRONMENT_VOLUME: {
                **{name: f"variables/{name}" for name in self.variables},
                **{name: f"secrets/{name}" for name in self.secrets},
            },
            PLATFORM_VOLUME: {name: name for name in (*self.variables, *self.secrets)},
        }
        for volume in job["spec"]["template"]["spec"].get("volumes", []):
            if volume["name"] in paths:
                name = volume["name"]
                volume.clear()
                volume.update(name=name, projected={"sources": _sources(job["metadata"]["name"], paths[name])})


def _sources(secret: str, paths: Mapping[str, str]) -> list[Manifest]:
    """No source without keys: a projection without items would have every key of the Secret."""
    return [{"secret": {"name": secret, "items": [{"key": key, "path": path} for key, path in sorted(paths.items())]}}] if paths else []
