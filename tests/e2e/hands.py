"""Ways to use a page: with a pointer, with the keyboard alone, with a pointer and no scripts.

A story told with `Hands` is the same story in each of them.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Literal

from playwright.sync_api import Download, Locator, Page, expect

from tests.e2e.windows import PATIENCE_MS

MOST_TABS = 120
_FOCUS = """target => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    there: element === target,
    what: element.outerHTML.slice(0, 200),
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    onScreen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""

Kind = Literal["link", "button", "radio"]


class Hands:
    """A pointer, and a page with its scripts."""

    has_script = True

    def go(self, page: Page, address: str) -> None:
        """Open an address, as from a bookmark."""
        page.goto(address)

    def press(self, page: Page, kind: Kind, name: str | re.Pattern[str], *, within: str = "main") -> None:
        """Follow a link or press a button in a part of the page."""
        target = page.locator(within).get_by_role(kind, name=name, exact=isinstance(name, str))
        self._activate(page, target)

    def fill(self, page: Page, label: str, text: str) -> None:
        """Write into a field."""
        page.get_by_label(label, exact=True).fill(text)

    def choose(self, page: Page, name: str) -> None:
        """Choose one of several that exclude each other."""
        page.get_by_role("radio", name=re.compile(f"^{re.escape(name)}")).check()

    def tick(self, page: Page, label: str) -> None:
        """Tick a box."""
        page.get_by_label(label, exact=True).check()

    def unfold(self, page: Page, text: str) -> None:
        """Open what is folded away."""
        self._activate(page, page.locator("summary", has_text=text))

    def search(self, page: Page, text: str) -> None:
        """Write a word into the search field of the page; the results follow by themselves."""
        page.get_by_role("searchbox").press_sequentially(text)

    def download(self, page: Page, name: str, folder: Path) -> Path:
        """Follow a link that gives a file, and keep the file under the name it came with."""
        with page.expect_download() as started:
            self.press(page, "link", name)
        file: Download = started.value
        path = folder / file.suggested_filename
        file.save_as(path)
        return path

    def await_text(self, where: Locator, text: str | re.Pattern[str]) -> None:
        """Wait until a part of the page says this, without touching it."""
        expect(where).to_contain_text(text)

    def _activate(self, page: Page, target: Locator) -> None:
        target.click()


class Keyboard(Hands):
    """Tab, Enter, Space, arrows and letters. Whatever has the focus must show it, and be on the screen."""

    def fill(self, page: Page, label: str, text: str) -> None:
        self.reach(page, page.get_by_label(label, exact=True))
        page.keyboard.press("ControlOrMeta+A")
        page.keyboard.type(text)

    def choose(self, page: Page, name: str) -> None:
        wanted = page.get_by_role("radio", name=re.compile(f"^{re.escape(name)}"))
        group = page.get_by_role("radio")
        self.reach(page, group.and_(page.locator(":checked")))
        for _ in range(group.count()):
            if wanted.is_checked():
                return
            page.keyboard.press("ArrowDown")
        raise AssertionError(f"no arrow key leads to {name!r}")

    def tick(self, page: Page, label: str) -> None:
        self.reach(page, page.get_by_label(label, exact=True))
        page.keyboard.press("Space")

    def search(self, page: Page, text: str) -> None:
        box = page.get_by_role("searchbox")
        self.reach(page, box)
        page.keyboard.type(text)

    def reach(self, page: Page, target: Locator) -> None:
        """Press Tab until the target has the focus."""
        expect(target).to_have_count(1)
        seen = []
        for _ in range(MOST_TABS):
            focus = target.evaluate(_FOCUS)
            if focus["there"]:
                assert focus["outlined"], f"nothing shows that this has the focus: {focus['what']}"
                assert focus["onScreen"], f"this has the focus and is not on the screen: {focus['what']}"
                return
            seen.append(focus["what"])
            page.keyboard.press("Tab")
        raise AssertionError(
            f"{MOST_TABS} times Tab do not lead to {target}; they led to:\n" + "\n".join(seen)
        )

    def _activate(self, page: Page, target: Locator) -> None:
        self.reach(page, target)
        page.keyboard.press("Enter")


class NoScript(Hands):
    """A pointer, and no scripts: the page changes when it is loaded again."""

    has_script = False

    def search(self, page: Page, text: str) -> None:
        box = page.get_by_role("searchbox")
        box.fill(text)
        box.press("Enter")

    def await_text(self, where: Locator, text: str | re.Pattern[str]) -> None:
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while True:
            try:
                expect(where).to_contain_text(text, timeout=500)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                where.page.reload()
            else:
                return
