"""Init containers: each runs once and to its end before the next, and all before the pod's own container (Kubernetes, "Init Containers")."""

from collections.abc import Awaitable, Callable

from knative.local.serving.pods.container import ContainerSetup
from knative.local.serving.pods.exit import Exit
from knative.local.serving.pods.state import Initialization


async def run_init_containers(setup: ContainerSetup, state: Initialization, run: Callable[[], Awaitable[Exit | None]]) -> None:
    """Run them until one fails or `run` returns None, and record their exits.

    `run`: runs the container that `setup` has at present.
    """
    for container in setup.init_containers:
        setup.use(container)
        state.current = container["name"]
        exit = await run()
        if exit is None:
            return
        state.exits[container["name"]] = exit
        if exit.code:
            return
    if setup.init_containers:
        setup.use(setup.own_container)
    state.current = None
