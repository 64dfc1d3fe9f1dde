"""The words of what people are told about namespaces, and whom they reach; said in the transaction of the change."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import days
from accounts.messages import to, to_operators
from accounts.models import Identity, User
from namespaces import access, inbox, links, waiting
from namespaces.models import Absence, Announcement, Invitation, Membership, Namespace, Request, Rung
from notifications.kinds import Kind
from notifications.telling import Message, Recipient, take_back, tell, tell_addresses

_GRANTED = {
    Request.Kind.JOIN: gettext_lazy("You are in: %(what)s"),
    Request.Kind.PROMOTION: gettext_lazy("Your level is %(what)s now"),
    Request.Kind.NAMESPACE: gettext_lazy("Your namespace was made: %(what)s"),
}
_TAKEOVER = gettext_lazy("Who takes over %(namespace)s from %(person)s?")


def request_made(request: Request) -> None:
    """Tell those who decide it that somebody asks. What was typed stands on the page: mails carry no words of people
    whom nobody has let in yet."""
    names = {"person": request.person, "namespace": request.namespace}
    if request.is_promotion:
        subject = _("%(person)s asks for level %(level)s") % {**names, "level": request.get_level_display()}
    elif request.is_for_namespace:
        subject = _("%(person)s asks for a namespace: %(name)s") % {**names, "name": request.name}
    else:
        subject = _("%(person)s asks to join %(namespace)s") % names
    text = _("Read why, see what a yes would change, and decide. It waits for 30 days at most.")
    message = Message(Kind.REQUESTS, subject, text, request.get_absolute_url(), about=request.person_id)
    tell(message, to(inbox.deciders(request)))


def takeover_asked(request: Request) -> None:
    """Ask those who decide it who takes over from an admin, and tell that one: coming back is enough to end it."""
    names = {"person": request.person, "namespace": request.namespace, "sign": request.get_sign_display()}
    text = _("%(person)s %(sign)s. Choose who becomes an admin instead, or say that they stay.") % names
    subject, link = _TAKEOVER % names, request.get_absolute_url()
    tell(Message(Kind.REQUESTS, subject, text, link, about=request.person_id), to(inbox.deciders(request)))
    if request.namespace is not None and request.person.is_active:
        subject = _("Others are asked who takes over %(namespace)s from you") % names
        text = _("You are an admin there. If you want to stay one, log in and tell the other admins.")
        about = Message(Kind.MEMBERSHIPS, subject, text, request.namespace.get_absolute_url())
        tell(about, to([request.person]))


def request_decided(request: Request) -> None:
    """Tell who asked that somebody said yes or no, with the note."""
    what = {"what": request.what}
    if request.state == Request.State.APPROVED:
        subject = str(_GRANTED[Request.Kind(request.kind)])
    else:
        subject = _("Your request was denied: %(what)s")
    text = _("%(by)s decided it.") % {"by": request.decided_by}
    if request.note:
        text += f"\n\n{request.note}"
    link, by = request.get_absolute_url(), request.decided_by_id
    tell(Message(Kind.ANSWERS, subject % what, text, link, by=by), to([request.person]))


def request_waits(request: Request) -> None:
    """Remind whoever this request lies with now, as far as it has climbed."""
    if request.rung == Rung.OPERATORS:
        recipients, why = (
            to_operators(),
            _("Nobody has answered for %(days)d working days, so it lies with you as well."),
        )
    elif request.rung == Rung.ADMINS:
        recipients, why = (
            to(inbox.all_deciders(request)),
            _("Nobody has answered for %(days)d working days."),
        )
    else:
        recipients, why = to(inbox.deciders(request)), _("It has been waiting for %(days)d working days.")
    waited = {"days": waiting.WORKING_DAYS[Rung(request.rung)]}
    event = f"request {request.pk} rung {request.rung}"
    _remind(request, recipients, why % waited, event=event)
    if request.rung == Rung.ADMINS and request.namespace is not None and not request.is_takeover:
        _tell_pi(request.namespace, why % waited, but=recipients, event=event)


def _tell_pi(namespace: Namespace, why: str, *, but: list[Recipient], event: str) -> None:
    """Tell the PI that somebody waits. Who is no admin cannot open the request, so not who asks."""
    subject = _("Somebody still waits to join %(namespace)s") % {"namespace": namespace}
    text = _("%(why)s The admins of the namespace were reminded; perhaps you can reach one.") % {"why": why}
    known = {recipient.person_id for recipient in but}
    pi = [person for person in inbox.pi_of(namespace) if person.pk not in known]
    tell(Message(Kind.REQUESTS, subject, text, namespace.get_absolute_url()), to(pi), event=event)


def asker_reminds(request: Request) -> None:
    """Remind whoever this request lies with because who asked wishes it."""
    _remind(request, to(inbox.deciders(request)), _("Who asked reminds you of it."))


def _remind(request: Request, recipients: list[Recipient], why: str, *, event: str = "") -> None:
    text = _("%(why)s If nobody decides, it is over on %(day)s.") % {
        "why": why, "day": days.in_words(request.expires_at),
    }  # fmt: skip
    message = Message(
        Kind.REQUESTS, _waiting(request), text, request.get_absolute_url(), about=request.person_id
    )
    others = [recipient for recipient in recipients if recipient.person_id != request.person_id]
    tell(message, others, event=event)


def _waiting(request: Request) -> str:
    names = {"person": request.person, "what": request.what}
    if request.is_takeover:
        return _("Still waiting: who takes over %(what)s from %(person)s?") % names
    if request.is_promotion:
        return _("Still waiting: %(person)s asks for level %(what)s") % names
    if request.is_for_namespace:
        return _("Still waiting: %(person)s asks for a namespace: %(what)s") % names
    return _("Still waiting: %(person)s asks to join %(what)s") % names


def request_expired(request: Request) -> None:
    """Tell who asked that nobody has answered in time. Who takes over is asked again."""
    if request.is_takeover:
        return
    subject = _("Nobody answered your request: %(what)s") % {"what": request.what}
    text = _(
        "It was made %(days)d days ago, and is over. We are sorry. You can ask again, or ask the operators what to do."
    ) % {"days": Request.EXPIRES_AFTER.days}
    tell(Message(Kind.ANSWERS, subject, text, request.get_absolute_url()), to([request.person]))


def request_reopened(request: Request, by: User) -> None:
    """Tell who asked that a decision was taken back, and that their request waits again."""
    subject = _("The decision on your request was taken back: %(what)s") % {"what": request.what}
    text = _("%(by)s took it back. Your request waits for a decision again.") % {"by": by}
    tell(Message(Kind.ANSWERS, subject, text, request.get_absolute_url(), by=by.pk), to([request.person]))


def deputy_named(absence: Absence) -> None:
    """Tell somebody that they decide requests for an admin who is away."""
    names = {"person": absence.person, "day": days.in_words(absence.last_day)}
    subject = _("You decide requests for %(person)s, who is away") % names
    text = (
        _("Until the end of %(day)s you can answer who asks to join their namespaces that you work in.")
        % names
    )
    message = Message(Kind.REQUESTS, subject, text, reverse("requests"), by=absence.person_id)
    tell(message, to([absence.deputy]))


def members_added(namespace: Namespace, memberships: Sequence[Membership], by: User) -> None:
    """Tell people that they were let in without having asked, each with the role they have."""
    for role in {membership.role for membership in memberships}:
        names = {"namespace": namespace, "role": access.label(role)}
        subject = _("You are a member of %(namespace)s now, as %(role)s") % names
        text, link = _("%(by)s decided it.") % {"by": by}, namespace.get_absolute_url()
        message = Message(Kind.MEMBERSHIPS, subject, text, link, by=by.pk)
        tell(message, to(each.person for each in memberships if each.role == role))


def invited(invitation: Invitation) -> None:
    """Send the link to the address of an invitation. Nothing is told in the page: who has it may have no account."""
    names = {
        "by": invitation.created_by,
        "namespace": invitation.namespace,
        "role": access.label(invitation.role),
    }
    subject = _("%(by)s invites you to %(namespace)s, as %(role)s") % names
    text = _(
        "Open the link and log in with your institution, which has to know you by this address; then you decide."
        " It can be used once, until the end of %(day)s."
    ) % {"day": days.in_words(invitation.last_day)}
    link = links.unsigned_path(invitation)
    message = Message(Kind.INVITATIONS, subject, text, link, by=invitation.created_by_id)
    tell_addresses(message, [invitation.address], event=_link_event(invitation))


def invitation_over(invitation: Invitation) -> None:
    """Send no link that opens nothing any more."""
    take_back(_link_event(invitation))


def _link_event(invitation: Invitation) -> str:
    return f"invitation {invitation.pk} {invitation.serial}"


def invitation_accepted(invitation: Invitation, membership: Membership) -> None:
    """Tell who invited somebody that they came."""
    words = _words(membership)
    subject = _("%(person)s accepted your invitation to %(namespace)s") % words
    message = Message(Kind.MEMBERS, subject, "", words["link"], about=membership.person_id)
    if invitation.created_by.is_active:
        tell(message, to([invitation.created_by]))


def course_ended(course: Invitation, ended: Sequence[Membership], by: User) -> None:
    """Tell everybody of a course that they are out."""
    names = {"namespace": course.namespace, "course": course.title}
    subject = _("You are not a member of %(namespace)s any more") % names
    text = _("The course is over: %(course)s") % names
    link = course.namespace.get_absolute_url() if course.namespace.is_reachable else ""
    message = Message(Kind.MEMBERSHIPS, subject, text, link, by=by.pk)
    tell(message, to(each.person for each in ended if each.person.is_active))


def announced(announcement: Announcement, readers: Sequence[User]) -> None:
    """Tell members what an admin wrote; answers go to who wrote it, whose address is named therefore."""
    by, namespace = announcement.created_by, announcement.namespace
    text = _("%(text)s\n\n%(by)s wrote this to members of %(namespace)s.") % {
        "text": announcement.text, "by": by, "namespace": namespace,
    }  # fmt: skip
    if by.email:
        text += " " + _("Answer to %(address)s.") % {"address": by.email}
    subject = f"{namespace}: {announcement.subject}"
    link = namespace.get_absolute_url()
    message = Message(Kind.ANNOUNCEMENTS, subject, text, link, by=by.pk, reply_to=by.email)
    tell(message, to(readers), event=f"announcement {announcement.pk}")


def role_changed(membership: Membership, by: User) -> None:
    """Tell a member what they are now."""
    _tell_member(membership, by, _("You are %(role)s in %(namespace)s now"))


def took_over(membership: Membership, instead_of: User, by: User | None) -> None:
    """Tell a member that they are an admin now, from whom they take over, and who decided it."""
    names = {"namespace": membership.namespace, "person": instead_of}
    subject = _("You are an admin of %(namespace)s now: you take over from %(person)s") % names
    text = _("You decide who else may work there.")
    link = membership.namespace.get_absolute_url()
    message = Message(Kind.MEMBERSHIPS, subject, text, link, about=instead_of.pk, by=by.pk if by else None)
    tell(message, to([membership.person]))


def successor_named(membership: Membership, successor: User) -> None:
    """Tell a member that an admin has named them to take over."""
    names = {"person": membership.person, "namespace": membership.namespace}
    subject = _("%(person)s has named you to take over %(namespace)s") % names
    text = _(
        "You become an admin there if they leave and nobody else is an admin. Until then nothing changes for you. If"
        " you do not want this, tell them."
    )
    _tell_heir(membership, successor, subject, text)


def successor_no_more(membership: Membership, successor: User) -> None:
    """Tell a member that they do not take over from an admin any more."""
    names = {"person": membership.person, "namespace": membership.namespace}
    _tell_heir(
        membership, successor, _("You do not take over %(namespace)s from %(person)s any more") % names
    )


def _tell_heir(membership: Membership, successor: User, subject: str, text: str = "") -> None:
    link, about = membership.namespace.get_absolute_url(), membership.person_id
    tell(Message(Kind.MEMBERSHIPS, subject, text, link, about=about, by=about), to([successor]))


def member_removed(membership: Membership, by: User) -> None:
    """Tell somebody that they are out."""
    _tell_member(membership, by, _("You are not a member of %(namespace)s any more"))


def member_left(membership: Membership) -> None:
    """Tell the admins that somebody left by themselves."""
    namespace = membership.namespace
    others = inbox.effective_admins().filter(namespace=namespace).exclude(person=membership.person_id)
    subject = _("%(person)s has left %(namespace)s") % {"person": membership.person, "namespace": namespace}
    link = reverse("members", args=(namespace.cluster.name, namespace.name))
    message = Message(Kind.MEMBERS, subject, link=link, about=membership.person_id)
    tell(message, to(each.person for each in others))


def end_set(membership: Membership, by: User) -> None:
    """Tell a member until when they are one, or that it does not end any more."""
    if membership.ends_at is None:
        _tell_member(membership, by, _("Your membership of %(namespace)s does not end by itself any more"))
    else:
        _tell_member(membership, by, _("You are a member of %(namespace)s until %(day)s"))


def ends_soon(membership: Membership) -> None:
    """Warn a member, and the admins who can extend it, that a membership ends soon."""
    subject = _("Your membership of %(namespace)s ends on %(day)s")
    text = _(
        "Then the cluster refuses your login there. Ask an admin of the namespace if you need it for longer."
    )
    admins = _("The membership of %(person)s in %(namespace)s ends on %(day)s")
    _tell_both(membership, (subject, text), (admins, _("You can extend it in one click among the members.")))


def ended(membership: Membership) -> None:
    """Tell a member and the admins that a membership has come to its end."""
    subject = _("Your membership of %(namespace)s has ended")
    text = _("It was to end on %(day)s. If you need it again, ask to join.")
    if not membership.namespace.is_reachable:  # they may not know of it any more
        text = _("It was to end on %(day)s. If you need it again, write to an admin.")
    admins = _("The membership of %(person)s in %(namespace)s has ended")
    _tell_both(membership, (subject, text), (admins, _("It was to end on %(day)s.")))


def last_admin_kept(membership: Membership) -> None:
    """Tell the last admin of a namespace, and the operators, that their membership was to end and did not."""
    words = _words(membership)
    subject = _("Who takes over %(namespace)s? Its last admin was to leave") % words
    text = (
        _(
            "The membership of %(person)s was to end, but nobody else is an admin. It lasts until %(day)s for now. Make"
            " somebody else an admin, or let it not end."
        )
        % words
    )
    message = Message(Kind.REQUESTS, subject, text, words["link"], about=membership.person_id)
    tell(message, [*to([membership.person]), *to_operators(but=membership.person)])


def _tell_both(membership: Membership, own: tuple[str, str], admins: tuple[str, str]) -> None:
    """Tell the member and, in other words, the admins."""
    words = _words(membership)
    if membership.person.is_active:
        is_known = membership.ended_at is None or membership.namespace.is_reachable
        link = membership.namespace.get_absolute_url() if is_known else ""
        tell(Message(Kind.MEMBERSHIPS, own[0] % words, own[1] % words, link), to([membership.person]))
    others = (
        inbox.effective_admins().filter(namespace=membership.namespace).exclude(person=membership.person_id)
    )
    subject, text = (each % words for each in admins)
    message = Message(Kind.MEMBERS, subject, text, words["link"], about=membership.person_id)
    tell(message, to(each.person for each in others))


def _words(membership: Membership) -> dict[str, str]:
    """Return what the words about an end are filled with, and the page where it is changed."""
    namespace, last_day = membership.namespace, membership.last_day
    return {
        "person": str(membership.person), "namespace": str(namespace),
        "day": days.in_words(last_day) if last_day else "",
        "link": reverse("members", args=(namespace.cluster.name, namespace.name)),
    }  # fmt: skip


def _tell_member(membership: Membership, by: User, words: str) -> None:
    """Tell a member; but for who is kept out or being deleted, who is told of that."""
    if not membership.person.is_active:
        return
    namespace = membership.namespace
    subject = words % {**_words(membership), "role": access.label(membership.role)}
    text = _("%(by)s decided it.") % {"by": by}
    link = namespace.get_absolute_url()
    tell(Message(Kind.MEMBERSHIPS, subject, text, link, by=by.pk), to([membership.person]))


def on_identity_changed(sender: type[Identity], identity: Identity, **_kwargs: object) -> None:
    """Tell the other admins of every namespace that somebody is in by which login they come, or do not any more.

    Each of them once, with all the namespaces that they have in common.
    """
    person = identity.person
    in_them = Membership.objects.current().filter(person=person).values("namespace")
    shared: dict[User, list[Namespace]] = defaultdict(list)
    admins = inbox.effective_admins().filter(namespace__in=in_them).exclude(person=person)
    for membership in admins.select_related("namespace__cluster").order_by("namespace__name"):
        shared[membership.person].append(membership.namespace)
    event = str(uuid.uuid4())
    for admin, namespaces in shared.items():
        tell(_identity_changed(identity, namespaces), to([admin]), event=event)


def _identity_changed(identity: Identity, namespaces: list[Namespace]) -> Message:
    names: dict[str, object] = {"person": identity.person, "identity": identity}
    if identity.state == Identity.State.ACTIVE:
        subject = _("%(person)s has a further login") % names
        text = _("%(identity)s is %(person)s as well, and has the same rights in: %(namespaces)s.")
    else:
        subject = _("%(person)s has given up a login") % names
        text = _("%(identity)s is not %(person)s any more, and has no rights left in: %(namespaces)s.")
    names["namespaces"] = ", ".join(namespace.name for namespace in namespaces)
    first = namespaces[0]
    link = reverse("members", args=(first.cluster.name, first.name))
    return Message(Kind.MEMBERS, subject, text % names, link, about=identity.person_id)
