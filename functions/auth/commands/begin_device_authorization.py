"""Begin to sign in a device that has no browser.

The device shows the user code and the address (RFC 8628, section 3.3), and polls `POST /v1/device-authorizations/token`. Names of fields are those of
RFC 8628, section 3.2, in camelCase.
"""

from pydantic import Field

from functions.auth.domain.device_authorization import LIFETIME, DeviceAuthorization, show_user_code
from functions.auth.domain.session import Device
from functions.auth.domain.tokens import OpaqueToken
from functions.auth.ports import DashboardPages, DeviceAuthorizations
from functions.kernel import ANYONE, Client, Clock, Done, Model, command

DEVICE_PAGE = "/device"


class BeginDeviceAuthorization(Model):
    pass


class DeviceAuthorizationView(Model):
    device_code: str = Field(description="A secret of the device, for polling.")
    user_code: str = Field(examples=["WDJB-MJHT"], description="To show to the user, who enters it at the address.")
    verification_uri: str = Field(examples=["https://dashboard.example.com/device"])
    verification_uri_complete: str = Field(description="The same address with the code.")
    expires_in: int = Field(description="Seconds until both codes expire.", examples=[600])
    interval: int = Field(description="Seconds to wait between two polls.", examples=[5])


@command(http="POST /v1/device-authorizations", allow=ANYONE, has_secret_response=True, has_audit_entry=False)
async def begin_device_authorization(
    request: BeginDeviceAuthorization, authorizations: DeviceAuthorizations, pages: DashboardPages, client: Client, clock: Clock
) -> Done[DeviceAuthorizationView]:
    device_code = OpaqueToken.for_device()
    authorization = DeviceAuthorization.begin(Device.of(client), device_code, clock.now())
    await authorizations.add(authorization)
    user_code, address = show_user_code(authorization.user_code), pages.url(DEVICE_PAGE)
    return Done(
        DeviceAuthorizationView(
            device_code=device_code.text,
            user_code=user_code,
            verification_uri=address,
            verification_uri_complete=f"{address}?user_code={user_code}",
            expires_in=int(LIFETIME.total_seconds()),
            interval=authorization.interval_seconds,
        )
    )
