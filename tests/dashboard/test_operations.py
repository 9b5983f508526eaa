"""The pages of administrators: users, functions, dead letters, registrations, the billing of everybody."""

import re

import pytest

from functions.edge.dashboard.pages.customers import minor_units
from functions.monitor.ports import Queues
from tests.dashboard.browser import PASSWORD, Browser, text_of
from tests.dashboard.furnished import BOB, furnish_operations

PAGES = ("", "/functions", "/queues", "/dead-letters", "/registrations", "/logs", "/users", "/customers", "/invoices", "/payments")
EVE = "eve@example.org"


@pytest.fixture
async def root() -> Browser:
    root = await Browser().become_an_administrator("root@example.org")
    root.tokens.is_recent = True
    return root


async def test_every_page_opens_for_an_administrator_and_for_nobody_else(root: Browser) -> None:
    bob = await Browser(root.capsule, tokens=root.tokens).become_a_user(BOB)
    for page in PAGES:
        assert (await root.open(f"/operations{page}")).status_code == 200, page
        refused = await bob.open(f"/operations{page}")
        assert refused.status_code == 403 and "root@example.org" not in refused.text, page
    assert 'href="/operations"' in (await root.open("/")).text and 'href="/operations"' not in (await bob.open("/")).text
    user = bob.caller().user_id
    for form in (f"users/{user}/suspension", f"users/{user}/lock/end", "dead-letters/auth", f"registrations/{user}/resumption"):
        assert (await bob.send(f"/operations/{form}", reason="x", action="discard", function="x", error="x")).status_code == 403, form


async def test_a_user_is_found_suspended_and_let_in_again(root: Browser) -> None:
    bob = await Browser(root.capsule, tokens=root.tokens).become_a_user(BOB)
    await Browser(root.capsule).become_a_user(EVE)
    found = await root.open("/operations/users?search=bob")
    assert BOB in found.text and EVE not in found.text
    path = f"/operations/users/{bob.caller().user_id}"
    assert path in found.text
    root.tokens.is_recent = False
    refused = await root.send(f"{path}/suspension", reason="Abuse reports.")
    assert refused.status_code == 403 and f'name="next" value="{path}"' in refused.text
    root.tokens.is_recent = True
    assert (await root.send(f"{path}/suspension", reason="Abuse <reports>.")).headers["location"] == f"{path}?done=user-suspended"
    assert "Abuse &lt;reports&gt;." in (await root.open(path)).text
    assert BOB in (await root.open("/operations/users?suspended=true")).text and EVE not in (await root.open("/operations/users?suspended=true")).text
    refused = await Browser(root.capsule).send("/sign-in", email=BOB, password=PASSWORD)
    assert refused.status_code == 403 and "Abuse" in text_of(refused)
    assert (await root.send(f"{path}/suspension/end")).headers["location"] == f"{path}?done=user-unsuspended"
    await Browser(root.capsule).sign_in(BOB)


async def test_an_administrator_does_not_suspend_themselves(root: Browser) -> None:
    refused = await root.send(f"/operations/users/{root.caller().user_id}/suspension", reason="By mistake.")
    assert refused.status_code == 409 and 'value="By mistake."' in refused.text


async def test_a_locked_user_is_unlocked(root: Browser) -> None:
    bob = await Browser(root.capsule, tokens=root.tokens).become_a_user(BOB)
    visitor = Browser(root.capsule)
    for _ in range(12):
        await visitor.send("/sign-in", email=BOB, password="wrong")
    path = f"/operations/users/{bob.caller().user_id}"
    assert "locked" in text_of(await root.open(path))
    assert (await root.send(f"{path}/lock/end")).headers["location"] == f"{path}?done=user-unlocked"
    assert "Unlock" not in (await root.open(path)).text
    await Browser(root.capsule).sign_in(BOB)


async def test_functions_with_trouble_come_first_and_lead_to_their_log(root: Browser) -> None:
    await furnish_operations(root)
    page = await root.open("/operations/functions")
    names = re.findall(r'href="/operations/logs\?function=([\w.]+)"', page.text)
    assert names[0] == "deploy.on_build_succeeded" and set(names) >= {"auth.register", "billing.rate"}
    assert re.findall(r'logs\?function=([\w.]+)"', (await root.open("/operations/functions?context=billing")).text) == ["billing.rate"]
    log = await root.open("/operations/logs?function=deploy.on_build_succeeded&search=refused")
    assert "connection refused" in log.text and "the build failed" not in log.text
    assert (await root.open("/operations/logs?fields=nonsense")).status_code == 422


async def test_the_first_page_shows_what_needs_attention(root: Browser) -> None:
    await furnish_operations(root)
    page = await root.open("/operations")
    text = text_of(page)
    assert "healthy" in text and "auth works" in text and "1.5 ms" in text
    assert "Payments are off: CAPSULE_STRIPE_API_KEY is not set." in text
    assert 'href="/operations/dead-letters"><strong class="bad">3' in page.text, "the open letters of billing"
    assert "deploy.on_build_succeeded" in text.partition("Needs attention")[2]
    other = Browser(root.capsule, tokens=root.tokens)
    other.requester.failing = "billing"
    await other.sign_in("root@example.org")
    assert "billing fails NoReply" in text_of(await other.open("/operations"))


