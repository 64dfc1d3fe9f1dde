"""What others read of the directory by programs: feed, JSON, sitemap. Always what everybody may read, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps import views as sitemaps
from django.contrib.syndication.views import Feed
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import conditional_page, require_safe

from accounts.audience import Audience
from accounts.terms import before_terms
from namespaces import directory, structured
from namespaces.showing import Card
from namespaces.views.directory import found, read_query

NEWEST = 50
KEPT_SECONDS = 60
Answers = Callable[..., HttpResponse]
if TYPE_CHECKING:
    _Feed = Feed[Card, None]
    _Sitemap = Sitemap[str]
else:
    _Feed, _Sitemap = Feed, Sitemap


def for_everybody(view: Answers) -> Answers:
    """Let others keep the answer for a minute, and ask only whether it has changed."""

    @before_terms
    @require_safe
    @conditional_page
    @wraps(view)
    def kept(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        patch_cache_control(response, public=True, max_age=KEPT_SECONDS)
        return response

    return kept


@for_everybody
def listing(request: HttpRequest) -> HttpResponse:
    """Give a page of the directory as JSON, found, narrowed and sorted as on the page for people."""
    query = read_query(request)
    page = found(query, directory.current(), Audience.PUBLIC, frozenset())
    following = settings.BASE_URL + reverse("directory_json")
    given = {name: value for name, value in request.GET.items() if name not in ("after", "before")}
    return JsonResponse(
        {
            "total": page.total,
            "namespaces": [structured.entry(card) for card in page.cards],
            "next": f"{following}?{urlencode({**given, 'after': str(page.after)})}" if page.after else None,
        }
    )


class NewNamespaces(_Feed):
    """The namespaces that were listed last."""

    feed_type = Atom1Feed
    subtitle = gettext_lazy("Namespaces of the directory, the newest first.")
    author_name = settings.SITE_NAME

    def title(self) -> str:
        return _("New namespaces · %(site)s") % {"site": settings.SITE_NAME}

    def link(self) -> str:
        return f"{settings.BASE_URL}{reverse('directory')}"

    def feed_url(self) -> str:
        return f"{settings.BASE_URL}{reverse('feed')}"

    def feed_guid(self) -> str:
        return self.feed_url()

    def items(self) -> list[Card]:
        cards = directory.current().cards()
        return sorted(cards, key=lambda card: (card.created_at, card.name), reverse=True)[:NEWEST]

    def item_title(self, item: Card) -> str:
        return f"{item.name}: {item.title}" if item.title else item.name

    def item_description(self, item: Card) -> str:
        return item.summary

    def item_link(self, item: Card) -> str:
        return structured.address_of(item)

    def item_guid(self, item: Card) -> str:
        return f"urn:uuid:{item.id}"

    def item_pubdate(self, item: Card) -> datetime:
        return item.created_at

    def item_updateddate(self, item: Card) -> datetime:
        return item.created_at

    def item_categories(self, item: Card) -> list[str]:
        return [*filter(None, (item.field,)), *item.software]


class Pages(_Sitemap):
    """The start page, the directory, and the page of each listed namespace."""

    def items(self) -> list[str]:
        cards = sorted(directory.current().cards(), key=lambda card: (card.name, card.cluster))
        pages = [reverse("namespace", args=(card.cluster, card.name)) for card in cards]
        return [reverse("home"), reverse("directory"), *pages]

    def location(self, item: str) -> str:
        return item

    def get_protocol(self, protocol: str | None = None) -> str:
        return str(urlsplit(settings.BASE_URL).scheme)

    def get_domain(self, site: Any = None) -> str:
        return str(urlsplit(settings.BASE_URL).netloc)


feed = for_everybody(NewNamespaces())


@for_everybody
def sitemap(request: HttpRequest) -> HttpResponse:
    """List the pages that search engines may know of."""
    made = sitemaps.sitemap(request, {"pages": Pages()}).render()
    return HttpResponse(made.content, content_type=made.headers["Content-Type"])


@for_everybody
def robots(request: HttpRequest) -> HttpResponse:
    """Ask search engines to leave out what is no page of its own: searches, and the way to log in."""
    lines = (
        "User-agent: *", f"Disallow: {reverse('directory')}?", "Disallow: /accounts/",
        f"Sitemap: {settings.BASE_URL}{reverse('sitemap')}",
    )  # fmt: skip
    return HttpResponse("\n".join((*lines, "")), content_type="text/plain; charset=utf-8")
