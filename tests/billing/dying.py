"""A function process that is killed, as by the kernel, when Stripe has taken the charge and before anything is written of it."""

import os
import signal
import sys
from typing import Any

from functions.billing.adapters.stripe import StripeProvider
from functions.runtime.serving import serve

charge = StripeProvider.charge


async def charge_and_die(self: StripeProvider, *args: Any) -> Any:
    await charge(self, *args)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    StripeProvider.charge = charge_and_die  # type: ignore[method-assign]
    sys.exit(serve.run())
