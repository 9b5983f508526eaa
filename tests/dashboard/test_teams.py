"""Teams in the browser: members, roles, grants and invitations, and whose applications and bills are shown."""

import re

import pytest

from functions.auth.domain.email_limits import EmailKind
from functions.auth.ports import Mailer
from functions.runtime.messaging.bus import NoReply
from tests.dashboard.browser import PASSWORD, Browser, text_of
from tests.dashboard.furnished import BOB, join

EVE = "eve@example.org"


@pytest.fixture
async def ada() -> Browser:
    return await Browser().become_a_user()


@pytest.fixture
async def team(ada: Browser) -> str:
    return await create_team(ada)


async def create_team(owner: Browser, name: str = "crew") -> str:
    created = await owner.send("/teams", name=name)
    assert created.status_code == 303 and created.headers["location"].endswith("done=team-created")
    return str(created.headers["location"].partition("?")[0].removeprefix("/teams/"))


async def member_path(owner: Browser, team: str, member: Browser) -> str:
    path = f"/teams/{team}/members/{member.caller().user_id}"
    assert path in (await owner.open(f"/teams/{team}")).text
    return path


async def test_a_team_is_created_renamed_and_listed(ada: Browser, team: str) -> None:
    assert (await ada.send(f"/teams/{team}/name", name="The <crew>")).headers["location"] == f"/teams/{team}/settings?done=saved"
    page = await ada.open("/teams")
    assert "The &lt;crew&gt;" in page.text and "Personal team" in page.text
    refused = await ada.send("/teams", name="https://evil.example")
    assert refused.status_code == 422 and 'value="https://evil.example"' in refused.text


async def test_an_invitation_leads_through_sign_up_and_back_into_the_team(ada: Browser, team: str) -> None:
    await ada.send(f"/teams/{team}/invitations", email=BOB, role="developer")
    assert BOB in text_of(await ada.open(f"/teams/{team}"))
    token = ada.capsule.port(Mailer).tokens(EmailKind.INVITATION)[-1]

    bob = Browser(ada.capsule)
    to_sign_in = (await bob.open(f"/accept-invitation?token={token}")).headers["location"]
    next_page = f"/accept-invitation?token={token}"
    assert to_sign_in.startswith("/sign-in?next=%2Faccept-invitation")
    page = await bob.open(to_sign_in)
    to_sign_up = re.findall(r'href="(/sign-up\?next=[^"]+)"', page.text)[0]
    assert f'name="next" value="{next_page}"' in (await bob.open(to_sign_up)).text
    sent = await bob.send("/sign-up", email=BOB, password=PASSWORD, next=next_page)
    assert f'href="/sign-in?next=/accept-invitation%3Ftoken%3D{token}"' in sent.text
    await bob.sign_up(BOB)  # the link of its e-mail
    assert (await bob.sign_in(BOB, next=next_page)).headers["location"] == next_page

    page = await bob.open(next_page)
    assert f"signed in as {BOB}" in text_of(page)
    joined = await bob.send("/accept-invitation", secretToken=token)
    assert joined.headers["location"] == f"/teams/{team}?done=team-joined"
    assert "developer" in text_of(await bob.open(f"/teams/{team}"))
    again = await bob.send("/accept-invitation", secretToken=token)
    assert again.status_code in (404, 409) and "Invitation to a team" in again.text


async def test_an_invitation_of_another_address_is_refused_with_a_way_to_switch(ada: Browser, team: str) -> None:
    eve = await Browser(ada.capsule).become_a_user(EVE)
    await ada.send(f"/teams/{team}/invitations", email=BOB, role="viewer")
    token = ada.capsule.port(Mailer).tokens(EmailKind.INVITATION)[-1]
    refused = await eve.send("/accept-invitation", secretToken=token)
    assert refused.status_code == 403 and "another address" in text_of(refused) and "Use another account" in refused.text
    out = await eve.send("/sign-out", next=f"/accept-invitation?token={token}")
    assert "next=%2Faccept-invitation%3Ftoken%3D" in out.headers["location"]
    assert "is not complete" in text_of(await ada.open("/accept-invitation"))


async def test_an_open_invitation_is_revoked(ada: Browser, team: str) -> None:
    await ada.send(f"/teams/{team}/invitations", email=BOB, role="viewer")
    [path] = re.findall(r'action="(/teams/[^"]+/revocation)"', (await ada.open(f"/teams/{team}")).text)
    assert (await ada.send(path)).headers["location"].endswith("done=invitation-revoked")
    assert BOB not in (await ada.open(f"/teams/{team}")).text


