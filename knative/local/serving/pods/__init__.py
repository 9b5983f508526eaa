"""Pods: containers as local processes, as a kubelet runs them.

- `registry`: create, find, evict and discard pods; `pod`: one pod from its creation to its end; `container_run`: one
  run of its container
- `state`: where a pod stands; `exit`: how a container ended; `status`: the Pod object's status (pure)
- `container`: what a container receives; `environment` and `volumes`: variables and files; `writable`: where it may
  write; `preparation`: before the start and after the end
- `network`: connections to pods; `health` and `probes`: readiness and liveness; `logs`: output
- `disk_limits` and `disk_measurement`: limits where the kernel has none; `usage`: CPU and memory used

Invariants: nothing of the platform's environment or descriptors is inherited by a container, and code of the platform
never follows a path inside a tenant's files.
"""
