"""Runs the one pod of each StatefulSet, as Kubernetes' controller and kubelet do: its command, its mounted files, its volume, status.

A container has paths of its own; here the paths of its mounts are replaced, in the command and in the files, by folders of the test. Ports too:
every pod has an address on a cluster.
"""

import base64
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.operators.watching import Controller, Object
from tests.waiting import wait_limit


@dataclass
class Pod:
    folder: Path
    port: int
    version: str = ""
    process: "subprocess.Popen[bytes] | None" = None
    starts: int = 0
    mounts: dict[str, Path] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(wait_limit(15))


class StatefulSets(Controller):
    path = "/apis/apps/v1/statefulsets"

    def __init__(self, http: Any) -> None:
        super().__init__(http)
        self._pods: dict[str, Pod] = {}
        self._namespaces: dict[str, str] = {}

    def pod(self, namespace: str) -> Pod | None:
        return self._pods.get(self._namespaces.get(namespace, ""))

    def port_of(self, namespace: str) -> int:
        pod = self.pod(namespace)
        return pod.port if pod else 1

    def known(self) -> set[str]:
        return set(self._pods)

    def reconcile(self, object: Object) -> None:
        uid, namespace = object["metadata"]["uid"], object["metadata"]["namespace"]
        if uid not in self._pods:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            self._pods[uid] = Pod(Path(tempfile.mkdtemp(prefix="capsule-stateful-", dir="/tmp")), port)
            self._namespaces[namespace] = uid
        pod, template = self._pods[uid], object["spec"]["template"]
        version = str(sorted(template["metadata"]["annotations"].items()))
        if pod.version != version:
            pod.stop()
        if pod.process is None or pod.process.poll() is not None:
            self._start(object, pod, template["spec"])
            pod.version = version
        generation, ready = object["metadata"]["generation"], int(pod.listens())
        status = {"observedGeneration": generation, "replicas": 1, "readyReplicas": ready, "currentRevision": version, "updateRevision": version}
        self.set_status(object, status)

    def remove(self, uid: str) -> None:
        pod = self._pods.pop(uid)
        pod.stop()
        shutil.rmtree(pod.folder)

    def _start(self, object: Object, pod: Pod, spec: Object) -> None:
        (container,) = spec["containers"]
        (port,) = container["ports"]
        paths = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        folders = {name: pod.folder / name for name in paths}
        for folder in folders.values():
            folder.mkdir(exist_ok=True)

        def local(text: str) -> str:
            for name, path in paths.items():
                text = text.replace(path, str(folders[name]))
            return text.replace(f"port {port['containerPort']}\n", f"port {pod.port}\n").replace("bind * -::*", "bind 127.0.0.1")

        for volume in spec["volumes"]:
            if "configMap" in volume:
                content = self.read(object, "configmaps", volume["configMap"]["name"])["data"]
            else:
                stored = self.read(object, "secrets", volume["secret"]["secretName"])["data"]
                content = {name: base64.b64decode(value).decode() for name, value in stored.items()}
            for name, text in content.items():
                (folders[volume["name"]] / name).write_text(local(text))
        with pod.log.open("ab") as log:
            pod.process = subprocess.Popen(list(map(local, container["command"])), stdout=log, stderr=log, env={"PATH": os.environ["PATH"]})
        pod.starts += 1
