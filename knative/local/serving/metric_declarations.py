"""The metrics of the one-machine Knative's `GET /metrics`."""

from functions.wire.metrics import Endpoint, Label, Metric, Type

LABELS = ("namespace", "service")

PODS = Metric("capsule_knative_pods", Type.GAUGE, "pods", "Pods.", LABELS)
READY_PODS = Metric("capsule_knative_ready_pods", Type.GAUGE, "pods", "Pods that are ready.", LABELS)
DESIRED_PODS = Metric("capsule_knative_desired_pods", Type.GAUGE, "pods", "Pods that the load needs.", LABELS)
IN_FLIGHT = Metric("capsule_knative_requests_in_flight", Type.GAUGE, "requests", "Requests and messages in pods.", LABELS)
WAITING = Metric("capsule_knative_requests_waiting", Type.GAUGE, "requests", "Requests that wait for a pod.", LABELS)
COLD_STARTS = Metric("capsule_knative_cold_starts", Type.COUNTER, "starts", "Starts from no pod.", LABELS)
COLD_START_SECONDS = Metric("capsule_knative_cold_start_seconds", Type.SUMMARY, "seconds", "From no pod to the first ready one.", LABELS)

ENDPOINT = Endpoint(
    "One-machine Knative",
    "`GET /metrics` of its API server, at `https://127.0.0.1:7030` with the administrator's token, as a cluster's API server has its own there: "
    "`kubectl --kubeconfig .capsule/kubeconfig get --raw /metrics`. It also has `process_*`. On a cluster, Knative has its own metrics.",
    (PODS, READY_PODS, DESIRED_PODS, IN_FLIGHT, WAITING, COLD_STARTS, COLD_START_SECONDS),
    (
        Label("namespace", "The namespace of the Service: `capsule` for functions, that of the application for others."),
        Label("service", "The Service, all its revisions together."),
    ),
)
