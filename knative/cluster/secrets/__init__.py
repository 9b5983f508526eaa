"""`secrets`: the Secrets and ConfigMaps that a cluster needs before its manifests are applied.

| Module | What |
|---|---|
| `inputs` | what the operator names: settings of docs/settings.md in a file and as arguments |
| `planned` | one object: its values and what becomes of each |
| `catalog` | all objects, from the overlay, the inputs and what exists |
| `databases` | addresses and logins of PostgreSQL where the overlay runs it (CloudNativePG) |
| `external` | the same as ExternalSecrets, for a store outside of the cluster |
| `rotation` | new keys and passwords while Capsule serves |
| `command` | reads, plans, prints, applies |

Invariants: an existing value stays unless `--replace` or `--rotate` names it. Public parts follow from private ones. The cluster holds the only copy:
nothing is written on the operator's machine.
"""
