"""Collects log lines, requests and resource usage of pods, and publishes them as events: `logs.collected`, `requests.measured`, `resources.measured`.

Shared with the one-machine Knative, which feeds them itself:

- `log_buffer`: waiting lines, with a share for each namespace. `request_windows`, `resources`: measurements between two batches.
- `release_reports`: when a new release is reported although it has had no requests. `outgoing`: a batch until it is confirmed.

The agent on each node of a cluster, `python -m knative.collector` (`knative/components/collector`):

- `cri`: the format of container logs. `log_files`: rotated files of a container. `tailer`: reads the logs of all pods of the node.
- `pods`: the node's pods from the Kubernetes API. `queue_proxy`, `kubelet`: requests, CPU and memory.
- `state`: what a restart continues from. `agent`: the loop.

Invariants:

- A line or a measurement is in one batch. The batch, with its id, and the positions behind it are stored in one file before it is
  published, so a restart sends the same batch again, and receivers recognize it.
- Memory is bounded. A namespace that writes faster than its lines can be sent is not read further until they are; what it
  writes meanwhile waits in its log files. Behind a limit its oldest lines are skipped, and a line in its log says how many.
- Pods never wait for the collector.

Source of the log format: Kubernetes, design proposal "CRI: Log management for container stdout/stderr streams".
"""
