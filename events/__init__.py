"""The facts that contexts share: a context knows the others only by these. One module for each context that states them, and `cluster` for
what the cluster itself reports."""
