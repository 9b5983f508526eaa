"""Attaching to a container: a terminal and pipes, with the official client of the Kubernetes API."""

from typing import Any

from kubernetes import client
from kubernetes.stream import stream

from tests.knative.conformance.cluster import Cluster, until


def attached(cluster: Cluster, name: str, **container: Any) -> Any:
    """Run a Job, attach to its container as soon as it runs, and return the connection."""
    core, batch = client.CoreV1Api(cluster.api.api_client), client.BatchV1Api(cluster.api.api_client)
    containers = [{"name": "run", "image": cluster.image, "stdin": True, **container}]
    template = {"spec": {"restartPolicy": "Never", "containers": containers}}
    spec = {"backoffLimit": 0, "ttlSecondsAfterFinished": 60, "activeDeadlineSeconds": 120, "template": template}
    batch.create_namespaced_job(cluster.namespace, {"metadata": {"name": f"{cluster.name}-{name}"}, "spec": spec})

    def running() -> str | None:
        pods = core.list_namespaced_pod(cluster.namespace, label_selector=f"job-name={cluster.name}-{name}").items
        return pods[0].metadata.name if pods and pods[0].status and pods[0].status.phase == "Running" else None

    pod = until(running, failure=f"{name} does not run")
    # `stream` replaces a method of the client's own ApiClient, so it gets one of its own
    own = client.CoreV1Api(client.ApiClient(cluster.api.api_client.configuration))
    options = {"stdin": True, "stdout": True, "stderr": not container.get("tty"), "tty": bool(container.get("tty"))}
    return stream(own.connect_get_namespaced_pod_attach, pod, cluster.namespace, _preload_content=False, binary=True, **options)


def read_until(connection: Any, text: bytes) -> bytes:
    output = bytearray()

    def look() -> bool:
        output.extend(connection.read_stdout(timeout=0.05))
        return text in output

    until(look, failure=f"{text!r} was not output")
    return bytes(output)


def test_a_terminal_echoes_has_a_size_and_passes_control_c_on(cluster: Cluster) -> None:
    script = "read start; stty size; trap 'echo interrupted; exit 0' INT; while :; do sleep 0.05; done"
    connection = attached(cluster, "terminal", command=["sh", "-c", script], tty=True)
    connection.write_channel(4, b'{"Width":100,"Height":30}')
    connection.write_stdin(b"go\n")
    assert read_until(connection, b"30 100\r\n").startswith(b"go\r\n")
    connection.write_stdin(b"\x03")
    read_until(connection, b"interrupted\r\n")
    connection.run_forever(timeout=30)
    assert not connection.is_open() and b"Success" in connection.read_channel(3)


def test_the_end_of_the_input_reaches_a_pipe(cluster: Cluster) -> None:
    script = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data[::-1])"
    connection = attached(cluster, "pipes", command=["python", "-c", script], stdinOnce=True)
    assert connection.subprotocol == "v5.channel.k8s.io"
    connection.write_stdin(b"abc\x00\xff" * 1000)
    connection.close_channel(0)
    assert read_until(connection, b"\xff\x00cba" * 1000) == b"\xff\x00cba" * 1000
