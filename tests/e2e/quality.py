"""What is measured on every page: axe, valid HTML, headings, ids, weight, width."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, Response

MOST_BYTES = 150 * 1024
NARROW = 360
_AXE = "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)"
_XHTML = "{http://www.w3.org/1999/xhtml}"
_HEADING = re.compile(r"h([1-6])\Z")
_SCHEMES = ("light", "dark")
_weights: dict[str, int] = {}


def problems(page: Page, response: Response) -> list[str]:
    """Return everything that is wrong with the page that this response became, as sentences. The window ends narrow."""
    found = [*html_problems(response.text()), *weight_problems(page, response)]
    page.evaluate(AXE_SCRIPT)
    for scheme in _SCHEMES:
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        found += [f"axe, {scheme}: {line}" for line in axe_problems(page)]
    page.set_viewport_size({"width": NARROW, "height": 740})
    found += [f"axe, {NARROW} px: {line}" for line in axe_problems(page)]
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > NARROW:
        found.append(f"at {NARROW} px the page scrolls sideways: it is {width} px wide{_culprit(page)}")
    return found


def axe_problems(page: Page) -> Iterator[str]:
    """Run axe, which the page has been given, and return what it objects to."""
    violations: list[dict[str, Any]] = page.evaluate(_AXE)
    for violation in violations:
        for node in violation["nodes"]:
            why = "; ".join(check["message"] for check in (*node["any"], *node["all"], *node["none"]))
            yield f"{violation['id']} ({violation['impact']}): {node['html'][:160]} {why}"


def html_problems(text: str) -> Iterator[str]:
    """Return what is wrong with the source of a page: grammar, headings, ids and what points to them."""
    parser = html5lib.HTMLParser(strict=False)
    tree: Element = parser.parse(text)
    lines = text.splitlines()
    for (line, column), code, values in parser.errors:
        context = lines[line - 1][max(0, column - 60) : column + 20] if line <= len(lines) else ""
        yield f"HTML: {code} {values or ''} in line {line}: …{context}…"
    yield from _heading_problems(tree)
    yield from _id_problems(tree)


def _heading_problems(tree: Element) -> Iterator[str]:
    levels = [int(match[1]) for element in tree.iter() if (match := _HEADING.search(_name(element)))]
    if levels.count(1) != 1:
        yield f"there are {levels.count(1)} headings of level 1"
    if levels and levels[0] == 1:
        before = 1
        for level in levels:
            if level > before + 1:
                yield f"a heading of level {level} follows one of level {before}"
            before = level
    for name in ("main", "header", "footer", "title"):
        if not any(_name(element) == name for element in tree.iter()) and name != "footer":
            yield f"there is no <{name}>"


def _id_problems(tree: Element) -> Iterator[str]:
    ids = Counter(element.get("id") for element in tree.iter() if element.get("id"))
    yield from (f"the id {name!r} is there {count} times" for name, count in ids.items() if count > 1)
    for element in tree.iter():
        for attribute in ("for", "aria-describedby", "aria-labelledby", "aria-controls"):
            for name in (element.get(attribute) or "").split():
                if name not in ids:
                    yield f"{attribute}={name!r} points to nothing"
        target = element.get("href") or ""
        if target.startswith("#") and target[1:] not in ids:
            yield f"the link {target!r} leads to nothing"
        text = element.text or ""
        if "prose" in (element.get("class") or "").split() and text != text.lstrip():
            yield f"a text is shown with its line ends, and begins with one that nobody wrote: {text[:60]!r}"
        if element.get("style") is not None:
            yield f"<{_name(element)}> has a style attribute, which the Content-Security-Policy refuses"


def weight_problems(page: Page, response: Response) -> Iterator[str]:
    """Add up the page, its styles and its scripts as gzip sends them."""
    own = len(gzip.compress(response.body()))
    parts = page.evaluate(
        "[...document.querySelectorAll('link[rel=stylesheet]')].map(each => each.href)"
        ".concat([...document.querySelectorAll('script[src]')].map(each => each.src))"
    )
    total = own + sum(_weight(page, address) for address in parts)
    if total > MOST_BYTES:
        yield f"HTML, styles and scripts are {total / 1024:.0f} KiB compressed, of which the page is {own / 1024:.0f}"


def _weight(page: Page, address: str) -> int:
    if address not in _weights:
        _weights[address] = len(gzip.compress(page.request.get(address).body()))
    return _weights[address]


def _culprit(page: Page) -> str:
    wide = page.evaluate(
        "[...document.querySelectorAll('body *')].filter(each => each.getBoundingClientRect().right > innerWidth + 1)"
        ".map(each => each.outerHTML.slice(0, 120)).slice(-1)"
    )
    return f", because of {wide[0]}" if wide else ""


def _name(element: Element) -> str:
    return element.tag.removeprefix(_XHTML) if isinstance(element.tag, str) else ""
