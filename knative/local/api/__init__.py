"""The subset of the Kubernetes REST API that Capsule, `kubectl` and the `kubernetes` client use, over the store.

A request goes through: token (`knative.local.tokens`) → path (`target`) → roles (`knative.local.rbac`) → `reading` or `writing`, the latter through
`admission` (shape, defaults, immutability, rules of Knative, quotas). Clients get their answer once the write is on disk. Refusals are Status
objects (`status`). Unknown fields are always refused, whatever `fieldValidation` asks: nothing is dropped silently.
"""