async def test_role_and_grants_of_a_member_are_changed_and_the_member_removed(ada: Browser, team: str) -> None:
    bob = await join(ada, team, BOB, "viewer")
    path = await member_path(ada, team, bob)
    created = await ada.send("/new", name="shop", repository="https://git.example.com/shop.git", team=team)
    application = created.headers["location"].partition("?")[0].removeprefix("/apps/")
    boxes = re.findall(r'name="(grant:[^"]+)"', (await ada.open(path)).text)
    assert boxes == [f"grant:{application}", f"grant:{application}:production", f"grant:{application}:staging"]
    await ada.send(f"{path}/grants", **{boxes[1]: "on"})
    assert "shop:production" in (await ada.open(f"/teams/{team}")).text
    assert f'name="{boxes[1]}" checked' in (await ada.open(path)).text and f'name="{boxes[0]}" checked' not in (await ada.open(path)).text
    await ada.send(f"{path}/grants")
    assert "shop:production" not in (await ada.open(f"/teams/{team}")).text

    assert (await ada.send(f"{path}/role", role="admin")).headers["location"].endswith("done=saved")
    assert "admin of crew" in text_of(await ada.open(path))
    assert (await ada.send(f"{path}/removal")).headers["location"] == f"/teams/{team}?done=member-removed"
    assert (await bob.open(f"/teams/{team}")).status_code == 404
    assert (await ada.open(path)).status_code == 404


async def test_a_member_without_the_permission_is_offered_no_change_and_refused(ada: Browser, team: str) -> None:
    bob = await join(ada, team, BOB, "developer")
    page = await bob.open(f"/teams/{team}")
    assert page.status_code == 200 and "Invite somebody" not in page.text and "/members/" not in page.text
    refused = await bob.send(f"/teams/{team}/invitations", email=EVE, role="viewer")
    assert refused.status_code == 403 and "team.manage" in text_of(refused)
    assert "Delete the team" not in (await bob.open(f"/teams/{team}/settings")).text
    assert (await bob.send(f"/teams/{team}/departure")).headers["location"] == "/teams?done=team-left"


async def test_a_stranger_finds_no_team_and_changes_none(ada: Browser, team: str) -> None:
    ada.tokens.is_recent = True  # of strangers too, so that nothing else refuses them
    eve = await Browser(ada.capsule, tokens=ada.tokens).become_a_user(EVE)
    for path in (f"/teams/{team}", f"/teams/{team}/settings", f"/teams/{team}/members/{ada.caller().user_id}", "/teams/12"):
        assert (await eve.open(path)).status_code == 404, path
    fields = {"name": "stolen", "email": EVE, "role": "owner", "user": str(eve.caller().user_id)}
    for form in ("name", "invitations", "transfer", "departure", "deletion", f"members/{ada.caller().user_id}/removal"):
        assert (await eve.send(f"/teams/{team}/{form}", **fields)).status_code == 404, form
    assert (await eve.open(f"/billing?team={team}")).headers["location"] == "/billing?team=all"
    assert (await eve.open(f"/?team={team}")).headers["location"] == "/?team=all"


async def test_what_needs_a_recent_sign_in_leads_through_its_page_and_back(ada: Browser, team: str) -> None:
    bob = await join(ada, team, BOB, "admin")
    fields = {"user": str(bob.caller().user_id)}
    refused = await ada.send(f"/teams/{team}/transfer", **fields)
    assert refused.status_code == 403 and f'name="next" value="/teams/{team}/settings"' in refused.text
    confirmed = await ada.send("/account/confirmation", password=PASSWORD, next=f"/teams/{team}/settings")
    assert confirmed.headers["location"] == f"/teams/{team}/settings?done=identity-confirmed"
    ada.tokens.is_recent = True  # which the token of that answer is
    assert (await ada.send(f"/teams/{team}/transfer", **fields)).headers["location"].endswith("done=team-transferred")
    assert "Your role: admin" in text_of(await ada.open(f"/teams/{team}"))


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "javascript:alert(1)"])
async def test_the_confirmation_leads_to_pages_of_the_dashboard_only(ada: Browser, target: str) -> None:
    assert f'value="{target}"' not in (await ada.open(f"/account/confirmation?next={target}")).text
    confirmed = await ada.send("/account/confirmation", password=PASSWORD, next=target)
    assert confirmed.headers["location"] == "/?done=identity-confirmed"


