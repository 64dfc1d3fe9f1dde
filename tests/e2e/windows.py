"""Browser windows of people who logged in for real, watched for everything that a reader would not see.

A finding is an error of a script, a refusal by the Content-Security-Policy, something loaded from elsewhere, a part of
a page that is missing, or an answer of 500 and more that the test did not announce. A test with a finding fails.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Response,
    StorageState,
    WebError,
)

from localcluster.people import DemoPerson
from tests.stack import Stack

PATIENCE_MS = 20_000
AGREE = "I have read this and will keep to it."
_ARGUMENTS = (
    "--no-sandbox",  # as root, in containers
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PARTS = {"stylesheet", "script", "image", "font", "media", "manifest"}
_FAILED_LOAD = "Failed to load resource: the server responded with a status of"  # judged by the response


def launch(playwright: Playwright) -> Browser:
    """Start the distribution's Chromium; without one, say what to install."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise RuntimeError(
            "the browser tests need Chromium on PATH: install the package `chromium` of your distribution "
            "(scripts/system_packages.sh does so on Debian)"
        )
    return playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))


class Watcher:
    """Collects findings. `expected` are statuses of 500 and more that the test announced."""

    def __init__(self, own: str) -> None:
        self._own = urlsplit(own).netloc
        self.findings: list[str] = []
        self._expected: set[int] = set()

    @contextmanager
    def expecting(self, status: int) -> Iterator[None]:
        """Inside, answers of this status are what the test wants."""
        self._expected.add(status)
        try:
            yield
        finally:
            self._expected.discard(status)

    def watch(self, context: BrowserContext) -> None:
        """Listen to everything that happens in these windows."""
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"} or message.text.startswith(_FAILED_LOAD):
            return
        if urlsplit(message.location["url"] or "").netloc in {"", self._own}:
            self.findings.append(f"console {message.type}: {message.text} ({message.location['url']})")

    def _error(self, error: WebError) -> None:
        self.findings.append(f"error of a script: {error.error}")

    def _response(self, response: Response) -> None:
        kind = response.request.resource_type
        if urlsplit(response.url).netloc != self._own:
            if kind != "document" and urlsplit(response.frame.url).netloc == self._own:
                self.findings.append(f"loaded from elsewhere: {response.url}")
            return
        if response.status >= 500 and response.status not in self._expected:
            self.findings.append(f"{response.status} for {response.request.method} {response.url}")
        if response.status >= 400 and kind in _PARTS:
            self.findings.append(f"{response.status} for the {kind} {response.url}")


class Windows:
    """Opens windows at one portal. Whoever logged in once is remembered, also by the windows of other tests."""

    def __init__(
        self, browser: Browser, stack: Stack, remembered: dict[tuple[str, str], StorageState]
    ) -> None:
        self._browser = browser
        self._remembered = remembered
        self._contexts: list[BrowserContext] = []
        self.stack = stack
        self.watcher = Watcher(stack.url)

    def open(
        self,
        person: DemoPerson | None = None,
        *,
        script: bool = True,
        width: int = 1280,
        height: int = 900,
        scheme: str = "light",
    ) -> Page:
        """Open a window for a person who is logged in, or for nobody; at no page yet."""
        state = self._state(person) if person else None
        return self._context(state, script, width, height, scheme).new_page()

    def stranger(self, *, script: bool = True, width: int = 1280) -> Page:
        """Open a window in which nobody has logged in yet, to log in there."""
        return self._context(None, script, width, 900, "light").new_page()

    def close(self) -> None:
        """Close all windows."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()

    @property
    def pages(self) -> list[Page]:
        """Return the pages that are open."""
        return [page for context in self._contexts for page in context.pages]

    def _context(
        self, state: StorageState | None, script: bool, width: int, height: int, scheme: str
    ) -> BrowserContext:
        context = self._browser.new_context(
            base_url=self.stack.url,
            storage_state=state,
            java_script_enabled=script,
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="Europe/Berlin",
        )
        context.set_default_timeout(PATIENCE_MS)
        self.watcher.watch(context)
        self._contexts.append(context)
        return context

    def _state(self, person: DemoPerson) -> StorageState:
        key = (self.stack.url, person.subject)
        if key not in self._remembered:
            page = self.stranger()
            log_in(page, person)
            self._remembered[key] = page.context.storage_state()
            page.context.close()
            self._contexts.remove(page.context)
        return self._remembered[key]


def show_again(page: Page, person: DemoPerson) -> None:
    """Show who one is once more, where the page asks for it: the login was more than minutes ago."""
    again = page.get_by_role("button", name="Log in again with CILogon")
    if again.is_visible():
        again.click()
        page.get_by_role("button", name=re.compile(f"^{re.escape(person.name)}")).click()


def log_in(page: Page, person: DemoPerson, *, next_page: str = "") -> None:
    """Log in as people do: login page, identity provider, and back; the first time with the terms of use."""
    page.goto(f"/accounts/login/?next={next_page}" if next_page else "/accounts/login/")
    page.get_by_role("button", name="Log in with CILogon").click()
    page.get_by_role("button", name=re.compile(f"^{re.escape(person.name)}")).click()
    page.wait_for_url(re.compile(r"^http://localhost:\d+/(?!accounts/|oauth2/)"))
    if urlsplit(page.url).path == "/terms/":
        page.get_by_label(AGREE, exact=True).check()
        page.get_by_role("button", name="Accept").click()
        page.wait_for_url(re.compile(r"^http://localhost:\d+/(?!terms/)"))
