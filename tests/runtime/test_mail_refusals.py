"""What the replies of mail servers mean for an e-mail and for its address."""

import pytest

from functions.kernel import Permanent, Transient
from functions.runtime.email.refusals import AddressRefused, refusal_of_message, refusal_of_recipient


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (550, "5.1.1 The email account that you tried to reach does not exist", AddressRefused),
        (550, "5.2.1 The email account that you tried to reach is inactive", AddressRefused),
        (556, "5.1.10 Recipient address has null MX", AddressRefused),
        (550, "No such user here", AddressRefused),
        (550, "Requested action not taken: mailbox unavailable", Permanent),
        (550, "User unknown", AddressRefused),
        (550, "<ada@example.org>: Recipient does not exist", AddressRefused),
        (550, "relay not permitted", Permanent),
        (550, "Administrative prohibition", Permanent),
        (550, "Verification failed for <capsule@example.org>: No such user. Sender verify failed", Permanent),
        (553, "sorry, that domain isn't in my list of allowed rcpthosts", Permanent),
        (550, "5.7.1 Message rejected as spam", Permanent),
        (550, "5.1.8 Sender address rejected: Domain not found", Permanent),
        (552, "5.2.2 Mailbox full", Permanent),
        (554, "Transaction failed", Permanent),
        (450, "4.2.0 Greylisted, try again", Transient),
        (452, "4.2.2 The email account that you tried to reach is over quota", Transient),
    ],
)
def test_only_replies_about_the_address_suppress_it(code: int, text: str, kind: type[Exception]) -> None:
    error = refusal_of_recipient("mail.test", code, text)
    assert type(error) is kind and text in str(error)


@pytest.mark.parametrize(("code", "kind"), [(550, Permanent), (554, Permanent), (421, Transient), (451, Transient)])
def test_a_reply_to_the_message_says_nothing_about_the_address(code: int, kind: type[Exception]) -> None:
    assert type(refusal_of_message("mail.test", code, "5.1.1 odd")) is kind
