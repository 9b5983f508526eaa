"""`./taskw cluster`: an operator's commands for Capsule on a Knative cluster. The guide is docs/cluster.md.

| Command | Module | Changes |
|---|---|---|
| `check` | `checks` | nothing; with `--probe`, a Job for some seconds |
| `secrets` | `secrets` | Secrets and ConfigMaps of the namespace, with `--apply` or `--rotate` |
| `diff` | `differences` | nothing: a dry run of server-side apply |
| `apply` | `rollout` | everything that the overlay declares, in stages |
| `smoke` | `smoke` | an account and an application, deleted at the end |
| `rollback` | `rollback` | the objects of an earlier release |

Invariants: the cluster is the only state, so any machine with the kubeconfig continues where another one stopped; each command can be repeated; no
value of a Secret is printed unless `--print` or `--values` requests it; what Capsule did not make is never deleted.

Not here: functions and their manifests (`functions.describe`, `knative/base`), one machine (`knative.machine`), applications (the deploy context).
"""
