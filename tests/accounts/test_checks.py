"""What is said about the issuers before the first request."""

from __future__ import annotations

from pathlib import Path

from django.conf import LazySettings
from django.core.checks import run_checks

from accounts.issuers import Issuer, load_or_explain


def found(settings: LazySettings) -> list[str]:
    return [message.id or "" for message in run_checks() if (message.id or "").startswith("accounts.")]


def issuer(address: str) -> Issuer:
    return Issuer(id="x", name="X", issuer=address, client_id="c", client_secret="s", institutions=None)


def test_unreadable_file_is_an_error_with_the_reason(settings: LazySettings, tmp_path: Path) -> None:
    settings.ISSUERS, settings.ISSUERS_ERROR = load_or_explain(str(tmp_path / "missing.yaml"))
    assert found(settings) == ["accounts.E001"]
    (message,) = [message for message in run_checks() if message.id == "accounts.E001"]
    assert f"{tmp_path}/missing.yaml: cannot be read" in message.msg
    assert "BERTH_ISSUERS" in (message.hint or "")


def test_no_issuer_is_a_warning(settings: LazySettings) -> None:
    settings.ISSUERS, settings.ISSUERS_ERROR = (), ""
    assert found(settings) == ["accounts.W001"]


def test_plain_http_issuer_is_refused_on_a_site_with_https(settings: LazySettings) -> None:
    settings.ISSUERS = (issuer("http://localhost:1"), issuer("https://idp.example"))
    settings.SECURE = True
    assert found(settings) == ["accounts.E002"]
    settings.SECURE = False
    assert found(settings) == []
