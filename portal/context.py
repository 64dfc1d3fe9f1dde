"""What every page of the frame needs: `site` in all templates. Each value is worked out when a template asks for it."""

from __future__ import annotations

import tomllib
from functools import cached_property, lru_cache

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from accounts.policy import Reader, is_operator, may_see_people
from portal import frame
from portal.banners import Banner, break_glass_banners, cluster_banners, mail_banners, overdue_banners
from portal.frame import Frame

THEME_COOKIE = "theme"
THEMES = ("auto", "light", "dark")


@lru_cache(maxsize=1)
def version() -> str:
    """Return the version of Berth, from the one place that states it."""
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


class Site:
    """The installation, and what its frame shows this reader."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.name: str = settings.SITE_NAME
        self.support_url: str = settings.SUPPORT_URL

    @property
    def version(self) -> str:
        return version()

    @cached_property
    def _reader(self) -> Reader:
        # An error page may be shown before anybody knows who asks.
        return getattr(self._request, "user", AnonymousUser())

    @cached_property
    def _frame(self) -> Frame:
        return frame.of(self._reader)

    @cached_property
    def theme(self) -> str:
        """The reader's choice of light, dark or what their system says."""
        chosen = self._request.COOKIES.get(THEME_COOKIE, "")
        return chosen if chosen in THEMES else THEMES[0]

    @cached_property
    def here(self) -> str:
        """The address to come back to; the start page where this one cannot be opened again by a link."""
        return self._request.get_full_path() if self._request.method in {"GET", "HEAD"} else "/"

    @cached_property
    def banners(self) -> list[Banner]:
        own: list[Banner] = []
        if is_operator(self._reader) and self._frame.break_glass:
            own += break_glass_banners()
        if is_operator(self._reader) and self._frame.late_mails:
            own += mail_banners()
        if is_operator(self._reader) and self._frame.overdue:
            own += overdue_banners()
        return [*own, *cluster_banners()]

    @property
    def to_decide(self) -> int:
        """How many requests wait for this reader."""
        return self._frame.to_decide

    @property
    def unseen(self) -> int:
        """How many messages this reader has not seen."""
        return self._frame.unseen

    @cached_property
    def shows_people(self) -> bool:
        return may_see_people(self._request.user)


def site(request: HttpRequest) -> dict[str, Site]:
    """Context processor: `site`."""
    return {"site": Site(request)}