async def test_a_team_is_deleted_only_by_its_typed_name(ada: Browser, team: str) -> None:
    ada.tokens.is_recent = True
    wrong = await ada.send(f"/teams/{team}/deletion", name="crow")
    assert wrong.status_code == 422 and 'Type "crew"' in text_of(wrong)
    assert (await ada.send(f"/teams/{team}/deletion", name="crew")).headers["location"] == "/teams?done=team-deleted"
    assert "crew" not in text_of(await ada.open("/teams"))


async def test_the_switcher_chooses_whose_applications_are_shown_and_stays(ada: Browser, team: str) -> None:
    await ada.create("mine")
    await ada.send("/new", name="shared", repository="https://git.example.com/a.git", team=team)
    both = text_of(await ada.open("/"))
    assert "mine" in both and "shared crew" in both
    assert "mine" not in text_of(await ada.open(f"/?team={team}"))
    assert "mine" not in text_of(await ada.open("/")), "the choice stays"
    assert f'<option value="{team}" selected>' in (await ada.open("/new")).text
    assert "Billing crew" in text_of(await ada.open("/billing"))
    assert "mine" in text_of(await ada.open("/?team=all"))
    assert "Billing Personal team" in text_of(await ada.open("/billing"))


async def test_a_form_changes_the_bill_of_its_page_also_when_another_team_was_chosen_meanwhile(ada: Browser, team: str) -> None:
    await ada.open(f"/billing?team={team}")
    await ada.open("/billing?team=all")  # in another tab
    ada.requester.sent.clear()
    changed = await ada.send("/billing/payment-method", team=team, paymentMethod="pm_card_visa")
    assert changed.headers["location"] == f"/billing?team={team}&done=payment-method"
    page = await ada.open(f"/billing?team={team}")
    assert "pm_card_visa" in page.text
    assert "pm_card_visa" not in (await ada.open(f"/billing?team={ada.caller().user_id}")).text.replace('placeholder="pm_card_visa"', "")


async def test_a_role_without_bills_or_applications_is_told_so(ada: Browser, team: str) -> None:
    bob = await join(ada, team, BOB, "developer")
    page = text_of(await bob.open(f"/billing?team={team}"))
    assert "Your role in crew, developer, does not show its plan and bills" in page and "Choose Pro" not in page
    eve = await join(ada, team, EVE, "billing")
    assert "Your role in crew, billing, shows no applications" in text_of(await eve.open(f"/?team={team}"))
    assert "Choose Pro" in text_of(await eve.open(f"/billing?team={team}"))
    admin = await join(ada, team, "cyd@example.org", "admin")
    page = await admin.open(f"/billing?team={team}")
    assert "Due now" in page.text and "/billing/plan" not in page.text and "/billing/payment-method" not in page.text


async def test_an_outage_is_not_taken_for_a_team_without_applications(ada: Browser, team: str) -> None:
    ada.requester.failure = NoReply()
    for path in ("/", f"/teams/{team}"):
        assert (await ada.open(path)).status_code == 504, path


async def test_a_service_account_gets_a_token_and_is_disabled_and_deleted(ada: Browser, team: str) -> None:
    ada.tokens.is_recent = True
    bob = await join(ada, team, BOB, "developer")
    path = f"/teams/{team}/service-accounts"
    assert (await ada.send(path, name="ci <main>", role="developer")).headers["location"] == f"{path}?done=saved"
    [account] = set(re.findall(rf'href="({path}/[^"]+)"', (await ada.open(path)).text))
    assert "owner" not in re.findall(r'name="role" value="([^"]+)"', (await ada.open(account)).text)
    created = await ada.send(f"{account}/tokens", name="gh", days="30", **{"scope-read": "on"})
    assert re.search(r"capsule_pat_[0-9A-Za-z]{46}", created.text)
    page = await ada.open(account)
    assert "capsule_pat_" not in page.text and "gh" in text_of(page)
    assert (await ada.send(f"{account}/tokens", name="none", days="30")).status_code == 422

    listed = await bob.open(path)
    assert listed.status_code == 200 and "New service account" not in listed.text and account not in listed.text
    assert (await bob.send(f"{account}/disabling")).status_code == 403
    await ada.send(f"{account}/disabling")
    assert "its API tokens are refused" in text_of(await ada.open(account))
    await ada.send(f"{account}/enabling")
    await ada.send(f"{account}/role", role="viewer")
    assert "viewer of crew" in text_of(await ada.open(account))
    [revocation] = re.findall(rf'action="({account}/tokens/[^"]+/revocation)"', (await ada.open(account)).text)
    assert (await ada.send(revocation)).headers["location"].endswith("done=token-revoked")
    assert (await ada.send(f"{account}/deletion")).headers["location"] == f"{path}?done=service-account-deleted"
    assert (await ada.open(account)).status_code == 404
