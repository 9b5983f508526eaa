"""What a backup consists of, in the order in which it is stored and restored. New kinds of data are added here."""

from collections.abc import Sequence

from knative.machine.backup.databases import ContextDatabases, ServiceDatabases, ServiceRoles
from knative.machine.backup.dedicated import DedicatedServers
from knative.machine.backup.objects import BrokerDefinitions, KnativeObjects
from knative.machine.backup.parts import Kind
from knative.machine.backup.trees import Files, StoredImages
from knative.machine.backup.volumes import RedisServices, Volumes
from knative.machine.problems import Problem

KINDS: Sequence[Kind] = (
    Files(),
    ContextDatabases(),
    ServiceRoles(),
    ServiceDatabases(),
    KnativeObjects(),
    BrokerDefinitions(),
    StoredImages(),
    Volumes(),
    RedisServices(),
    DedicatedServers(),
)


def kind_of(part_name: str) -> Kind:
    """The kind of a part. Raises: Problem for one that this version does not know."""
    for kind in KINDS:
        if part_name.startswith(kind.prefix):
            return kind
    raise Problem(f"The backup has a part {part_name}, which this version of Capsule does not know.", "Restore with the version that wrote it.")
