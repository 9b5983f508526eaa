"""Start a pod of a revision: its port, its sockets, the labels and variables that Knative gives it."""

import socket
from collections.abc import Callable, Mapping

from functions.runtime.config.variables import BIND, PORT
from knative.local.objects import Object
from knative.local.serving.pods import activation
from knative.local.serving.pods.pod import Pod
from knative.local.serving.pods.probes import free_port
from knative.local.serving.pods.registry import Pods, pod_spec
from knative.local.settings import LOOPBACK


class PortTaken(Exception):
    """A port of this machine cannot be opened."""


class PodStarter:
    """`host_port`: that the pods listen on themselves, with the socket that `open_port` returns. `is_activated`: pods inherit a socket of their
    own. `grace_seconds`: for the requests of a pod that ends."""

    def __init__(
        self, pods: Pods, host_port: int | None, open_port: Callable[[int], socket.socket | None], is_activated: bool, grace_seconds: float
    ) -> None:
        self._pods, self._host_port, self._open_port = pods, host_port, open_port
        self._is_activated, self._grace_seconds = is_activated, grace_seconds

    def start(
        self,
        revision: Object,
        on_change: Callable[[Pod], None],
        environment: Callable[[Object], Mapping[str, str]],
        serving_path: Callable[[], str | None],
    ) -> Pod:
        """`environment`: more variables, of the pod's object. Raises PortTaken."""
        networks = self._pods.node.pod_networks
        try:
            listening = self._open_port(self._host_port) if self._host_port is not None else None
            own_socket = activation.open_socket(networks) if listening is None and self._is_activated else None
        except OSError as error:
            raise PortTaken(f"Port {self._host_port or ''} of this machine cannot be opened: {error.strerror or error}.") from error
        inherited = listening or own_socket
        port = inherited.getsockname()[1] if inherited is not None else free_port(networks)
        metadata, name = revision["metadata"], revision["metadata"]["name"]
        labels = metadata.get("labels") or {}
        pod_labels = {"app": name, "serving.knative.dev/revision": name, "serving.knative.dev/revisionUID": metadata["uid"]}
        object = self._pods.create(revision, f"{name}-deployment", {"metadata": metadata, "spec": pod_spec(revision["spec"])}, pod_labels)
        env = {
            PORT.name: str(port), BIND.name: LOOPBACK, "K_REVISION": name,
            "K_SERVICE": labels.get("serving.knative.dev/service", ""), "K_CONFIGURATION": labels.get("serving.knative.dev/configuration", ""),
            **environment(object),
        }  # fmt: skip
        return self._pods.run(
            object, on_change, restarts_always=True, port=port, env=env, listening=inherited, owns_socket=own_socket is not None,
            grace_seconds=self._grace_seconds, serving_path=serving_path,
        )  # fmt: skip
