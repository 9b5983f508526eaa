"""Import every declaration and wiring. For a parent process that forks functions: the children share its memory.

Importing is half of what a forked function does before its first answer. Modules that a wiring imports only when needed
(Stripe's and Kubernetes' clients, httpx) are left out: few functions need them and all would pay for them.
"""

import functions.runtime.serving.queue_consumer  # noqa: F401
from functions.runtime.config.registry import Registry, contexts, wiring_of

Registry.load()
for context in contexts():
    wiring_of(context)
