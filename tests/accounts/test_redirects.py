"""Where `next` may lead: to a path of this site."""

from __future__ import annotations

from itertools import product
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.redirects import is_own_path, login_address

EVIL = (
    "evil.example",
    "evil.example/",
    "evil.example:80/x",
    "a@evil.example",
    "localhost@evil.example",
    "localhost.evil.example",
)
STARTS = (
    "//", "///", "////", "/\\", "\\\\", "\\/", "/\\/", "//\\", "http://", "https://", "HTTP://", "https:",
    "https:/", "http:///", "ftp://", "\t//", "\n//", " //", "//\t", "/\t/", "/\n/", "/\r/", "\x00//",
    "/\x00/", "//\u3002", "\uff0f\uff0f", "/\uff0f", "https:\\\\", "ws://", "//%09", "file://",
)  # fmt: skip
SCRIPTS = (
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)",
    "javascript://localhost/%0aalert(1)", "data:text/html,<script>", "vbscript:x", "mailto:a@evil.example",
    "blob:https://evil.example/", "about:blank", "view-source:x", "", " ", "evil.example", "profile/",
    "?next=/x", "#x", "./x", "../x", "http:profile", "/" + "x" * 2001, "/x\ny", "/x\\y", "/\u202ex",
)  # fmt: skip
CORPUS = sorted({start + evil for start, evil in product(STARTS, EVIL)} | set(SCRIPTS))


def test_corpus_is_large() -> None:
    assert len(CORPUS) >= 200


@pytest.mark.parametrize("address", CORPUS, ids=ascii)
def test_way_out_of_the_site_is_no_path_of_it(address: str) -> None:
    assert not is_own_path(address)
    assert login_address(address) == "/accounts/login/"


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/profile/",
        "/namespaces/nautilus/avis-fire/?tab=members#top",
        "/x?next=https://evil.example",
        "/%2F%2Fevil",
    ],
)
def test_path_of_the_site_is_kept(address: str) -> None:
    assert is_own_path(address)


@given(st.text(alphabet=st.sampled_from("/\\:@.?#%ehvil\t\n\r \x00\u3002"), max_size=12))
def test_accepted_path_never_leads_to_another_host(address: str) -> None:
    if is_own_path(address):
        # Browsers drop tabs and line breaks, and read a backslash as a slash.
        seen = address.replace("\\", "/").translate({9: None, 10: None, 13: None})
        assert urlsplit(urljoin("https://berth.example/here", seen)).netloc == "berth.example"


@pytest.mark.parametrize("value", [None, 5, b"/x", ["/x"]])
def test_only_a_text_is_an_address(value: object) -> None:
    assert not is_own_path(value)


def test_wanted_page_is_quoted() -> None:
    assert login_address("/a?b=c&d=e") == "/accounts/login/?next=%2Fa%3Fb%3Dc%26d%3De"
