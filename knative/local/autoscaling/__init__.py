"""Autoscaling of Deployments on one machine, with the objects of a cluster: HorizontalPodAutoscaler, and KEDA's ScaledObject.

`decision` and `behavior` are the algorithm of Kubernetes (pure), `horizontal` carries it out every 15 s. `scaled_objects` does what KEDA does: it
reads `triggers`, starts the first instance and ends the last one, and leaves the numbers between to a HorizontalPodAutoscaler of its own.
`pod_usage` measures what pods use. Revisions with a metric of their own class (`serving/demand.py`) are decided by the same algorithm.

Not supported: metrics other than Resource and External, scaling anything but Deployments, and of KEDA all but the fields in
`definitions/autoscaling.yaml`.
"""
