"""A function process that is killed after Stripe has made a charge and before the outcome is recorded."""

import os
import signal
import sys
from typing import Any

from functions.billing.adapters.stripe import StripeProvider
from functions.runtime.serving import serve

charge = StripeProvider.charge


async def charge_and_be_killed(self: StripeProvider, *args: Any) -> Any:
    await charge(self, *args)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    StripeProvider.charge = charge_and_be_killed  # type: ignore[method-assign]
    sys.exit(serve.run())
