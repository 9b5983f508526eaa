"""`check --probe`: a Job in the cluster, with the platform's image and the Secrets of the databases, that logs in to each. It is deleted at the end.

It shows what cannot be seen from outside: whether nodes can pull the image, and whether pods reach databases by the names in the Secrets.
"""

import json
import time
from collections.abc import Iterator

from rich.console import Console

from knative.cluster.checks.databases import Address, addresses
from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Overlay
from knative.cluster.readiness import HOPELESS, pods_of, reason_of_pods
from knative.cluster.secrets.command import read
from knative.machine.doctor.finding import Finding, Level
from knative.machine.installation_objects import NAMESPACE, Object

NAME = "capsule-probe"
TIMEOUT_SECONDS = 120
PULL_SECONDS = 60
"""How long an image that cannot be pulled is waited for."""
PROGRAM = """
import json, os, psycopg
found = []
for name in sorted(os.environ):
    if name.startswith("PROBE_"):
        title = os.environ["TITLE_" + name[6:]]
        try:
            with psycopg.connect(os.environ[name], connect_timeout=5) as connection:
                found.append({"title": title, "version": connection.info.server_version})
        except psycopg.Error as error:
            found.append({"title": title, "error": str(error).strip().splitlines()[0]})
open("/dev/termination-log", "w").write(json.dumps(found)[:4000])
"""


def run(cluster: ClusterApi, overlay: Overlay, console: Console, *, as_json: bool = False) -> bool:
    """Run the Job, print what it found, and return whether nothing must be mended."""
    found = list(findings(cluster, overlay))
    if as_json:
        console.print(json.dumps([each.document() for each in found], indent=1), markup=False, soft_wrap=True)
    else:
        for each in found:
            for line in each.lines():
                console.print(line, soft_wrap=True)
    return all(each.level is not Level.FAULT for each in found)


def findings(cluster: ClusterApi, overlay: Overlay) -> Iterator[Finding]:
    existing, _ = read(cluster)
    logins = addresses(existing)
    if not logins:
        yield Finding("probe", Level.FAULT, "no Secret names a database", "./taskw cluster secrets --file FILE --apply")
        return
    job = probe_job(overlay, logins)
    cluster.delete(job)
    cluster.apply([job], NAME)
    try:
        yield from outcome_findings(_wait(cluster, job))
    finally:
        cluster.delete(job, "Background")


def probe_job(overlay: Overlay, logins: list[Address]) -> Object:
    """The Job. With `components/encrypted`, its pod has the same authorities and variables as a migration."""
    env = []
    for number, login in enumerate(logins):
        name, _, key = login.title.partition("/")
        env += [
            {"name": f"PROBE_{number}", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}},
            {"name": f"TITLE_{number}", "value": login.title},
        ]
    migration = next((each for each in overlay.of_kind("Job") if each["metadata"]["name"].endswith("-migration")), None)
    like = migration["spec"]["template"]["spec"] if migration else {}
    container = {
        "name": "probe",
        "image": overlay.image,
        "command": ["python", "-c", PROGRAM],
        "env": env,
        **{name: like["containers"][0][name] for name in ("envFrom", "volumeMounts") if like and name in like["containers"][0]},
        "resources": {"requests": {"cpu": "25m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    pod = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container]}
    labels = {"app.kubernetes.io/part-of": "capsule", "app.kubernetes.io/name": NAME}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": TIMEOUT_SECONDS,
            "ttlSecondsAfterFinished": 300,
            "template": {"metadata": {"labels": labels}, "spec": {**pod, **({"volumes": like["volumes"]} if "volumes" in like else {})}},
        },
    }


def outcome_findings(outcome: list[Object] | str) -> Iterator[Finding]:
    """`outcome`: what the Job found, or why it did not run."""
    if isinstance(outcome, str):
        yield Finding("probe", Level.FAULT, f"the Job did not run: {outcome}", "Can the nodes pull the image? docs/cluster.md, The image")
        return
    for each in outcome:
        if "error" in each:
            yield Finding("probe", Level.FAULT, f"{each['title']}: {each['error']}", "docs/cluster.md, Databases")
        else:
            yield Finding("probe", Level.GOOD, f"{each['title']}: PostgreSQL {each['version'] // 10_000} accepts the login from inside")


def _wait(cluster: ClusterApi, job: Object) -> list[Object] | str:
    started_at = time.monotonic()
    while (elapsed := time.monotonic() - started_at) < TIMEOUT_SECONDS:
        pods = pods_of(cluster, job)
        for pod in pods:
            for container in (pod.get("status") or {}).get("containerStatuses") or ():
                ended = (container.get("state") or {}).get("terminated")
                if ended and ended.get("exitCode") == 0:
                    return list(json.loads(ended.get("message") or "[]"))
        reason = reason_of_pods(pods)
        if reason and (elapsed > PULL_SECONDS or not any(word in reason for word in HOPELESS)):
            return reason
        time.sleep(0.5)
    return f"it has not ended after {TIMEOUT_SECONDS} s"
