"""Autoscaling of Deployments on one machine, with the objects of a cluster: HorizontalPodAutoscaler, and KEDA's ScaledObject.

`decision` and `behavior` are the algorithm of Kubernetes (pure), `horizontal` carries it out every 15 s. `scaled_objects` does what KEDA does: it
reads `triggers`, starts the first instance and ends the last one, and leaves the numbers between to a HorizontalPodAutoscaler of its own.
`pod_usage` measures what pods use.

Not supported: metrics other than Resource and External, scaling anything but Deployments, and of KEDA all but the fields in
`definitions/autoscaling.yaml`.
"""

from knative.local.autoscaling.horizontal import HorizontalPodAutoscalers
from knative.local.autoscaling.pod_usage import PodUsage
from knative.local.autoscaling.scaled_objects import ScaledObjects
from knative.local.autoscaling.triggers import Triggers

__all__ = ["HorizontalPodAutoscalers", "PodUsage", "ScaledObjects", "Triggers"]
