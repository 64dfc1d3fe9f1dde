"""Is the input well formed? Forms validate and say what is wrong; actions decide and store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.audience import Audience
from accounts.days import LastDay
from accounts.models import Level, User
from accounts.text import Text
from clusters.models import Cluster
from namespaces import dois, logos
from namespaces.access import Role
from namespaces.actions.absences import LONGEST
from namespaces.actions.absences import candidates as deputies
from namespaces.actions.members import successors_of, without_another_admin
from namespaces.actions.namespaces import Page, PublicationEntry, Wanted
from namespaces.actions.succession import candidates, heirs
from namespaces.models import PARTS, Namespace, Request, Visibility
from namespaces.validators import validate_link
from notifications.kinds import Kind, Way

REASON_MIN_LENGTH, REASON_MAX_LENGTH = 20, 2000
SOFTWARE_MAX_COUNT, SOFTWARE_MAX_LENGTH = 50, 60
PUBLICATIONS_MAX_COUNT = 100
DOIS_AT_ONCE = 20


def role_choices() -> list[tuple[str, str]]:
    return [(role.value, format_html("<strong>{}</strong>: {}", role.label, role.can)) for role in Role]


class InstitutionInput(forms.TextInput):
    """A field for any text, which is completed from the organisations that are known here (`load_organisations`).

    What is chosen is text as well: without a script it is an ordinary field.
    """

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Render the field with an empty list, which htmx fills while one types."""
        listed = f"{(attrs or {}).get('id', name)}_list"
        own = {
            "list": listed,
            "autocomplete": "off",
            "hx-get": reverse("organisations"),
            "hx-trigger": "input changed delay:250ms",
            "hx-target": f"#{listed}",
        }
        return format_html(
            '{}<datalist id="{}"></datalist>',
            super().render(name, value, {**(attrs or {}), **own}, renderer),
            listed,
        )


