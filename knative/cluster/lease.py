"""One operator at a time changes the platform: a Lease, held while `apply`, `rollback` and `secrets` write.

As client-go's leader election, which controllers use: the holder renews the Lease, and who wants it looks whether it is renewed, by a clock of
its own. Clocks of two machines are never compared. A holder that ended without a word is succeeded after SECONDS. One with a Lease that was succeeded
meanwhile (its machine slept) writes nothing more.

Source: https://kubernetes.io/docs/concepts/architecture/leases/, k8s.io/client-go/tools/leaderelection.
"""

import getpass
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import urllib3
from kubernetes.dynamic.exceptions import ApiException

from knative.cluster.connection import PATIENCE_SECONDS, ClusterApi, being_deleted, patiently
from knative.machine.installation_objects import NAMESPACE, Object
from knative.machine.problems import Problem

API, KIND, NAME = "coordination.k8s.io/v1", "Lease", "capsule-operation"
SECONDS = 30
"""How long a Lease that is not renewed is respected."""
RENEW_SECONDS = 5.0
MANAGER = "capsule-lease"
NAMESPACE_OBJECT: Object = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "capsule"}},
}
POLL_SECONDS = 1.0


class Lease:
    """The Lease as this process holds it. `identity`: who and where, for others to read."""

    def __init__(self, cluster: ClusterApi, identity: str) -> None:
        self._cluster = cluster
        self._identity = identity
        self._lost_to: str | None = None
        self._ended = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name="lease", daemon=True)

    def acquire(self) -> None:
        """Take the Lease, and renew it from now on. Waits up to SECONDS for a holder that does not renew it. Raises: Problem when it is held."""
        deadline = time.monotonic() + SECONDS
        seen = None
        while True:
            present = self._read()
            if present is None or not holder_of(present):
                if self._write(present):
                    break
                continue
            if seen is not None and renewal_of(seen) != renewal_of(present):
                raise held_problem(present)
            seen = present
            if time.monotonic() >= deadline:
                if self._write(present):
                    break
                seen = None
                deadline = time.monotonic() + SECONDS
                continue
            time.sleep(POLL_SECONDS)
        self._renewer.start()

    def check(self) -> None:
        """Raises: Problem when another operator has succeeded this one."""
        if self._lost_to is not None:
            what = "Its Lease was not renewed in time, and they may have applied something else. See what is there: ./taskw cluster diff"
            raise Problem(f"{self._lost_to} goes on instead of this command.", what)

    def release(self) -> None:
        """Let go, if it is still held. An API that does not answer is left to the Lease's end."""
        self._ended.set()
        if self._renewer.ident is not None:
            self._renewer.join()
        if self._lost_to is not None:
            return
        try:
            present = self._read()
            if present is not None and holder_of(present) == self._identity:
                self._replace(present, {**present["spec"], "holderIdentity": "", "renewTime": _now()})
        except (ApiException, urllib3.exceptions.HTTPError):
            return

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_SECONDS):
            try:
                present = self._read()
                if present is not None and holder_of(present) not in ("", self._identity):
                    self._lost_to = holder_of(present)
                    return
                self._write(present)
            except (ApiException, urllib3.exceptions.HTTPError):
                continue  # an API that is busy: the next round tries again, and nobody else can write to it either

    def _write(self, present: Object | None) -> bool:
        """Write this holder. False when another one was quicker. Raises: ApiException, HTTPError."""
        spec = dict(present["spec"]) if present else {}
        is_new = spec.get("holderIdentity") != self._identity
        spec |= {"holderIdentity": self._identity, "leaseDurationSeconds": SECONDS, "renewTime": _now()}
        if is_new:
            spec |= {"acquireTime": _now(), "leaseTransitions": spec.get("leaseTransitions", -1) + 1}
        try:
            self._replace(present, spec)
        except ApiException as error:
            if error.status in (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND):
                return False
            raise
        return True

    def _replace(self, present: Object | None, spec: dict[str, Any]) -> None:
        resource = self._cluster.dynamic.resources.get(api_version=API, kind=KIND)
        if present is None:
            resource.create(body={**_reference(), "spec": spec}, namespace=NAMESPACE)
        else:
            metadata = {**_reference()["metadata"], "resourceVersion": present["metadata"]["resourceVersion"]}
            resource.replace(body={**_reference(), "metadata": metadata, "spec": spec}, namespace=NAMESPACE)

    def _read(self) -> Object | None:
        return self._cluster.get(_reference())


@contextmanager
def exclusive(cluster: ClusterApi) -> Iterator[Lease]:
    """Hold the Lease; every write through `cluster` looks first whether it still does. The namespace is made if there is none. Raises: Problem."""
    namespace = cluster.get(NAMESPACE_OBJECT)
    if namespace is None:
        cluster.apply([NAMESPACE_OBJECT], MANAGER)
    elif (namespace.get("status") or {}).get("phase") == "Terminating":
        raise being_deleted(NAMESPACE)
    lease = Lease(cluster, identity())
    patiently(lease.acquire, time.monotonic() + PATIENCE_SECONDS)
    cluster.before_writes = lease.check
    try:
        yield lease
    finally:
        cluster.before_writes = None
        lease.release()


def identity() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()} (process {os.getpid()})"


def holder_of(lease: Object) -> str:
    return str((lease.get("spec") or {}).get("holderIdentity") or "")


def renewal_of(lease: Object) -> tuple[str, str]:
    return holder_of(lease), str((lease.get("spec") or {}).get("renewTime"))


def held_problem(lease: Object) -> Problem:
    since = (lease.get("spec") or {}).get("acquireTime") or "a while"
    return Problem(
        f"{holder_of(lease)} is changing the platform, since {since}. Nothing was changed.",
        f"Wait until that command has ended, then repeat yours. It needs no unlocking: a command that was killed is succeeded after {SECONDS} s.",
    )


def _reference() -> Object:
    labels = {"app.kubernetes.io/part-of": "capsule"}
    return {"apiVersion": API, "kind": KIND, "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels}}


def _now() -> str:
    """RFC 3339 with microseconds, as the API's MicroTime."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
