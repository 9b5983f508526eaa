"""What a namespace may hold: ResourceQuotas counted at creation, LimitRanges filled into pods and checked.

Clients' writes pass here through the API; the makers of pods (Jobs, Services) call `admit_pod` themselves before they create one.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from knative.local.controller import Key
from knative.local.definitions import Definition, Definitions
from knative.local.objects import Object, kind_of
from knative.local.store import Store

SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal("1e3"), "M": Decimal("1e6"), "G": Decimal("1e9"),
    "T": Decimal("1e12"), "P": Decimal("1e15"), "E": Decimal("1e18"),
    "Ki": Decimal(1 << 10), "Mi": Decimal(1 << 20), "Gi": Decimal(1 << 30), "Ti": Decimal(1 << 40), "Pi": Decimal(1 << 50), "Ei": Decimal(1 << 60),
}  # fmt: skip
COMPUTE = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory", "cpu", "memory")
FINISHED = ("Succeeded", "Failed")


class Exceeded(Exception):
    """What is asked for is more than the namespace may have."""


def quantity(text: str | int) -> Decimal:
    """`500m`, `128Mi`, `1e3`, `2`."""
    word = str(text)
    for length in (2, 1):
        if word[-length:] in SUFFIXES:
            return Decimal(word[:-length]) * SUFFIXES[word[-length:]]
    return Decimal(word)


def written(amount: Decimal) -> str:
    return str(int(amount)) if amount == amount.to_integral_value() else f"{int(amount * 1000)}m"


class Quotas:
    def __init__(self, store: Store, definitions: Definitions) -> None:
        self._store = store
        self._definitions = definitions

    def admit(self, object: Object) -> None:
        """Raises Exceeded when one more object like this is too much for its namespace."""
        definition, namespace = self._definitions.of(kind_of(object)), object["metadata"].get("namespace")
        if not namespace:
            return
        for quota in self._store.list("ResourceQuota", namespace):
            hard = quota.get("spec", {}).get("hard") or {}
            asked = {name: amount for name, amount in _asked(object, definition).items() if name in hard}
            used = self.used(namespace, asked)
            over = [name for name, amount in asked.items() if used[name] + amount > quantity(hard[name])]
            if over:
                requested, taken, limited = (_words(over, amounts) for amounts in (asked, used, hard))
                raise Exceeded(f"exceeded quota: {quota['metadata']['name']}, requested: {requested}, used: {taken}, limited: {limited}")

    def admit_pod(self, pod: Object) -> Object:
        """The pod with the defaults of its namespace's LimitRanges; raises Exceeded as a quota or a maximum says."""
        for limits in self._store.list("LimitRange", pod["metadata"]["namespace"]):
            for limit in limits["spec"]["limits"]:
                for container in pod["spec"]["containers"] if limit["type"] == "Container" else ():
                    resources = container.setdefault("resources", {})
                    resources["limits"] = {**(limit.get("default") or {}), **(resources.get("limits") or {})}
                    requests = {**resources["limits"], **(limit.get("defaultRequest") or {})}
                    resources["requests"] = {**requests, **(resources.get("requests") or {})}
                    for name, highest in (limit.get("max") or {}).items():
                        if quantity(resources["limits"].get(name, highest)) > quantity(highest):
                            raise Exceeded(f"maximum {name} usage per Container is {highest}, but limit is {resources['limits'][name]}")
        self.admit(pod)
        return pod

    def used(self, namespace: str, names: Iterable[str]) -> dict[str, Decimal]:
        wanted, total = set(names), dict.fromkeys(names, Decimal(0))
        for definition in self._definitions if wanted else ():
            if wanted & _names(definition):
                for object in self._store.list(definition.key, namespace):
                    if definition.key == "Pod" and (object.get("status") or {}).get("phase") in FINISHED:
                        continue
                    for name, amount in _asked(object, definition).items():
                        if name in total:
                            total[name] += amount
        return total


class QuotaStatus:
    """Shows in a ResourceQuota's status what is used of it."""

    kind = "ResourceQuota"

    def __init__(self, store: Store, quotas: Quotas) -> None:
        self._store, self._quotas = store, quotas

    async def reconcile(self, object: Object) -> None:
        metadata, hard = object["metadata"], object.get("spec", {}).get("hard") or {}
        used = {name: written(amount) for name, amount in self._quotas.used(metadata["namespace"], hard).items()}
        self._store.set_status(self.kind, metadata["namespace"], metadata["name"], {"hard": hard, "used": used})

    async def on_deleted(self, object: Object) -> None:
        return None

    def watches(self) -> Mapping[str, "_Concerned"]:
        return {"*": _Concerned(self._store)}


class _Concerned:
    """The quotas of the namespace in which something changed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, object: Object) -> Iterator[Key]:
        namespace = object["metadata"].get("namespace")
        if namespace and object["kind"] != QuotaStatus.kind:
            yield from (entry.key[1:] for entry in self._store.entries(QuotaStatus.kind, namespace))


def _words(names: Iterable[str], amounts: Mapping[str, Decimal | str | int]) -> str:
    return ",".join(f"{name}={written(quantity(str(amounts[name])))}" for name in names)


def _names(definition: Definition) -> set[str]:
    names = {f"count/{definition.resource}"}
    if not definition.group:
        names.add(definition.plural)
    return names | set(COMPUTE) if definition.key == "Pod" else names


def _asked(object: Object, definition: Definition) -> dict[str, Decimal]:
    asked = dict.fromkeys(_names(definition), Decimal(1))
    if definition.key != "Pod":
        return asked
    for name in COMPUTE:
        sort, _, resource = name.rpartition(".")
        amounts = [(each.get("resources") or {}).get(sort or "requests", {}).get(resource, 0) for each in object["spec"]["containers"]]
        asked[name] = sum(map(quantity, amounts), Decimal(0))
    return asked
