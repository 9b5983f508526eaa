"""create, update, patch, apply and delete: admission, field managers, storage. Every method returns once the write is on disk."""

from typing import Any

from knative.local import managed
from knative.local.api.admission import Admission
from knative.local.api.patches import APPLY, apply_patch
from knative.local.api.policies import Write
from knative.local.api.schema import with_atomic_defaults
from knative.local.api.status import Cause, already_exists, apply_conflict, bad_request, conflict, invalid, not_found
from knative.local.api.target import DeleteOptions, Target, WriteOptions
from knative.local.definitions import Definition
from knative.local.fields import format_path
from knative.local.garbage_collection import FOREGROUND, ORPHAN
from knative.local.objects import Object
from knative.local.store import AlreadyExists, Conflict, Store, finalizers
from knative.local.tokens import Identity

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


class Writing:
    """The write operations. All raise StatusError, and with `options.is_dry_run` store nothing."""

    def __init__(self, store: Store, admission: Admission) -> None:
        self._store = store
        self._admission = admission

    async def create(self, target: Target, body: object, options: WriteOptions, identity: Identity) -> Object:
        desired = self._admission.named(body, target)
        if desired["metadata"].pop("resourceVersion", None):
            raise bad_request("resourceVersion should not be set on objects to be created")
        desired["metadata"].pop("managedFields", None)
        return await self._create(target, desired, None, options, identity)

    async def update(self, target: Target, body: object, options: WriteOptions, identity: Identity) -> Object:
        desired = self._admission.named(body, target)
        live = self._live(target)
        if target.subresource == "status":
            return await self._status(target, desired, live, options, identity)
        return await self._update(target, live, desired, None, options, identity)

    async def patch(self, target: Target, patch: Any, media_type: str, options: WriteOptions, identity: Identity) -> Object:
        definition = target.definition
        if media_type in APPLY:
            return await self._apply(target, patch, options, identity)
        live = self._live(target)
        desired = self._admission.named(apply_patch(live, patch, media_type, definition), target)
        if target.subresource == "status":
            return await self._status(target, desired, live, options, identity)
        return await self._update(target, live, desired, None, options, identity)

    async def delete(self, target: Target, options: DeleteOptions, identity: Identity) -> Object | None:
        """Return None if the object is deleted, the object if finalizers keep it."""
        live = self._live(target)
        metadata, kind = live["metadata"], target.definition.key
        for field, expected in (("uid", options.uid), ("resourceVersion", options.version)):
            if expected and expected != metadata[field]:
                reason = f"Precondition failed: {field} in precondition: {expected}, in object meta: {metadata[field]}"
                raise conflict(target.definition, target.name, reason)
        write = Write("DELETE", target.definition, identity, None, live, target.subresource, options.is_dry_run, options.as_admission_options())
        self._admission.check_policies(write)
        if options.is_dry_run:
            return None
        if options.propagation != "Background" and "deletionTimestamp" not in metadata:
            finalizer = FOREGROUND if options.propagation == "Foreground" else ORPHAN
            metadata["finalizers"] = [*(metadata.get("finalizers") or ()), finalizer]
            self._store.update(live)
        self._store.delete(kind, target.namespace, target.name)
        await self._store.durable()
        remaining = self._store.find(kind, target.namespace, target.name)
        return remaining if remaining is not None and remaining["metadata"]["uid"] == metadata["uid"] else None

    def _live(self, target: Target) -> Object:
        live = self._store.find(target.definition.key, target.namespace, target.name)
        if live is None:
            raise not_found(target.definition, target.name)
        return live

    async def _apply(self, target: Target, body: object, options: WriteOptions, identity: Identity) -> Object:
        definition = target.definition
        applied = self._admission.named(body, target)
        if applied["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        live = self._store.find(definition.key, target.namespace, target.name)
        if target.subresource == "status":
            if live is None:
                raise not_found(definition, target.name)
            merged = {**live, "status": {**(live.get("status") or {}), **(applied.get("status") or {})}}
            return await self._status(target, merged, live, options, identity)
        version, uid = (applied["metadata"].get(field) for field in ("resourceVersion", "uid"))
        if version and (live is None or version != live["metadata"]["resourceVersion"]):
            raise conflict(definition, target.name, MODIFIED)
        if uid and (live is None or uid != live["metadata"]["uid"]):
            raise conflict(definition, target.name, f"uid mismatch: the provided object specified uid {uid}")
        applied = with_atomic_defaults(applied, definition.schema)
        try:
            desired = managed.apply(live, applied, options.manager, options.force, definition.schema)
        except managed.Conflicts as conflicts:
            raise apply_conflict([(str(clash), format_path(clash.path)) for clash in conflicts.clashes], str(conflicts)) from conflicts
        owners = desired["metadata"]["managedFields"]
        if live is None:
            return await self._create(target, desired, owners, options, identity)
        return await self._update(target, live, desired, owners, options, identity)

    async def _create(self, target: Target, desired: Object, owners: list[Object] | None, options: WriteOptions, identity: Identity) -> Object:
        definition = target.definition
        if definition.has_status:
            desired.pop("status", None)
        desired = self._admission.complete(desired, None, definition)
        self._admission.check_creation(desired, definition)
        self._admission.check_escalation(desired, definition, identity)
        self._admission.check_policies(Write("CREATE", definition, identity, desired, None, "", options.is_dry_run, options.as_admission_options()))
        desired["metadata"]["managedFields"] = owners or managed.update(None, desired, options.manager, definition.schema)
        try:
            desired = self._store.create(desired, dry=options.is_dry_run)
        except AlreadyExists as error:
            raise already_exists(definition, desired["metadata"]["name"]) from error
        await self._store.durable()
        return desired

    async def _update(
        self, target: Target, live: Object, desired: Object, owners: list[Object] | None, options: WriteOptions, identity: Identity
    ) -> Object:
        definition, name = target.definition, live["metadata"]["name"]
        for field in ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
            desired["metadata"].pop(field, None)
            if field in live["metadata"]:
                desired["metadata"][field] = live["metadata"][field]
        if definition.has_status:
            desired.pop("status", None)
        desired = self._admission.complete(desired, live, definition)
        added = set(finalizers(desired)) - set(finalizers(live))
        if added and "deletionTimestamp" in live["metadata"]:
            message = "Forbidden: no new finalizers can be added if the object is being deleted"
            raise invalid(definition, name, [Cause("metadata.finalizers", message)])
        self._check_policies_of_update(target, live, desired, options, identity)
        before = {**live, "status": None} if definition.has_status else live
        after = {**desired, "status": None} if definition.has_status else desired
        if owners is None:
            owners = managed.update(before, after, options.manager, definition.schema)
        if _is_same(after, before) and managed.have_same_owners(owners, live["metadata"].get("managedFields") or []):
            self._check_version(definition, desired, live)
            return live
        if definition.group.startswith("rbac.") and not _is_same(after, before):
            self._admission.check_escalation(desired, definition, identity)
        desired["metadata"]["managedFields"] = owners
        try:
            desired = self._store.update(desired, dry=options.is_dry_run)
        except Conflict as stale:
            raise conflict(definition, name, str(stale)) from stale
        await self._store.durable()
        return desired

    async def _status(self, target: Target, desired: Object, live: Object, options: WriteOptions, identity: Identity) -> Object:
        definition = target.definition
        self._check_version(definition, desired, live)
        self._check_policies_of_update(target, live, {**live, "status": desired.get("status") or {}}, options, identity)
        if options.is_dry_run:
            return {**live, "status": desired.get("status") or {}}
        metadata = live["metadata"]
        desired = self._store.set_status(definition.key, metadata.get("namespace"), metadata["name"], desired.get("status") or {})
        await self._store.durable()
        return desired

    def _check_policies_of_update(self, target: Target, live: Object, desired: Object, options: WriteOptions, identity: Identity) -> None:
        """Runs before the API knows whether anything changes, as in Kubernetes."""
        server = {field: live["metadata"][field] for field in ("uid", "resourceVersion") if field not in desired["metadata"]}
        complete = {**desired, "metadata": {**desired["metadata"], **server}}
        if "status" in live and "status" not in desired:
            complete["status"] = live["status"]
        write = Write("UPDATE", target.definition, identity, complete, live, target.subresource, options.is_dry_run, options.as_admission_options())
        self._admission.check_policies(write)

    @staticmethod
    def _check_version(definition: Definition, desired: Object, live: Object) -> None:
        """Raises StatusError (409) if the client sent a resourceVersion that is not the current one."""
        version = desired["metadata"].get("resourceVersion")
        if version and version != live["metadata"]["resourceVersion"]:
            raise conflict(definition, live["metadata"]["name"], MODIFIED)


def _is_same(one: Object, other: Object) -> bool:
    """Whether two objects are equal except for the fields that the server sets."""
    server = ("managedFields", "resourceVersion", "uid")

    def content(object: Object) -> Object:
        return {**object, "metadata": {field: value for field, value in object["metadata"].items() if field not in server}}

    return content(one) == content(other)
