"""The `capsule` command: a client of the HTTP API for people and scripts.

It knows the API from `schemas/openapi.yaml` and imports nothing from the server's packages, so it can be installed without them.

Layers: `commands` (one file per topic) reads the input, calls the API and hands the answer to `render` (pure functions that return what Rich
prints). `client`, `tokens`, `credentials` and `session` do the I/O. `settings` and `failures` are pure.

Exit codes: 0 success · 1 failed (also a deployment that failed) · 2 usage or invalid input · 3 not signed in · 4 not found · 5 refused (quota,
permission, conflict) · 6 unavailable, try again · 130 interrupted.

Environment variables: `CAPSULE_API`, `CAPSULE_TOKEN`, `CAPSULE_APP`, `CAPSULE_ENVIRONMENT`, `CAPSULE_CONFIG` (see `settings`), `NO_COLOR`
(no-color.org) and `COLUMNS`.
"""
