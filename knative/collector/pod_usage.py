"""The resource usage of this node's pods between two samples, as the sampler takes it (pure)."""

from collections.abc import Iterator, Mapping, Sequence

from knative.collector.kubelet import ContainerUsage, PodCounter, PodName, PodUsed
from knative.collector.resources import Object


class PodUsage:
    """`counters`: pod's uid → its counter, from the last run. `baseline_before`: pods that were created earlier, and are in no counter,
    are counted from their first sample on; empty: from their start."""

    def __init__(self, counters: Mapping[str, PodCounter], baseline_before: str = "") -> None:
        self.counters = dict(counters)
        self._baseline_before = baseline_before

    def update(self, pods: Sequence[Object], usage: Mapping[PodName, Mapping[str, ContainerUsage]]) -> Iterator[tuple[Object, PodUsed]]:
        """Yield the pods that the kubelet has measured. Forgets those that are gone."""
        uids = {pod["metadata"]["uid"] for pod in pods}
        self.counters = {uid: counter for uid, counter in self.counters.items() if uid in uids}
        for pod in pods:
            metadata = pod["metadata"]
            measured = usage.get((metadata["namespace"], metadata["name"]))
            if not measured:
                continue
            counter = self.counters.get(metadata["uid"])
            if counter is None:
                counter = self.counters[metadata["uid"]] = PodCounter()
                if metadata.get("creationTimestamp", "") < self._baseline_before:
                    counter.skip(measured)
            yield pod, counter.add(measured)
