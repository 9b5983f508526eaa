"""The subset of the Kubernetes REST API that Capsule, `kubectl` and the `kubernetes` client use, over the store.

A request passes: token (`knative.local.tokens`) → path (`target`) → roles (`knative.local.rbac`) → `reading` or
`writing`. Writes pass `admission` (schema, defaults, immutability, Knative's rules, quotas, policies) and are answered
once they are on disk. Errors are Status objects (`status`). Unknown fields are always refused, whatever
`fieldValidation` says: nothing is dropped silently.
"""