async def test_operators_see_where_functions_run_and_what_failed(root: Browser) -> None:
    await furnish_operations(root)
    page = await root.open("/operations/functions?context=auth")
    assert "Running now 1" in text_of(page) and "Instances 2" in text_of(page) and "Failed 0" in text_of(page)
    text = text_of(await root.open("/operations/functions"))
    assert "billing-on-usage-measured failed" in text and "has no key STRIPE_API_KEY" in text and "functions that recorded nothing" in text
    root.requester.failing = "deploy.function_instances"
    text = text_of(await root.open("/operations/functions"))
    assert "where functions run now is not known" in text and "deploy.on_build_succeeded" in text


async def test_queues_show_depth_and_what_is_stuck(root: Browser) -> None:
    assert "No message waits" in text_of(await root.open("/operations/queues"))
    await furnish_operations(root)
    text = text_of(await root.open("/operations/queues"))
    assert "1 stuck" in text and "Ready 41" in text and "Unacknowledged 3" in text and "Delayed on purpose 12" in text
    assert text.index("billing-on-usage-measured no consumer 37") < text.index("deploy-on-build-succeeded running 4 2 1")
    assert "capsule.replies" not in text and "1 stuck" in text_of(await root.open("/operations"))
    root.capsule.port(Queues).is_unavailable = True
    page = await root.open("/operations/queues")
    assert page.status_code == 503 and "CAPSULE_RABBITMQ_MANAGEMENT_URL" in text_of(page)
    assert (await root.open("/operations")).status_code == 200


async def test_circuits_of_the_gateway_are_shown_or_said_to_be_unknown(root: Browser) -> None:
    assert "No gateway answers at http://gateway.example" in text_of(await root.open("/operations"))
    await furnish_operations(root)
    text = text_of(await root.open("/operations")).partition("Gateway")[2]
    assert "auth closed" in text and "billing open tries again in 4 s" in text


async def test_health_is_shown_while_monitor_is_away(root: Browser) -> None:
    root.requester.failing = "monitor"
    page = await root.open("/operations")
    assert page.status_code == 200 and "monitor fails NoReply" in text_of(page) and "what functions did is not known" in text_of(page)


async def test_only_administrators_have_contexts_asked_for_their_health(root: Browser) -> None:
    bob = await Browser(root.capsule, tokens=root.tokens).become_a_user(BOB)
    refused = await bob.open("/operations")
    assert refused.status_code == 403 and not [each for each in bob.requester.sent if each.endswith(".health")]


async def test_a_dead_letter_is_inspected_edited_and_replayed(root: Browser) -> None:
    letters = root.requester.letters
    letter = letters.add("deploy.on_build_succeeded", "KeyError", root.capsule.clock, b'{"name": "<b>"}')
    path = f"/operations/dead-letters/deploy/{letter}"
    assert path in (await root.open("/operations/dead-letters")).text
    page = await root.open(path)
    assert "&lt;b&gt;" in page.text and "<b>" not in page.text.partition("<main")[2] and "it did not work" in page.text
    wrong = await root.send(path, action="replay", payload="{nonsense")
    assert wrong.status_code == 422 and "{nonsense" in wrong.text and letters.replayed == []
    assert (await root.send(path, action="replay", payload='{"name": "b"}')).headers["location"] == f"{path}?done=replayed"
    [message] = letters.replayed
    assert (message.function, message.body) == ("deploy.on_build_succeeded", b'{"name": "b"}')
    page = text_of(await root.open(path))
    assert "replayed" in page and "edited" in page and "Discard" not in page
    assert path not in (await root.open("/operations/dead-letters")).text
    assert path in (await root.open("/operations/dead-letters?state=replayed")).text


async def test_all_letters_of_a_cause_are_discarded_and_no_others(root: Browser) -> None:
    letters = root.requester.letters
    for error in ("KeyError", "KeyError", "TypeError"):
        letters.add("billing.rate", error, root.capsule.clock)
    page = await root.open("/operations/dead-letters?function=billing.rate&error=KeyError")
    assert "KeyError" in page.text and "TypeError" not in page.text
    done = await root.send("/operations/dead-letters/billing", action="discard", function="billing.rate", error="KeyError")
    assert done.headers["location"] == "/operations/dead-letters?done=discarded"
    assert [row.error for row in letters.stores["billing"].rows.values() if row.state == "open"] == ["TypeError"]
    none = await root.send("/operations/dead-letters/billing", action="discard", function="billing.rate", error="KeyError")
    assert none.status_code == 404 and "No open dead letter" in text_of(none)
    for path in ("/operations/dead-letters/nothing/1", "/operations/dead-letters/auth/1", f"/operations/dead-letters/auth/{root.caller().user_id}"):
        assert (await root.open(path)).status_code == 404, path


async def test_customers_lead_to_their_invoices_and_payments(root: Browser) -> None:
    await Browser(root.capsule).become_a_user(BOB)
    page = await root.open("/operations/customers?email=bob")
    assert BOB in page.text and "root@example.org" not in page.text
    [path] = re.findall(r'href="(/operations/invoices\?customerId=[^"]+)"', page.text)
    assert "No invoice matches" in text_of(await root.open(path))
    refused = await root.send(f"/operations/invoices/{root.caller().user_id}/refund", amount="5.00", currency="EUR", reason="Sorry.")
    assert refused.status_code == 404
    assert "not valid" in text_of(await root.send(f"/operations/invoices/{root.caller().user_id}/refund", amount="5,00", currency="EUR", reason="x"))


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("5", "EUR", 500),
        ("5.01", "EUR", 501),
        ("0.1", "EUR", 10),
        ("500", "JPY", 500),
        ("5.5", "JPY", None),
        ("5.001", "EUR", None),
        ("0", "EUR", None),
    ],
)
def test_amounts_become_minor_units(text: str, currency: str, amount: int | None) -> None:
    assert minor_units(text, currency) == amount
