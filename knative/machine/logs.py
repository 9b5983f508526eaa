"""`logs [name] [-f]`: a server's log file, or the logs of a function's pods over the API; without a name, the names."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import urllib3
from kubernetes.client import ApiException
from rich.console import Console

from knative.machine import processes
from knative.machine.cluster import Cluster, reachable
from knative.machine.home import Home
from knative.machine.keys import NAMESPACE
from knative.machine.problems import Problem

SERVICE = "serving.knative.dev/service"


def logs(home: Home, name: str | None, follow: bool, lines: int, console: Console) -> None:
    files = {path.stem: path for path in sorted(home.log.glob("*.log"))} if home.log.exists() else {}
    if name is None:
        _names(home, files, console)
    elif name in files:
        for line in _file(files[name], follow, lines):
            print(line, flush=True)
    else:
        _pods(Cluster(home), name, follow, lines)


def _names(home: Home, files: dict[str, Path], console: Console) -> None:
    console.print("Servers: " + (", ".join(files) or "none was started yet"))
    if processes.running(home, "knative") and reachable(home):
        services = Cluster(home).find("serving.knative.dev/v1", "Service", NAMESPACE)
        console.print("Functions: " + ", ".join(sorted(service["metadata"]["name"] for service in services)))


def _file(path: Path, follow: bool, lines: int) -> Iterator[str]:
    with path.open(errors="replace") as file:
        yield from file.read().splitlines()[-lines:]
        while follow:
            line = file.readline()
            if line:
                yield line.rstrip("\n")
            else:
                time.sleep(0.2)


def _pods(cluster: Cluster, name: str, follow: bool, lines: int) -> None:
    """Each pod's lines; with -f also those of pods that come later, which is what a function at zero needs."""
    known: set[str] = set()
    first = True
    while first or follow:
        pods = cluster.find("v1", "Pod", NAMESPACE, f"{SERVICE}={name}") or cluster.find("v1", "Pod", NAMESPACE, f"job-name={name}")
        if first and not pods and not follow:
            if not any(service["metadata"]["name"] == name for service in cluster.find("serving.knative.dev/v1", "Service", NAMESPACE)):
                raise Problem(f"there is no function {name}", "./taskw logs lists the names")
            print(f"{name} is at zero: it has no process, so no log; -f waits for one", file=sys.stderr)
            return
        for pod in pods:
            pod_name = pod["metadata"]["name"]
            if pod_name not in known:
                known.add(pod_name)
                if follow:
                    Thread(target=_pod, args=(cluster, pod_name, True, lines), daemon=True).start()
                else:
                    _pod(cluster, pod_name, False, lines)
        first = False
        if follow:
            time.sleep(0.5)


def _pod(cluster: Cluster, pod: str, follow: bool, lines: int) -> None:
    try:
        answer = cluster.core.read_namespaced_pod_log(pod, NAMESPACE, follow=follow, tail_lines=lines, _preload_content=False)
        for line in answer:
            print(f"{pod}  {line.decode(errors='replace')}", end="", flush=True)
    except (ApiException, urllib3.exceptions.HTTPError) as error:
        print(f"{pod}  (no log: {getattr(error, 'reason', error)})", file=sys.stderr)
