"""What the cluster's objects show about a deployment, and the reasons for which a deployment fails.

Reasons are stable words that clients may switch on. Details are sentences for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from functions.deploy.domain.repository_access import HostKey

BUILD_FAILED, TIMED_OUT, CANCELLED, TOO_LARGE = "build-failed", "timed-out", "cancelled", "too-large"
NOT_RECOGNIZED = "not-recognized"
OUT_OF_MEMORY, DISK_FULL = "out-of-memory", "disk-full"
"""Of a build or of an instance."""
BUILD_REASONS = frozenset(
    {
        *("repository-not-found", "repository-private", "host-key-changed", "ref-not-found"),
        *(NOT_RECOGNIZED, "unsupported", "version-unavailable", "image-unavailable"),
        *(BUILD_FAILED, TIMED_OUT, TOO_LARGE, OUT_OF_MEMORY),
    }
)
"""Reasons that the builder may report (`knative/builder/failure.py`)."""
APPLICATION_DELETED, ENVIRONMENT_DELETED, SERVICE_REMOVED = "application-deleted", "environment-deleted", "removed"
CLUSTER_REFUSED, HOST_NAME_TAKEN, IMAGE_NOT_KEPT = "cluster-refused", "host-name-taken", "image-not-kept"
IMAGE_NOT_PULLED = "image-not-pulled"
"""Of a build, a release phase or an instance: the registry does not give the image."""
RELEASE_PHASE_FAILED = "release-phase-failed"
EXITS_AT_START, NEVER_LISTENS, NOT_READY = "exits-at-start", "never-listens", "not-ready"
UNHEALTHY, WRONG_PORT = "unhealthy", "wrong-port"
CRASHES, FAILING_REQUESTS, DOES_NOT_ANSWER = "crashes", "failing-requests", "does-not-answer"
"""After the release has taken traffic."""
NOT_MEASURED = "not-measured"
"""Nothing reports requests, so nothing is known about what the release answers."""
PROCESS_CRASHES = "process-crashes"
"""With which a deployment succeeds: `web` serves, and a process type beside it crashes."""


@dataclass(frozen=True, slots=True)
class BuildJobSucceeded:
    image: str
    """Repository and digest."""
    commit: str
    kind: str
    release_command: str | None = None
    """The repository's own: the `release:` line of the Procfile, or of `app.json` or `capsule.toml`."""
    health_path: str | None = None
    """The repository's own, of `app.json` or `capsule.toml`."""
    port: int | None = None
    """The repository's own, of `capsule.toml`, or the port that the image names."""
    processes: Mapping[str, str] = field(default_factory=dict)
    """The repository's process types beside web and their commands: of the Procfile or of `capsule.toml`."""
    host_keys: tuple[HostKey, ...] = ()
    """Keys of ssh servers that were unknown to the clone."""


@dataclass(frozen=True, slots=True)
class BuildJobFailed:
    reason: str
    detail: str
    commit: str | None = None
    is_interrupted: bool = False
    """The Job was ended from outside, without a report: another attempt may succeed."""
    is_logged: bool = False
    """The build wrote the failure as the last line of its log."""
    host_keys: tuple[HostKey, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleasePhaseSucceeded:
    """The release command exited with code 0."""


@dataclass(frozen=True, slots=True)
class ReleasePhaseFailed:
    detail: str
    reason: str = RELEASE_PHASE_FAILED


@dataclass(frozen=True, slots=True)
class ServiceReady:
    url: str
    revision: str = ""


@dataclass(frozen=True, slots=True)
class ServiceFailed:
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class ResourceDeleted:
    """The object does not exist."""


Observation = BuildJobSucceeded | BuildJobFailed | ReleasePhaseSucceeded | ReleasePhaseFailed | ServiceReady | ServiceFailed | ResourceDeleted
