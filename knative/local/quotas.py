"""ResourceQuotas: what a namespace may have, counted at creation. LimitRanges are stored and have no effect on one machine."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal

from knative.local.controller import Key
from knative.local.definitions import Definition, Definitions
from knative.local.objects import Object, kind_of
from knative.local.quantities import format_quantity, parse_quantity
from knative.local.store import Store

COMPUTE = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory", "cpu", "memory")
FINISHED = ("Succeeded", "Failed")


class QuotaExceeded(Exception):
    """A request exceeds a ResourceQuota of its namespace."""


class Quotas:
    def __init__(self, store: Store, definitions: Definitions) -> None:
        self._store = store
        self._definitions = definitions

    def admit(self, object: Object) -> None:
        """Check one more object against the quotas of its namespace. Raises QuotaExceeded."""
        definition, namespace = self._definitions.of(kind_of(object)), object["metadata"].get("namespace")
        if not namespace:
            return
        for quota in self._store.list("ResourceQuota", namespace):
            hard = quota.get("spec", {}).get("hard") or {}
            requests = {name: amount for name, amount in _requests(object, definition).items() if name in hard}
            used = self.used(namespace, requests)
            exceeded = [name for name, amount in requests.items() if used[name] + amount > parse_quantity(hard[name])]
            if exceeded:
                name = quota["metadata"]["name"]
                texts = (_format_amounts(exceeded, amounts) for amounts in (requests, used, hard))
                raise QuotaExceeded("exceeded quota: {}, requested: {}, used: {}, limited: {}".format(name, *texts))

    def used(self, namespace: str, names: Iterable[str]) -> dict[str, Decimal]:
        """Return what the objects of a namespace use of some quota names."""
        counted, total = set(names), dict.fromkeys(names, Decimal(0))
        for definition in self._definitions if counted else ():
            if counted & _quota_names(definition):
                for object in self._store.list(definition.key, namespace):
                    if definition.key == "Pod" and (object.get("status") or {}).get("phase") in FINISHED:
                        continue
                    for name, amount in _requests(object, definition).items():
                        if name in total:
                            total[name] += amount
        return total


class QuotaStatus:
    """The reconciler of ResourceQuotas: writes what is used to their status."""

    kind = "ResourceQuota"

    def __init__(self, store: Store, quotas: Quotas) -> None:
        self._store, self._quotas = store, quotas

    async def reconcile(self, object: Object) -> None:
        metadata, hard = object["metadata"], object.get("spec", {}).get("hard") or {}
        used = {name: format_quantity(amount) for name, amount in self._quotas.used(metadata["namespace"], hard).items()}
        self._store.set_status(self.kind, metadata["namespace"], metadata["name"], {"hard": hard, "used": used})

    async def on_deleted(self, object: Object) -> None:
        return None

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[Key]]]:
        return {"*": self._quotas_of_namespace}

    def _quotas_of_namespace(self, object: Object) -> Iterator[Key]:
        namespace = object["metadata"].get("namespace")
        if namespace and object["kind"] != self.kind:
            yield from (entry.key[1:] for entry in self._store.entries(self.kind, namespace))


def _format_amounts(names: Iterable[str], amounts: Mapping[str, Decimal | str | int]) -> str:
    return ",".join(f"{name}={format_quantity(parse_quantity(str(amounts[name])))}" for name in names)


def _quota_names(definition: Definition) -> set[str]:
    """Return the names under which a quota counts objects of a kind."""
    names = {f"count/{definition.resource}"}
    if not definition.group:
        names.add(definition.plural)
    return names | set(COMPUTE) if definition.key == "Pod" else names


def _requests(object: Object, definition: Definition) -> dict[str, Decimal]:
    """Return what an object counts for, by quota name."""
    requests = dict.fromkeys(_quota_names(definition), Decimal(1))
    if definition.key != "Pod":
        return requests
    for name in COMPUTE:
        section, _, resource = name.rpartition(".")
        amounts = [(each.get("resources") or {}).get(section or "requests", {}).get(resource, 0) for each in object["spec"]["containers"]]
        requests[name] = sum(map(parse_quantity, amounts), Decimal(0))
    return requests
