"""The `capsule` command: what a developer does, from a terminal or a script, through the HTTP API and nothing else.

It knows the API by schemas/openapi.yaml and imports nothing of the functions: it is a client like any other, and may be installed without them.
`render`, `settings` and `failures` are pure; `client`, `credentials` and `session` do the I/O; one file of `commands` is one topic.

Exit codes: 0 done · 1 it failed (a deployment that ended badly too) · 2 wrong usage or input · 3 not signed in · 4 no such thing · 5 refused
(quota, permission, conflict) · 6 not available right now · 130 interrupted.
"""
