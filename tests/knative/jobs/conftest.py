"""The same machine as for Services."""

from tests.knative.serving.conftest import machine, namespace, own_machine

__all__ = ["machine", "namespace", "own_machine"]
