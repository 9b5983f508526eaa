"""Sign in by a code that is confirmed in a browser (RFC 8628): print it, and poll until the user has decided."""

import time
from collections.abc import Callable

from cli.client import Client, Json
from cli.failures import ApiError, ExitCode, Failure
from cli.output import Output

PENDING, SLOW_DOWN, DENIED, EXPIRED = "authorization_pending", "slow_down", "access_denied", "expired_token"
SLOWER_SECONDS = 5
"""RFC 8628, section 3.5: `slow_down` adds this to the interval."""
AGAIN = "capsule login --device"


class DeviceLogin:
    def __init__(
        self, client: Client, output: Output, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._output = output
        self._sleep = sleep
        self._clock = clock

    def run(self) -> Json:
        """Return the session after the user has confirmed it.

        Raises:
            Failure: the user denied the sign-in, or the code expired.
        """
        begun = self._client.post("/v1/device-authorizations")
        self._output.instruct(f"Open {begun['verificationUri']} and enter the code {begun['userCode']}")
        self._output.instruct(f"or open {begun['verificationUriComplete']}")
        ends_at = self._clock() + float(begun["expiresIn"])
        interval = float(begun["interval"])
        with self._output.progress("waiting for the confirmation in the browser"):
            while True:
                self._sleep(interval)
                try:
                    return self._client.post("/v1/device-authorizations/token", {"deviceCode": begun["deviceCode"]})
                except ApiError as error:
                    interval = self._next_interval(error, interval)
                if self._clock() >= ends_at:
                    raise _expired()

    @staticmethod
    def _next_interval(error: ApiError, interval: float) -> float:
        match error.problem.get("error"):
            case code if code == PENDING:
                return interval
            case code if code == SLOW_DOWN:
                return interval + SLOWER_SECONDS
            case code if code == DENIED:
                raise Failure("The sign-in was denied in the browser", hint=AGAIN, exit_code=ExitCode.REFUSED)
            case code if code == EXPIRED:
                raise _expired()
        raise error


def _expired() -> Failure:
    return Failure("The code has expired", "nobody has confirmed it", hint=AGAIN)
