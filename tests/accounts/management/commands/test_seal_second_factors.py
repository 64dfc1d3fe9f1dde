"""`manage.py seal_second_factors`."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from tests.accounts.second_factors import give_app
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]
OLD, NEW = ("a key of the tests that is long enough to sign with, " + which for which in ("old", "new"))


@pytest.fixture
def secret(cast: Cast, settings: LazySettings) -> str:
    """Olga's secret, sealed with the old key, and codes of hers."""
    settings.SECRET_KEY = OLD
    codes = {"seed": encrypt("0f" * 40), "used_mask": 0}
    Authenticator.objects.create(user=cast.olga, type="recovery_codes", data=codes)
    made = give_app(cast.olga)
    settings.SECRET_KEY = NEW
    return made


def test_lets_the_earlier_key_go(secret: str, settings: LazySettings) -> None:
    settings.SECRET_KEY_FALLBACKS = [OLD]
    call_command("seal_second_factors")
    settings.SECRET_KEY_FALLBACKS = []
    data = dict(Authenticator.objects.values_list("type", "data"))
    assert decrypt(data["totp"]["secret"]) == secret
    assert decrypt(data["recovery_codes"]["seed"]) == "0f" * 40


def test_without_the_earlier_key_nothing_changes(secret: str, settings: LazySettings) -> None:
    settings.SECRET_KEY_FALLBACKS = []
    before = list(Authenticator.objects.order_by("pk").values_list("data", flat=True))
    with pytest.raises(CommandError, match="Put the earlier key into BERTH_SECRET_KEY_FALLBACKS"):
        call_command("seal_second_factors")
    assert list(Authenticator.objects.order_by("pk").values_list("data", flat=True)) == before
