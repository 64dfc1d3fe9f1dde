"""The form in which operators decide what a namespace may use: a field for each usual limit, lines for all others."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.text import Text
from namespaces.actions.limits import needs_default
from namespaces.limits import (
    Amounts,
    Key,
    Kind,
    Misunderstood,
    missing_defaults,
    problems,
    read_amount,
    read_key,
)

FIELDS: dict[str, tuple[Key, Any]] = {
    "requests_cpu": (Key(Kind.QUOTA, "requests.cpu"), gettext_lazy("CPU requested")),
    "limits_cpu": (Key(Kind.QUOTA, "limits.cpu"), gettext_lazy("CPU at most")),
    "requests_memory": (Key(Kind.QUOTA, "requests.memory"), gettext_lazy("Memory requested")),
    "limits_memory": (Key(Kind.QUOTA, "limits.memory"), gettext_lazy("Memory at most")),
    "gpus": (Key(Kind.QUOTA, "requests.nvidia.com/gpu"), gettext_lazy("NVIDIA GPUs")),
    "pods": (Key(Kind.QUOTA, "pods"), gettext_lazy("Pods")),
    "claims": (Key(Kind.QUOTA, "persistentvolumeclaims"), gettext_lazy("Volume claims")),
    "storage": (Key(Kind.QUOTA, "requests.storage"), gettext_lazy("Storage")),
    "default_request_cpu": (Key(Kind.DEFAULT_REQUEST, "cpu"), gettext_lazy("CPU, if it requests none")),
    "default_request_memory": (
        Key(Kind.DEFAULT_REQUEST, "memory"),
        gettext_lazy("Memory, if it requests none"),
    ),
    "default_cpu": (Key(Kind.DEFAULT, "cpu"), gettext_lazy("CPU limit, if it has none")),
    "default_memory": (Key(Kind.DEFAULT, "memory"), gettext_lazy("Memory limit, if it has none")),
    "max_cpu": (Key(Kind.MAX, "cpu"), gettext_lazy("CPU, at most")),
    "max_memory": (Key(Kind.MAX, "memory"), gettext_lazy("Memory, at most")),
}
_NAMES = {key: name for name, (key, _label) in FIELDS.items()}
_PREFIXES = {kind.value: kind for kind in Kind if kind != Kind.QUOTA}
_MOST_LINES = 50


class LimitsForm(forms.Form):
    """All limits of a namespace as typed; `amounts` is how they were understood. An empty field limits nothing."""

    more = Text(
        label=gettext_lazy("More limits"), limit=4000, lines=4, required=False,
        help_text=gettext_lazy(
            "One per line: a resource of a quota and its quantity, such as count/jobs.batch 50 or "
            "fast.storageclass.storage.k8s.io/requests.storage 1Ti. For containers with a word before it, such as "
            "min cpu 10m."
        ),
    )  # fmt: skip
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (_key, label) in FIELDS.items():
            self.fields[name] = Text(label=label, limit=40, required=False)
        self.order_fields([*FIELDS, "more", "version"])
        self.amounts: dict[Key, int] = {}

    @cached_property
    def quota_fields(self) -> list[forms.BoundField]:
        """The fields of the namespace as a whole."""
        return [self[name] for name, (key, _label) in FIELDS.items() if key.kind == Kind.QUOTA]

    @cached_property
    def container_fields(self) -> list[forms.BoundField]:
        """The fields of each container."""
        return [self[name] for name, (key, _label) in FIELDS.items() if key.kind != Kind.QUOTA]

    def clean(self) -> dict[str, Any]:
        """Understand every field and every line, then look whether they fit together."""
        typed = {name: self.cleaned_data.get(name, "") for name in FIELDS}
        for name, text in typed.items():
            if text:
                self._read(name, FIELDS[name][0], text)
        lines = [line for line in self.cleaned_data.get("more", "").splitlines() if line.strip()]
        if len(lines) > _MOST_LINES:
            self.add_error("more", _("At most %(number)d lines.") % {"number": _MOST_LINES})
        for line in lines[:_MOST_LINES]:
            self._read_line(line)
        if not self.errors:
            for key, words in problems(self.amounts):
                self.add_error(_NAMES.get(key, "more"), words)
            for key in missing_defaults(self.amounts):
                self.add_error(_NAMES[key], needs_default(key))
        return self.cleaned_data

    def _read_line(self, line: str) -> None:
        *words, quantity = line.replace(":", " ").split()
        kind = _PREFIXES.get(words[0], Kind.QUOTA) if len(words) == 2 else Kind.QUOTA
        wanted = 2 if kind != Kind.QUOTA else 1
        if len(words) != wanted:
            self._blame_line(line, _("a resource and a quantity, such as count/jobs.batch 50"))
            return
        try:
            key = read_key(kind, words[-1])
        except Misunderstood as problem:
            self._blame_line(line, str(problem))
            return
        if key in self.amounts:
            self._blame_line(line, _("this is limited above already"))
            return
        self._read("more", key, quantity, line=line)

    def _read(self, name: str, key: Key, text: str, *, line: str = "") -> None:
        try:
            self.amounts[key] = read_amount(key, text)
        except Misunderstood as problem:
            if line:
                self._blame_line(line, str(problem))
            else:
                self.add_error(name, str(problem))

    def _blame_line(self, line: str, problem: str) -> None:
        shown = " ".join(line.split())[:80]
        self.add_error("more", _("“%(line)s”: %(problem)s") % {"line": shown, "problem": problem})


def initial(amounts: Amounts) -> dict[str, str]:
    """Return what the form shows for these limits."""
    values = {_NAMES[key]: key.text(amount) for key, amount in amounts.items() if key in _NAMES}
    others = sorted((key, amount) for key, amount in amounts.items() if key not in _NAMES)
    lines = (
        f"{'' if key.kind == Kind.QUOTA else f'{key.kind} '}{key.resource} {key.text(amount)}"
        for key, amount in others
    )
    return values | {"more": "\n".join(lines)}
