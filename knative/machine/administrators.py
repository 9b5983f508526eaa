"""`admin`: name the administrators of this installation. The addresses are in the state folder; `up` passes them to auth."""

from rich.console import Console

from functions.auth.adapters.variables import ADMINISTRATORS
from functions.wire.settings import InvalidSetting
from knative.machine import keys
from knative.machine.cluster import Cluster, reachable
from knative.machine.home import Home
from knative.machine.problems import Problem

MANAGER = "capsule-admin"
"""Field manager of its own: the other settings in the Secret stay as the last `up` applied them."""


def add(home: Home, address: str, console: Console) -> None:
    """Name an administrator. Idempotent: naming one again changes nothing. Raises: Problem."""
    try:
        (administrator,) = ADMINISTRATORS.read({ADMINISTRATORS.name: address})
    except (InvalidSetting, ValueError) as error:
        raise Problem(f'"{address}" is not an e-mail address.', "Example: ./taskw admin you@example.com") from error
    home.create()
    known = keys.administrators(home)
    home.administrators.write_text("".join(f"{each}\n" for each in sorted(known | {administrator})))
    if reachable(home):
        Cluster(home).apply([keys.administrators_secret(home)], MANAGER)
    console.print(f"{administrator} {'is' if administrator in known else 'becomes'} an administrator.", highlight=False)
    console.print("It takes effect when the account signs in, up to two minutes from now: capsule login", markup=False, highlight=False)