class SuspendForm(forms.Form):
    """Why somebody is suspended, and until when."""

    reason = Text(
        label=gettext_lazy("Why"),
        limit=REASON_MAX_LENGTH,
        minimum=REASON_MIN_LENGTH,
        lines=3,
        help_text=gettext_lazy("Operators read this, nobody else. At least 20 characters."),
        error_messages={"required": gettext_lazy("Say why: others will ask.")},
    )
    until = LastDay(
        label=gettext_lazy("Until the end of (optional)"), required=False,
        help_text=gettext_lazy("Without a day it lasts until an operator lifts it."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["until"].widget.attrs["min"] = str(timezone.localdate())


class PersonField(forms.ModelChoiceField):
    """A person by their id; whatever is no id is told in the words for a person who does not exist."""

    def to_python(self, value: Any) -> Any:
        """Return the person, or raise the one error."""
        try:
            return super().to_python(value)
        except ValidationError as error:
            raise ValidationError(self.error_messages["invalid_choice"], code="invalid_choice") from error


class MemberField(PersonField):
    """One of the members of namespaces. Names may be alike, so the institution stands with them."""

    def label_from_instance(self, person: User) -> str:
        """Return name and institution."""
        return f"{person}, {person.institution}" if person.institution else str(person)


def _one_who_takes_over(label: Any, **more: Any) -> MemberField:
    return MemberField(
        label=label,
        empty_label=gettext_lazy("Choose a person"),
        error_messages={
            "required": gettext_lazy("Choose a person."),
            "invalid_choice": gettext_lazy("This person cannot take over. Choose again."),
        },
        **({"queryset": User.objects.none()} | more),
    )


class SuccessorsForm(forms.Form):
    """Who takes over each namespace that would be without an admin. That none lacks is a rule of the action."""

    def __init__(self, *args: Any, person: User, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.orphans = without_another_admin(person)
        named = {each.namespace_id: each.person for each in successors_of(person)}
        for namespace in self.orphans:
            self.fields[self._name(namespace)] = _one_who_takes_over(
                _("Who takes over %(namespace)s") % {"namespace": namespace},
                queryset=candidates(namespace, instead_of=person, by=by),
                initial=named.get(namespace.pk),
                required=False,
            )

    def successors(self) -> dict[UUID, User]:
        """Return who was chosen, by namespace."""
        chosen = {namespace.pk: self.cleaned_data[self._name(namespace)] for namespace in self.orphans}
        return {namespace: person for namespace, person in chosen.items() if person is not None}

    @staticmethod
    def _name(namespace: Namespace) -> str:
        return f"successor_{namespace.pk.hex}"


class HeirForm(forms.Form):
    """Which other member takes over from an admin."""

    successor = _one_who_takes_over(gettext_lazy("Who takes over from you"))

    def __init__(self, *args: Any, namespace: Namespace, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["successor"].queryset = heirs(namespace, of=by)  # type: ignore[attr-defined]


class AbsenceForm(forms.Form):
    """Who decides while somebody is away, and until when."""

    deputy = MemberField(
        label=gettext_lazy("Who decides for you"),
        queryset=User.objects.none(),
        empty_label=gettext_lazy("Choose a person"),
        help_text=gettext_lazy("Admins and editors of your namespaces."),
        error_messages={
            "required": gettext_lazy("Choose a person."),
            "invalid_choice": gettext_lazy("This person cannot decide for you. Choose again."),
        },
    )
    until = LastDay(label=gettext_lazy("Until the end of"))

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["deputy"].queryset = deputies(by)  # type: ignore[attr-defined]
        today = timezone.localdate()
        self.fields["until"].widget.attrs.update({"min": str(today), "max": str(today + LONGEST)})


class DeletionForm(forms.Form):
    """That somebody has read what deleting an account means."""

    sure = forms.BooleanField(
        label=gettext_lazy("I have read this. It cannot be undone."),
        error_messages={"required": gettext_lazy("Say that you have read what will happen.")},
    )


class MailsForm(forms.Form):
    """How mails of each kind come to the reader."""

    def __init__(self, *args: Any, ways: Mapping[Kind, Way], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind, way in ways.items():
            self.fields[kind.value] = forms.ChoiceField(label=kind.label, choices=Way, initial=way)

    def chosen(self) -> dict[Kind, Way]:
        """Return what was chosen."""
        return {Kind(name): Way(value) for name, value in self.cleaned_data.items()}


class JoinForm(forms.Form):
    """Asking to join: which role, and why."""

    role = forms.ChoiceField(
        label=gettext_lazy("What you would like to do"),
        choices=role_choices,
        widget=forms.RadioSelect,
        initial=Role.EDITOR,
        error_messages={
            "required": gettext_lazy("Choose a role."),
            "invalid_choice": gettext_lazy("There is no such role."),
        },
    )
    reason = Text(
        label=gettext_lazy("Why"),
        limit=REASON_MAX_LENGTH,
        minimum=REASON_MIN_LENGTH,
        lines=5,
        help_text=gettext_lazy(
            "Who you work with and on what, 20 to 2,000 characters. The admins of the namespace read this."
        ),
        error_messages={"required": gettext_lazy("Say why, so that the admins know who asks.")},
    )


class PromotionForm(forms.Form):
    """Asking for a level: why, and for level admin also for which institution and what for."""

    level = forms.ChoiceField(
        label=gettext_lazy("Level"),
        widget=forms.HiddenInput,
        error_messages={
            "required": gettext_lazy("Load the page again and ask anew."),
            "invalid_choice": gettext_lazy("Load the page again and ask anew."),
        },
    )
    institution = Text(
        label=gettext_lazy("Institution"),
        limit=200,
        widget=InstitutionInput,
        help_text=gettext_lazy("Whose people will work in your namespaces, as it calls itself."),
        error_messages={"required": gettext_lazy("Name the institution.")},
    )
    purpose = Text(
        label=gettext_lazy("What for"),
        limit=REASON_MAX_LENGTH,
        minimum=REASON_MIN_LENGTH,
        lines=4,
        help_text=gettext_lazy(
            "Which namespaces you would create, for which work and for how many people. 20 to 2,000 characters."
        ),
        error_messages={"required": gettext_lazy("Say what you need level admin for.")},
    )
    reason = Text(
        label=gettext_lazy("Why"),
        limit=REASON_MAX_LENGTH,
        minimum=REASON_MIN_LENGTH,
        lines=5,
        error_messages={"required": gettext_lazy("Say why, so that whoever decides knows who asks.")},
    )

    def __init__(self, *args: Any, level: Level, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["level"]
        choice.choices, choice.initial = [(level.value, level.label)], level.value
        if level == Level.ADMIN:
            self.fields["reason"].help_text = _(
                "Your part in this work, and who can confirm it. 20 to 2,000 characters. The operators read this."
            )
            return
        del self.fields["institution"], self.fields["purpose"]
        self.fields["reason"].help_text = _(
            "Who you are, who you work with and on what, and who knows you here. 20 to 2,000 characters. "
            "Everybody who may vouch for you reads this."
        )


class UntilForm(forms.Form):
    """Until when somebody is a member."""

    until = LastDay(
        label=gettext_lazy("Last day (optional)"), required=False,
        help_text=gettext_lazy("Without a day the membership does not end by itself."),
    )  # fmt: skip


class RoleForm(forms.Form):
    """A role, chosen in a row of a table."""

    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=Role.choices,
        initial=Role.EDITOR,
        error_messages={
            "required": gettext_lazy("Choose a role."),
            "invalid_choice": gettext_lazy("There is no such role."),
        },
    )


class AddMemberForm(RoleForm, UntilForm):
    """Somebody found by the search, the role they get, and until when."""

    person = PersonField(
        label=gettext_lazy("Person"),
        queryset=User.objects.filter(is_active=True),
        widget=forms.HiddenInput,
        error_messages={
            "required": gettext_lazy("Choose a person from the search."),
            "invalid_choice": gettext_lazy("Choose a person from the search."),
        },
    )


class AnnouncementForm(forms.Form):
    """What an admin writes to the members."""

    role = forms.ChoiceField(
        label=gettext_lazy("To"),
        choices=lambda: [
            ("", _("all members")),
            *((role.value, _("role %(role)s") % {"role": role.label}) for role in Role),
        ],
        required=False,
        error_messages={"invalid_choice": gettext_lazy("There is no such role.")},
    )
    subject = Text(label=gettext_lazy("Subject"), limit=150)
    text = Text(
        label=gettext_lazy("Text"),
        limit=5000,
        lines=8,
        help_text=gettext_lazy("Plain text, at most 5,000 characters."),
    )


class ApproveForm(forms.Form):
    """Approval, with words for the asker if wanted."""

    note = Text(
        label=gettext_lazy("A word for them (optional)"), limit=2000, lines=2, required=False,
    )  # fmt: skip


class TakeoverForm(forms.Form):
    """Which of those who may takes over from an admin who may be gone."""

    successor = _one_who_takes_over(gettext_lazy("Who becomes an admin instead"))

    def __init__(self, *args: Any, wish: Request, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if wish.namespace is not None:
            may = candidates(wish.namespace, instead_of=wish.person, by=by)
            self.fields["successor"].queryset = may  # type: ignore[attr-defined]


class StayForm(forms.Form):
    """That an admin stays one."""

    note = Text(
        label=gettext_lazy("Why (optional)"), limit=2000, lines=2, required=False,
        help_text=gettext_lazy("The other admins and the operators read this."),
    )  # fmt: skip


class GrantNamespaceForm(ApproveForm):
    """Approving a namespace, perhaps with another name, PI or institution than was asked for."""

    name = Text(
        label=gettext_lazy("Name"), limit=200,
        error_messages={"required": gettext_lazy("Give the namespace a name.")},
    )  # fmt: skip
    override_style = forms.BooleanField(
        label=gettext_lazy("Use this name although it breaks the rules of style"), required=False
    )
    pi_name = Text(label=gettext_lazy("PI"), limit=200, required=False)
    institution = Text(label=gettext_lazy("Institution"), limit=200, required=False, widget=InstitutionInput)
    field_order = ("name", "override_style", "pi_name", "institution", "note")

    def wanted(self) -> Wanted:
        """Return what is to be made."""
        given = self.cleaned_data
        page = Page(pi_name=given["pi_name"], institution=given["institution"])
        return Wanted(given["name"], page, override_style=given["override_style"])


class DenyForm(forms.Form):
    """A no needs its reason."""

    note = Text(
        label=gettext_lazy("Why not"),
        limit=2000,
        lines=3,
        help_text=gettext_lazy("They read this. Say what they could do instead."),
        error_messages={"required": gettext_lazy("Say why not: the person who asked reads this.")},
    )


class PageFields(forms.Form):
    """What a namespace's page says, as far as creating and editing share it."""

    title = Text(
        label=gettext_lazy("Title (optional)"), limit=120, required=False,
        help_text=gettext_lazy("What people call the project."),
    )  # fmt: skip
    description = Text(
        label=gettext_lazy("Description"), limit=4000, lines=6, required=False,
        help_text=gettext_lazy("What the group works on, for somebody who does not know it. At most 4,000 characters."),
    )  # fmt: skip
    pi_name = Text(
        label=gettext_lazy("PI"), limit=200, required=False, help_text=gettext_lazy("Who leads the group.")
    )
    institution = Text(label=gettext_lazy("Institution"), limit=200, required=False, widget=InstitutionInput)


class PlaceForm(forms.Form):
    """Where a new namespace is to be, and its name."""

    cluster = forms.ModelChoiceField(
        label=gettext_lazy("Cluster"), queryset=Cluster.objects.none(), to_field_name="name", empty_label=None,
        error_messages={"invalid_choice": gettext_lazy("There is no such cluster.")},
    )  # fmt: skip
    name = Text(
        label=gettext_lazy("Name"), limit=200,
        help_text=gettext_lazy("As kubectl will know it, such as group-project. It cannot be changed later."),
        error_messages={"required": gettext_lazy("Give the namespace a name.")},
    )  # fmt: skip

    def __init__(self, *args: Any, clusters: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cluster: Any = self.fields["cluster"]
        cluster.queryset = clusters
        if len(clusters) == 1:
            cluster.initial, cluster.widget = clusters[0].name, forms.HiddenInput()
        self.fields["name"].widget.attrs |= {
            "autocomplete": "off",
            "spellcheck": "false",
            "autocapitalize": "none",
        }


class CreateForm(PlaceForm, PageFields):
    """A new namespace: where, its name, and the beginning of its page."""

    override_style = forms.BooleanField(
        label=gettext_lazy("Use this name although it breaks the rules of style"), required=False,
        help_text=gettext_lazy("Operators only. Reserved names stay reserved."),
    )  # fmt: skip
    field_order = ("cluster", "name", "override_style", "title", "description", "pi_name", "institution")

    def __init__(self, *args: Any, is_operator: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_operator:
            del self.fields["override_style"]

    def page(self) -> Page:
        """Return the page as typed."""
        names = ("title", "description", "pi_name", "institution")
        return Page(**{name: self.cleaned_data[name] for name in names})


class NamespaceWishForm(PlaceForm):
    """Asking for a namespace of one's own."""

    reason = Text(
        label=gettext_lazy("What for"),
        limit=REASON_MAX_LENGTH,
        minimum=REASON_MIN_LENGTH,
        lines=5,
        help_text=gettext_lazy("What the group works on, 20 to 2,000 characters. The operators read this."),
        error_messages={"required": gettext_lazy("Say what you need the namespace for.")},
    )
    pi_name = Text(
        label=gettext_lazy("PI"), limit=200, help_text=gettext_lazy("Who leads the group."),
        error_messages={"required": gettext_lazy("Say who leads the group.")},
    )  # fmt: skip
    institution = Text(
        label=gettext_lazy("Institution"), limit=200, widget=InstitutionInput,
        error_messages={"required": gettext_lazy("Name the institution.")},
    )  # fmt: skip
    size = Text(
        label=gettext_lazy("How big it will be"), limit=1000, lines=2,
        help_text=gettext_lazy("How many people, and roughly how many cores, GPUs and how much storage."),
        error_messages={"required": gettext_lazy("Say roughly how much you need.")},
    )  # fmt: skip
    field_order = ("cluster", "name", "reason", "pi_name", "institution", "size")


class LogoForm(forms.Form):
    """A picture for a namespace. `shown` is the digest of the one that the form was made from."""

    picture = forms.FileField(
        label=gettext_lazy("Picture"),
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
        help_text=gettext_lazy(
            "PNG, JPEG or WebP, at most 512 KiB and 4 megapixels. It is shown in a small square."
        ),
        error_messages={
            "required": gettext_lazy("Choose a picture."),
            "empty": gettext_lazy("This file is empty. Choose another."),
        },
    )
    shown = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def clean_picture(self) -> bytes:
        """Return the picture made anew."""
        upload = self.cleaned_data["picture"]
        if upload.size > logos.LARGEST:
            raise ValidationError(
                _("At most 512 KiB; this file has %(size)s.") % {"size": filesizeformat(upload.size)}
            )
        return logos.made_anew(upload.read())


PART_LABELS = {
    "title": gettext_lazy("Title"),
    "description": gettext_lazy("Description"),
    "pi_name": gettext_lazy("PI"),
    "institution": gettext_lazy("Institution"),
    "field": gettext_lazy("Field of science"),
    "software": gettext_lazy("Software"),
    "publications": gettext_lazy("Publications"),
    "institutions": gettext_lazy("Institutions of the members"),
}


def _readers_of(label: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        choices=Audience.choices,
        error_messages={
            "required": gettext_lazy("Choose who reads this."),
            "invalid_choice": gettext_lazy("There is no such choice."),
        },
    )


class PageForm(PageFields):
    """Editing a namespace's page. `version` is the one that the form was made from."""

    field = Text(label=gettext_lazy("Field of science"), limit=120, required=False)
    software = Text(
        label=gettext_lazy("Software"), limit=4000, lines=4, required=False,
        help_text=gettext_lazy("What the group works with, one per line."),
    )  # fmt: skip
    visibility = forms.ChoiceField(
        label=gettext_lazy("Who may know of this namespace"), choices=Visibility.choices, widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose who may know of this namespace.")},
    )  # fmt: skip
    title_to = _readers_of(gettext_lazy("Title is read by"))
    description_to = _readers_of(gettext_lazy("Description is read by"))
    pi_name_to = _readers_of(gettext_lazy("PI is read by"))
    institution_to = _readers_of(gettext_lazy("Institution is read by"))
    field_to = _readers_of(gettext_lazy("Field of science is read by"))
    software_to = _readers_of(gettext_lazy("Software is read by"))
    publications_to = _readers_of(gettext_lazy("Publications are read by"))
    institutions_to = _readers_of(gettext_lazy("Institutions of the members are read by"))
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    field_order = (
        "title",
        "description",
        "pi_name",
        "institution",
        "field",
        "software",
        "visibility",
        "version",
    )

    @property
    def audience_fields(self) -> list[forms.BoundField]:
        """The fields that say who reads each part."""
        return [self[f"{part}_to"] for part in PARTS]

    def readers(self) -> list[tuple[Audience, list[str]]]:
        """Return each audience with the parts that it reads and those before it do not, as typed so far."""
        chosen = {part: self[f"{part}_to"].value() for part in PARTS}
        return [
            (audience, [str(PART_LABELS[part]) for part in PARTS if chosen[part] == audience])
            for audience in Audience
        ]

    def clean_software(self) -> tuple[str, ...]:
        """Return the lines that say something, each once."""
        names = tuple(
            dict.fromkeys(filter(None, (line.strip() for line in self.cleaned_data["software"].split("\n"))))
        )
        if len(names) > SOFTWARE_MAX_COUNT:
            raise ValidationError(_("At most %(limit)d lines.") % {"limit": SOFTWARE_MAX_COUNT})
        if too_long := next((name for name in names if len(name) > SOFTWARE_MAX_LENGTH), None):
            raise ValidationError(
                _("At most %(limit)d characters a line: “%(line)s…” is longer.")
                % {"limit": SOFTWARE_MAX_LENGTH, "line": too_long[:20]}
            )
        return names

    def page(self, publications: tuple[PublicationEntry, ...]) -> Page:
        """Return the page as typed, with the publications of the formset."""
        names = ("title", "description", "pi_name", "institution", "field", "software")
        values = {name: self.cleaned_data[name] for name in names}
        return Page(
            **values,
            visibility=Visibility(self.cleaned_data["visibility"]),
            publications=publications,
            audiences={part: Audience(self.cleaned_data[f"{part}_to"]) for part in PARTS},
        )


class PublicationForm(forms.Form):
    """One row of the publications; a row without a title is left out."""

    title = Text(label=gettext_lazy("Title"), limit=300, required=False)
    link = Text(label=gettext_lazy("Link or DOI"), limit=500, required=False)
    year = forms.IntegerField(
        label=gettext_lazy("Year"), required=False, widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        error_messages={"invalid": gettext_lazy("Enter a year, such as 2022.")},
    )  # fmt: skip
    authors = Text(
        label=gettext_lazy("Authors"), limit=1000, required=False,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("Pang, Alex; Kim, Ana")}),
    )  # fmt: skip

    def clean_link(self) -> str:
        """Return an address; a DOI becomes one."""
        link: str = self.cleaned_data["link"]
        if doi := dois.alone(link):
            link = dois.address_of(doi)
        if link:
            validate_link(link)
        return link

    def clean_year(self) -> int | None:
        year: int | None = self.cleaned_data["year"]
        latest = timezone.localdate().year + 1
        if year is not None and not 1900 <= year <= latest:
            raise ValidationError(_("Between 1900 and %(latest)d.") % {"latest": latest})
        return year

    def clean(self) -> dict[str, Any]:
        """A link, a year or authors need the title they belong to."""
        values = super().clean() or self.cleaned_data
        if (
            not values.get("title")
            and "title" not in self.errors
            and (values.get("link") or values.get("year") or values.get("authors"))
        ):
            self.add_error("title", _("Give the title too, or empty the row."))
        return values


class PastedForm(forms.Form):
    """Text in which DOIs are looked for."""

    pasted = Text(
        label=gettext_lazy("Add publications by DOI"), limit=20_000, lines=3,
        help_text=gettext_lazy("Paste DOIs, or references with a DOI in them, one or many."),
        error_messages={"required": gettext_lazy("Paste a DOI, or a reference with one in it.")},
    )  # fmt: skip

    def clean_pasted(self) -> list[str]:
        """Return the DOIs."""
        found = dois.find(self.cleaned_data["pasted"])
        if not found:
            raise ValidationError(_("There is no DOI in this text: one begins with 10. and has a slash."))
        if len(found) > DOIS_AT_ONCE:
            raise ValidationError(
                _("At most %(limit)d at once; these are %(count)d.")
                % {"limit": DOIS_AT_ONCE, "count": len(found)}
            )
        return found


class PublicationRows(forms.BaseFormSet):
    """The publications of a page; `PublicationFormSet` makes them."""

    default_error_messages = {
        **forms.BaseFormSet.default_error_messages,
        "too_many_forms": gettext_lazy("Publications: at most %(num)d."),
    }

    def clean(self) -> None:
        """A title stands once: it tells publications apart. Rows that are left out remove nothing; emptied ones do."""
        counts: dict[str, Any] = {**self.management_form.cleaned_data}
        if counts["TOTAL_FORMS"] < max(0, counts["INITIAL_FORMS"]):
            raise ValidationError(_("Rows of the publications are missing. Load the page again."))
        seen: set[str] = set()
        for form in self.forms:
            title = getattr(form, "cleaned_data", {}).get("title", "")
            if title and title in seen:
                form.add_error("title", _("This title is listed already."))
            seen.add(title)

    def entries(self) -> tuple[PublicationEntry, ...]:
        """Return the rows that say something."""
        rows = (form.cleaned_data for form in self.forms)
        return tuple(
            PublicationEntry(row["title"], row["link"], row["year"], row["authors"])
            for row in rows
            if row.get("title")
        )


PublicationFormSet: type[PublicationRows] = forms.formset_factory(  # type: ignore[assignment]
    PublicationForm,
    formset=PublicationRows,
    extra=2,
    max_num=PUBLICATIONS_MAX_COUNT,
    absolute_max=PUBLICATIONS_MAX_COUNT,
    validate_max=True,
)
