"""Imported by a parent that forks functions (knative/local's zygote): every declaration and every wiring, so that a child finds its own there.

It is half of what a forked child would do before its first answer. The gateway, which runs all the time and knows every declaration, shares this
memory with the parent instead of having it twice. What a wiring imports only when it is needed (Stripe's
client, Kubernetes' client, httpx) is not here: few need it, and all would pay for it.
"""

from functions.runtime.config.registry import Registry, contexts, wiring_of

Registry.load()
for context in contexts():
    wiring_of(context)
