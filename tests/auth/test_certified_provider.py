"""Sign-in with `oidc-provider`, an OpenID Connect implementation by others, on loopback. Skipped without Node.js."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
import pytest
from filelock import FileLock

from functions.auth.ports import Identities
from functions.auth.queries.identity_provider import ShowIdentityProvider
from tests.auth.openid_provider import CLIENT_ID
from tests.auth.provider_visit import DASHBOARD, Visit
from tests.auth.world import ADDRESS, World
from tests.proof import proof

pytestmark = proof("sign-in")

PACKAGE = "oidc-provider@9.13.3"
SECRET = "a-secret-of-32-characters-at-least"
SCRIPT = f"""
import {{ Provider }} from 'oidc-provider';
const issuer = process.argv[2];
const provider = new Provider(issuer, {{
  clients: [{{ client_id: '{CLIENT_ID}', client_secret: '{SECRET}', redirect_uris: ['{DASHBOARD}/sign-in/callback/corp'] }}],
  claims: {{ openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] }},
  findAccount: (context, id) => ({{
    accountId: id, claims: () => ({{ sub: id, email: '{ADDRESS}', email_verified: true, name: 'Ada' }}),
  }}),
  pkce: {{ required: () => true }},
}});
provider.listen(Number(new URL(issuer).port), '127.0.0.1');
"""


@pytest.fixture(scope="module")
def folder() -> Path:
    """A folder with the provider: installed once on this machine, outside of the project."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js with npm is not installed")
    folder = Path(tempfile.gettempdir()) / f"capsule-{os.getuid()}-{PACKAGE}"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "installed").exists():
            command = ["npm", "install", "--no-fund", "--no-audit", "--ignore-scripts", "--prefix", str(folder), PACKAGE]
            result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180)
            if result.returncode != 0:
                pytest.skip(f"npm could not install {PACKAGE}: {result.stderr.strip()[-300:]}")
            (folder / "installed").touch()
    return folder


@pytest.fixture
def issuer(folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        issuer = f"http://127.0.0.1:{free.getsockname()[1]}"
    script = folder / "provider.mjs"
    script.write_text(SCRIPT)
    process = subprocess.Popen(["node", str(script), issuer], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{issuer}/.well-known/openid-configuration", trust_env=False)
            break
        except httpx.TransportError:
            time.sleep(0.1)
    yield issuer
    process.kill()
    process.wait()


async def authorize(visit: Visit) -> dict[str, str]:
    """Sign in and consent on the provider's pages, as a browser does; returns the parameters with which it comes back."""
    metadata = await visit.world.call(ShowIdentityProvider(provider="corp"))
    view = visit.begun.model_dump(exclude={"token", "expires_in"})
    async with httpx.AsyncClient(trust_env=False) as browser:
        response = await browser.get(f"{metadata.authorization_endpoint}?{urlencode(view)}")
        for _ in range(12):
            if response.is_redirect:
                url = urljoin(str(response.url), response.headers["location"])
                if url.startswith(DASHBOARD):
                    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
                response = await browser.get(url)
                continue
            action = re.search(r'action="([^"]+)"', response.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', response.text)
            assert action and prompt, response.text
            response = await browser.post(urljoin(str(response.url), action[1]), data={"prompt": prompt[1], "login": "ada", "password": "any"})
    raise AssertionError("the provider did not send the browser back")


async def test_a_user_of_another_implementation_signs_in_twice(issuer: str) -> None:
    provider = f'{{"name": "corp", "issuer": "{issuer}", "clientId": "{CLIENT_ID}", "clientSecret": "{SECRET}"}}'
    hosts = {"CAPSULE_OIDC_HOSTS": urlsplit(issuer).netloc}
    world = World({"CAPSULE_DASHBOARD_URL": DASHBOARD, "CAPSULE_OIDC_PROVIDERS": f"[{provider}]", **hosts})
    for _ in range(2):
        visit = await Visit(world).begin()
        parameters = await authorize(visit)
        assert parameters["iss"] == issuer
        await visit.respond(parameters)
        await visit.finish()
    [user] = world.users.rows.values()
    [identity] = world.port(Identities).rows.values()
    assert (user.email, identity.subject, identity.issuer, len(world.sessions.rows)) == (ADDRESS, "ada", issuer, 2)
