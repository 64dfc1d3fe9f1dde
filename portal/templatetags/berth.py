"""Template tags of the frame: moments, icons, monograms, menu links, form fields."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms, template
from django.template import Context
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import MONTHS_3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import issuers
from accounts.models import Identity
from namespaces.showing import is_web_link
from portal.icons import ICONS

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86400


@register.filter
def ago(moment: datetime) -> SafeString:
    """Return a `<time>` that says how long ago this was, with the absolute moment in its title."""
    return _time(moment, relative(moment, timezone.now()), kind=" data-ago")


@register.filter
def day(moment: datetime) -> SafeString:
    """Return a `<time>` that says the day, with the absolute moment in its title."""
    return _time(moment, _day(timezone.localtime(moment)))


@register.filter
def clock(moment: datetime) -> SafeString:
    """Return a `<time>` that says the time of day, with the date where it is not today."""
    local = timezone.localtime(moment)
    today = local.date() == timezone.localdate()
    return _time(
        moment, f"{local:%H:%M}" if today else f"{_day_of_year(local)}, {local:%H:%M}", kind=" data-clock"
    )


def relative(moment: datetime, now: datetime) -> str:
    """Return how long before `now` the moment was, in words; the date where that is a week or more."""
    seconds = max(0, int((now - moment).total_seconds()))
    if seconds < 1:
        return _("just now")
    if seconds < MINUTE:
        return _("%(n)d s ago") % {"n": seconds}
    if seconds < HOUR:
        return _("%(n)d min ago") % {"n": seconds // MINUTE}
    if seconds < DAY:
        return _("%(n)d h ago") % {"n": seconds // HOUR}
    if seconds < 7 * DAY:
        days = seconds // DAY
        return ngettext("%(n)d day ago", "%(n)d days ago", days) % {"n": days}
    return _day(timezone.localtime(moment))


def _day(local: datetime) -> str:
    # Not Django's filter `date`, which reads its format anew for each moment: a list has many.
    return f"{_day_of_year(local)} {local.year}"


def _day_of_year(local: datetime) -> str:
    return f"{local.day} {MONTHS_3[local.month].title()}"


def _time(moment: datetime, text: str, *, kind: str = "") -> SafeString:
    """Return the element; `kind` tells the script of the frame how to keep the text true in the reader's own time."""
    local = timezone.localtime(moment)
    title = f"{_day(local)}, {local:%H:%M:%S %Z}"
    # Not format_html, which takes three times as long: only words may hold what has to be escaped.
    return mark_safe(  # noqa: S308
        f'<time datetime="{moment.isoformat(timespec="seconds")}" title="{title}"{kind}>{escape(text)}</time>'
    )


@register.filter
def together(names: Iterable[object]) -> str:
    """Return names as one says them: “Ana, Ben and Eda”."""
    *first, last = [str(name) for name in names] or [""]
    if not first:
        return last
    return _("%(first)s and %(last)s") % {"first": ", ".join(first), "last": last}


register.filter(is_web_link)


@register.filter
def institution(identity: Identity) -> str:
    """Return the name of the institution that an identity is of, as a link to its page at ROR if the file of issuers
    has one."""
    ror = issuers.ror_of(identity.issuer, identity.entity_id)
    if not ror:
        return identity.institution
    return format_html('<a href="{}" rel="noopener noreferrer external">{}</a>', ror, identity.institution)


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return one of our icons as inline SVG; it decorates the word beside it and is silent for screen readers."""
    return format_html(
        '<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{}</svg>',
        mark_safe(ICONS[name]),  # noqa: S308  (our own drawing)
    )


@register.simple_tag
def bar(share: int) -> SafeString:
    """Return a bar for a share in per cent; the numbers stand beside it, so it is silent for screen readers."""
    level = "bar-full" if share >= 100 else "bar-high" if share >= 80 else ""
    return format_html(
        '<svg class="bar {}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect class="bar-all" width="100" height="8" rx="2"/><rect width="{}" height="8" rx="2"/></svg>',
        level,
        min(share, 100),
    )


@register.simple_tag
def monogram(name: str) -> SafeString:
    """Return two letters of a namespace's name in a tile: what stands where a logo would be."""
    parts = [part for part in name.split("-") if part]
    letters = (parts[0][:1] + (parts[1][:1] if len(parts) > 1 else parts[0][1:2])) if parts else "?"
    return format_html(
        '<svg class="monogram" viewBox="0 0 40 40" aria-hidden="true" focusable="false">'
        '<rect width="40" height="40" rx="8"/><text x="20" y="25.5" text-anchor="middle">{}</text></svg>',
        letters.upper(),
    )


@register.simple_tag
def logo(cluster: str, name: str, digest: str, alt: str = "") -> SafeString:
    """Return the logo of a namespace, or two letters where it has none, in a tile of the same size.

    Where the name stands beside it, it needs no other words.
    """
    if not digest:
        return monogram(name)
    return format_html(
        '<img class="monogram logo" src="{}" alt="{}" width="40" height="40" loading="lazy" decoding="async">',
        reverse("logo", args=(cluster, name, digest)),
        alt,
    )


@register.simple_tag(takes_context=True)
def nav_link(context: Context, name: str, text: str) -> SafeString:
    """Return a link of the menu, marked where the reader is on that page or below it."""
    target, path = reverse(name), context["request"].path
    current = "page" if path == target else "true" if path.startswith(target) else ""
    mark = format_html(' aria-current="{}"', current) if current else ""
    return format_html('<a class="nav-item" href="{}"{}>{}</a>', target, mark, text)


@register.simple_block_tag
def once(content: SafeString) -> SafeString:
    """Render what is inside once, under the name that follows `as`, for a page that shows it more than once."""
    return content


@register.inclusion_tag("_field.html")
def field(bound: forms.BoundField) -> dict[str, Any]:
    """Render a field of a form: label, hint, the control, what is wrong with it."""
    widget = bound.field.widget
    choices = isinstance(widget, (forms.RadioSelect, forms.CheckboxSelectMultiple))
    if isinstance(widget, forms.CheckboxInput) or choices:
        css = "form-check-input"
    else:
        css = "form-select" if isinstance(widget, forms.Select) else "form-control"
    invalid = " is-invalid" if bound.errors else ""
    return {
        "field": bound,
        "is_choice": choices,
        "is_check": isinstance(widget, forms.CheckboxInput),
        "control": bound.as_widget(attrs={"class": css + invalid}),
        "css": css + invalid,
    }


@register.inclusion_tag("_errors.html")
def error_summary(*parts: forms.BaseForm | forms.BaseFormSet, links: bool = True) -> dict[str, Any]:
    """Render what is wrong with the forms and formsets of a page, once for all of them.

    Each line is a link to its field; `links=False` where the page does not show these fields.
    """
    sets = [part for part in parts if isinstance(part, forms.BaseFormSet)]
    single = [form for part in parts for form in (part if isinstance(part, forms.BaseFormSet) else [part])]
    return {
        "general": [error for rows in sets for error in rows.non_form_errors()],
        "forms": [form for form in single if form.errors],
        "links": links,
    }
