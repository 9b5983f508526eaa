"""A dashboard on loopback for Chromium, in front of the in-memory Capsule."""

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from playwright.async_api import Page
from starlette.applications import Starlette
from starlette.routing import request_response

from functions.edge.dashboard.dashboard import Dashboard
from functions.edge.gateway.options import Options
from functions.edge.gateway.routing import Table
from tests.capsule import Capsule, everything
from tests.dashboard.browser import Browser, MemoryRequester, MemoryTokens, PlainEncryptor


def open_memory(**settings: str) -> Capsule:
    return Capsule(settings=settings)


class Site:
    """`browser`: one without scripts, in front of the same Capsule. It signs up the user of the tests."""

    def __init__(self, open_capsule: Callable[..., Capsule] = open_memory, browser: type[Browser] = Browser) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://localhost:{self._socket.getsockname()[1]}"
        self.capsule = open_capsule(CAPSULE_DASHBOARD_URL=self.url)
        self.browser = browser(self.capsule, tokens=MemoryTokens(is_recent=True))
        requester = MemoryRequester(self.capsule, self.browser.tokens, letters=self.browser.requester.letters)
        table = Table(everything().declarations)
        dashboard = Dashboard(table, requester, self.browser.tokens, PlainEncryptor(), self.capsule.clock, Options(), "", self.browser.gateway)
        app = Starlette()
        app.router.default = request_response(dashboard.handle)
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        self._messages: list[str] = []

    async def start(self, *, is_administrator: bool = False) -> None:
        """Serve, and sign up the user; an administrator is signed in too."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        if is_administrator:
            await self.browser.become_an_administrator()
        else:
            await self.browser.sign_up()

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._task

    def listen(self, page: Page) -> None:
        """Collect errors of the page's console, and reports of its Content-Security-Policy."""
        page.on("console", lambda message: self._messages.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._messages.append(str(error)))

    @property
    def complaints(self) -> list[str]:
        """What pages have reported, except refused forms."""
        return [text for text in self._messages if "status of 4" not in text]
