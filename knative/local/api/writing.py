"""create, update, patch, apply and delete: a client's write, admitted, attributed to its field manager, stored, and on disk before the answer."""

from typing import Any

from knative.local import managed
from knative.local.api.admission import Admission
from knative.local.api.patches import APPLY, patched
from knative.local.api.policies import Write
from knative.local.api.schema import settled
from knative.local.api.status import Cause, already_exists, bad_request, conflict, contested, invalid, not_found
from knative.local.api.target import DeleteOptions, Target, WriteOptions
from knative.local.definitions import Definition
from knative.local.fields import readable
from knative.local.garbage_collection import FOREGROUND, ORPHAN
from knative.local.objects import Object
from knative.local.store import AlreadyExists, Conflict, Store, finalizers
from knative.local.tokens import Identity


class Writing:
    def __init__(self, store: Store, admission: Admission) -> None:
        self._store = store
        self._admission = admission

    async def create(self, target: Target, sent: object, options: WriteOptions, identity: Identity) -> Object:
        made = self._admission.named(sent, target)
        if made["metadata"].pop("resourceVersion", None):
            raise bad_request("resourceVersion should not be set on objects to be created")
        made["metadata"].pop("managedFields", None)
        return await self._create(target, made, None, options, identity)

    async def update(self, target: Target, sent: object, options: WriteOptions, identity: Identity) -> Object:
        made = self._admission.named(sent, target)
        live = self._live(target)
        if target.subresource == "status":
            return await self._status(target, made, live, options, identity)
        return await self._update(target, live, made, None, options, identity)

    async def patch(self, target: Target, sent: Any, sort: str, options: WriteOptions, identity: Identity) -> Object:
        definition = target.definition
        if sort in APPLY:
            return await self._apply(target, sent, options, identity)
        live = self._live(target)
        made = self._admission.named(patched(live, sent, sort, definition), target)
        if target.subresource == "status":
            return await self._status(target, made, live, options, identity)
        return await self._update(target, live, made, None, options, identity)

    async def delete(self, target: Target, options: DeleteOptions, identity: Identity) -> Object | None:
        """None when it is gone; the object when finalizers still hold it."""
        live = self._live(target)
        metadata, kind = live["metadata"], target.definition.key
        for field, asked in (("uid", options.uid), ("resourceVersion", options.version)):
            if asked and asked != metadata[field]:
                why = f"Precondition failed: {field} in precondition: {asked}, in object meta: {metadata[field]}"
                raise conflict(target.definition, target.name, why)
        write = Write("DELETE", target.definition, identity, None, live, target.subresource, options.dry, options.as_admitted())
        self._admission.must_comply(write)
        if options.dry:
            return None
        if options.propagation != "Background" and "deletionTimestamp" not in metadata:
            finalizer = FOREGROUND if options.propagation == "Foreground" else ORPHAN
            metadata["finalizers"] = [*(metadata.get("finalizers") or ()), finalizer]
            self._store.update(live)
        self._store.delete(kind, target.namespace, target.name)
        await self._store.durable()
        left = self._store.find(kind, target.namespace, target.name)
        return left if left is not None and left["metadata"]["uid"] == metadata["uid"] else None

    def _live(self, target: Target) -> Object:
        found = self._store.find(target.definition.key, target.namespace, target.name)
        if found is None:
            raise not_found(target.definition, target.name)
        return found

    async def _apply(self, target: Target, sent: object, options: WriteOptions, identity: Identity) -> Object:
        definition = target.definition
        applied = self._admission.named(sent, target)
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
            raise conflict(definition, target.name, "the object has been modified; please apply your changes to the latest version and try again")
        if uid and (live is None or uid != live["metadata"]["uid"]):
            raise conflict(definition, target.name, f"uid mismatch: the provided object specified uid {uid}")
        applied = settled(applied, definition.schema)
        try:
            made = managed.apply(live, applied, options.manager, options.force, definition.schema)
        except managed.Conflicts as conflicts:
            raise contested([(str(clash), readable(clash.path)) for clash in conflicts.clashes], str(conflicts)) from conflicts
        owners = made["metadata"]["managedFields"]
        if live is None:
            return await self._create(target, made, owners, options, identity)
        return await self._update(target, live, made, owners, options, identity)

    async def _create(self, target: Target, made: Object, owners: list[Object] | None, options: WriteOptions, identity: Identity) -> Object:
        definition = target.definition
        if definition.has_status:
            made.pop("status", None)
        made = self._admission.complete(made, None, definition)
        self._admission.may_create(made, definition)
        self._admission.may_grant(made, definition, identity)
        self._admission.must_comply(Write("CREATE", definition, identity, made, None, "", options.dry, options.as_admitted()))
        made["metadata"]["managedFields"] = owners or managed.update(None, made, options.manager, definition.schema)
        try:
            made = self._store.create(made, dry=options.dry)
        except AlreadyExists as exists:
            raise already_exists(definition, made["metadata"]["name"]) from exists
        await self._store.durable()
        return made

    async def _update(
        self, target: Target, live: Object, made: Object, owners: list[Object] | None, options: WriteOptions, identity: Identity
    ) -> Object:
        definition, name = target.definition, live["metadata"]["name"]
        for field in ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
            made["metadata"].pop(field, None)
            if field in live["metadata"]:
                made["metadata"][field] = live["metadata"][field]
        if definition.has_status:
            made.pop("status", None)
        made = self._admission.complete(made, live, definition)
        added = set(finalizers(made)) - set(finalizers(live))
        if added and "deletionTimestamp" in live["metadata"]:
            why = "Forbidden: no new finalizers can be added if the object is being deleted"
            raise invalid(definition, name, [Cause("metadata.finalizers", why)])
        self._judge_update(target, live, made, options, identity)
        before = {**live, "status": None} if definition.has_status else live
        after = {**made, "status": None} if definition.has_status else made
        if owners is None:
            owners = managed.update(before, after, options.manager, definition.schema)
        if _same(after, before) and managed.same_owners(owners, live["metadata"].get("managedFields") or []):
            self._compare(definition, made, live)
            return live
        if definition.group.startswith("rbac.") and not _same(after, before):
            self._admission.may_grant(made, definition, identity)
        made["metadata"]["managedFields"] = owners
        try:
            made = self._store.update(made, dry=options.dry)
        except Conflict as stale:
            raise conflict(definition, name, str(stale)) from stale
        await self._store.durable()
        return made

    async def _status(self, target: Target, made: Object, live: Object, options: WriteOptions, identity: Identity) -> Object:
        definition = target.definition
        self._compare(definition, made, live)
        self._judge_update(target, live, {**live, "status": made.get("status") or {}}, options, identity)
        if options.dry:
            return {**live, "status": made.get("status") or {}}
        metadata = live["metadata"]
        made = self._store.set_status(definition.key, metadata.get("namespace"), metadata["name"], made.get("status") or {})
        await self._store.durable()
        return made

    def _judge_update(self, target: Target, live: Object, made: Object, options: WriteOptions, identity: Identity) -> None:
        """Before it is known whether anything changes, as in Kubernetes."""
        server = {field: live["metadata"][field] for field in ("uid", "resourceVersion") if field not in made["metadata"]}
        complete = {**made, "metadata": {**made["metadata"], **server}}
        if "status" in live and "status" not in made:
            complete["status"] = live["status"]
        write = Write("UPDATE", target.definition, identity, complete, live, target.subresource, options.dry, options.as_admitted())
        self._admission.must_comply(write)

    @staticmethod
    def _compare(definition: Definition, made: Object, live: Object) -> None:
        version = made["metadata"].get("resourceVersion")
        if version and version != live["metadata"]["resourceVersion"]:
            why = "the object has been modified; please apply your changes to the latest version and try again"
            raise conflict(definition, live["metadata"]["name"], why)


def _same(one: Object, other: Object) -> bool:
    """Alike but for what the server keeps."""
    server = ("managedFields", "resourceVersion", "uid")

    def content(object: Object) -> Object:
        return {**object, "metadata": {field: value for field, value in object["metadata"].items() if field not in server}}

    return content(one) == content(other)
