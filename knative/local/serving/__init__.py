"""Knative Serving on one machine: Services whose revisions are local processes, from zero to max-scale and back, behind one ingress.

A Service becomes a Configuration and a Route (`services`), a Configuration an immutable Revision a change (`configurations`), a Route the
table by which the ingress finds revisions (`routes`, `routing`). A Revision is run by a `Scaler`: pods (`pods`) as many as its requests
need (`autoscaler`, pure), requests waiting while there is none (`scaler`). What a pod is given (environment, files) is worked out in
`container`, `environment` and `volumes`; `ingress` and `http` carry requests to it.
"""
