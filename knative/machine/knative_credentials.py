"""The credentials of the one-machine Knative as files: it reads them again when they change, as functions do with their mounted Secrets."""

from pathlib import Path

from functions.runtime.config.settings import CREDENTIALS
from knative.local.serving.pods.volumes import VolumeFile, write
from knative.machine import keys
from knative.machine.home import Home

MODE = 0o600


def root(home: Home) -> Path:
    """CAPSULE_ROOT of the one-machine Knative: the folder below which its mounts are."""
    return home.secrets / "knative"


def write_credentials(home: Home) -> None:
    """Write the present credentials. The replacement is atomic."""
    home.create()
    files = {name: VolumeFile(value.encode(), MODE) for name, value in keys.knative_settings(home).items()}
    write(root(home) / CREDENTIALS.lstrip("/"), files, None)
