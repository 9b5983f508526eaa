"""`./taskw cluster`: against the API of the one-machine Knative where objects are applied, and pure where a cluster is only read."""
