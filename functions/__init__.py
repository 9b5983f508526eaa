"""Capsule's functions: four bounded contexts, the words they are written in (kernel), what runs them (runtime) and the edge.

The package may be extended by further folders named `functions` on the path (the tests bring a context of their own in that way).
"""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)
