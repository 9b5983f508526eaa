"""Kubernetes Jobs on one machine: pods that run to completion, with retries and a deadline.

`decision` has the rules (pure), `reconciler` carries them out, `push` stores the image of a build. Indexed completion
and pod failure policies are not supported.
"""

from knative.local.jobs.reconciler import Jobs

__all__ = ["Jobs"]
