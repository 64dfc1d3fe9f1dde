"""Days as people choose and read them: something that lasts until a day ends at its end, in the zone of the
installation."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


def end_of(day: date) -> datetime:
    """Return the moment at which a day ends. Raises ValidationError for one that the calendar does not go on after."""
    if day > date.max - timedelta(days=2):
        raise ValidationError(_("Give a day that is nearer."))
    return datetime.combine(day + timedelta(days=1), time.min, timezone.get_current_timezone())


def last_before(end: datetime) -> datetime:
    """Return a moment of the last day of what ends at a moment."""
    return end - timedelta(microseconds=1)


def in_words(moment: datetime) -> str:
    """Return the day of a moment as messages say it."""
    return date_format(timezone.localtime(moment), "j F Y")


class LastDay(forms.DateField):
    """The last day of something, as a browser's calendar sends it. The value is the moment at which that day ends."""

    def __init__(self, **kwargs: Any) -> None:
        errors = {
            "required": gettext_lazy("Give the last day."),
            "invalid": gettext_lazy("Give a day, such as 2027-02-24."),
        }
        calendar = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        super().__init__(widget=calendar, input_formats=["%Y-%m-%d"], error_messages=errors, **kwargs)

    def clean(self, value: Any) -> datetime | None:
        """Return the end of the day that was given, if one was. Raises ValidationError, also as `end_of`."""
        day: date | None = super().clean(value)
        return None if day is None else end_of(day)
