"""Knative Serving on one machine. `assembly` connects its parts; other packages import the modules that they need, and not everything with them."""
