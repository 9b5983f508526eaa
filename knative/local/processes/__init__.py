"""Processes of containers and of the platform: start them, follow them to their end, limit them, connect them.

- `process`: a started process, its signals and its end; `procfs`: what /proc says about processes
- `launcher`: execute a program afresh, in a sandbox or without one
- `zygote` and `zygote_server`: fork the platform's own Python programs from a preloaded process
- `orphans`: reap adopted children
- `resource_limits` and `control_groups`: memory, processes and CPU
- `network`: a network namespace for each pod of a tenant

This package knows no Kubernetes object. `sandbox` plans what a container sees; `serving.pods` decides when a process
starts and ends.
"""
