"""Where Capsule's objects live: manifests (base, overlays), the image, and the one-machine Knative that takes the same manifests as a cluster."""
