"""The account of the servers of data services."""

import os
import pwd

ACCOUNT = "capsule-services"
"""When root runs the platform. `up` creates it."""


def server_account() -> pwd.struct_passwd | None:
    """None when the platform does not run as root. Raises KeyError when `up` has not created it."""
    return pwd.getpwnam(ACCOUNT) if os.geteuid() == 0 else None
