"""Kubernetes' Jobs on one machine: a pod that runs to its end, again if it failed, within limits of tries and time.

`decision` is the rule (pure), `reconciler` makes it so, `push` takes the image that a build left. Indexed completion, pod failure policies
and suspended resumption by schedule are left out.
"""

from knative.local.jobs.reconciler import Jobs

__all__ = ["Jobs"]
