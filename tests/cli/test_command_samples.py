"""The reference at `/docs` shows a command for each operation: it exists, takes these words, and none is forgotten."""

import shlex
from pathlib import Path

import pytest

from functions.edge.gateway.command_samples import COMMANDS as SAMPLES
from functions.edge.gateway.routing import Table
from functions.runtime.config.registry import Registry
from tests.cli.test_help import COMMANDS, LEAVES

WITHOUT_COMMAND = frozenset(
    """
    auth_jwks auth_redeem_device_code auth_decide_device_authorization auth_find_device_authorization auth_receive_ses_notification
    auth_confirm_identity auth_refresh auth_login_second_factor auth_registration auth_identity_provider auth_identity_providers
    auth_begin_passkey_login auth_login_with_passkey auth_begin_provider_login auth_receive_authorization_response auth_finish_provider_login
    auth_finish_identity_link auth_begin_identity_link auth_begin_passkey_registration auth_register_passkey
    auth_registrations auth_resume_registration auth_mailbox auth_mailbox_email
    billing_handle_stripe_webhook
    monitor_function_logs monitor_function_logs_v1
    """.split()  # noqa: SIM905
)
"""For programs, for a browser, steps of a command that goes through a flow as a whole, or pages of the dashboard."""


def test_every_operation_has_a_command_or_is_listed() -> None:
    routes = Table(Registry.load().declarations).routes
    operations = {route.name.replace(".", "_") for route in routes if route.former is None}
    former = {f"{route.name.replace('.', '_')}_v1" for route in routes if route.former is not None}
    assert operations | former == (set(SAMPLES) - {"health"}) | WITHOUT_COMMAND
    assert not set(SAMPLES) & WITHOUT_COMMAND


@pytest.mark.parametrize("line", sorted(set(SAMPLES.values())))
def test_a_sample_is_a_valid_command_line(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("known_hosts").touch()
    words = shlex.split(line)[1:]
    path = next(tuple(words[:length]) for length in (3, 2, 1) if tuple(words[:length]) in LEAVES)
    COMMANDS[path].make_context(path[-1], words[len(path) :])
