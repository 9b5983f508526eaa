"""Kubernetes Deployments on one machine: pods that run without requests, as many as `replicas` says, replaced when the template changes.

`decision` has the rules (pure), `reconciler` carries them out. There are no ReplicaSets: the pods belong to the Deployment. Not supported: probes (a
container is ready while it runs), `paused`, the subresource `scale`, and rolling back to an earlier template.
"""

from knative.local.deployments.reconciler import Deployments

__all__ = ["Deployments"]
