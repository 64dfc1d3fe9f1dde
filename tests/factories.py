"""Rows for tests: `SomethingFactory.create(…)`."""

# The declarations of factory_boy have no types.
# mypy: disable-error-code="attr-defined,no-untyped-call"

from __future__ import annotations

import uuid

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from accounts.models import Identity, Level, User
from clusters.models import Cluster
from clusters.roles import binding_name
from namespaces.access import Role
from namespaces.logos import digest_of
from namespaces.models import Grant, Logo, Membership, Namespace, Request

ISSUER = "https://localhost:18443"


class ClusterFactory(DjangoModelFactory[Cluster]):
    class Meta:
        model = Cluster
        django_get_or_create = ("name",)

    name = "nautilus"
    title = "Nautilus"


class PersonFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    name = factory.Sequence(lambda n: f"Person {n}")
    email = factory.Sequence(lambda n: f"person{n}@example.edu")
    institution = "UC Santa Cruz"
    level = Level.USER


class IdentityFactory(DjangoModelFactory[Identity]):
    class Meta:
        model = Identity

    person = factory.SubFactory(PersonFactory)
    issuer = ISSUER
    subject = factory.Sequence(lambda n: f"http://cilogon.org/serverA/users/{100000 + n}")
    institution = factory.SelfAttribute("person.institution")
    name = factory.SelfAttribute("person.name")
    email = factory.SelfAttribute("person.email")


class NamespaceFactory(DjangoModelFactory[Namespace]):
    class Meta:
        model = Namespace

    cluster = factory.SubFactory(ClusterFactory)
    name = factory.Sequence(lambda n: f"lab-project{n}")
    description = "What we do here."
    pi_name = "Alex Pang"
    institution = "UC Santa Cruz"
    created_by = factory.SubFactory(PersonFactory, level=Level.ADMIN)


class LogoFactory(DjangoModelFactory[Logo]):
    class Meta:
        model = Logo

    namespace = factory.SubFactory(NamespaceFactory)
    content = b"the points of a picture"
    digest = factory.LazyAttribute(lambda logo: digest_of(logo.content))


class MembershipFactory(DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    namespace = factory.SubFactory(NamespaceFactory)
    person = factory.SubFactory(PersonFactory)
    role = Role.EDITOR


class RequestFactory(DjangoModelFactory[Request]):
    class Meta:
        model = Request

    namespace = factory.SubFactory(NamespaceFactory)
    person = factory.SubFactory(PersonFactory)
    role = Role.EDITOR
    reason = "I work with the group on wildfire models."


class PromotionFactory(DjangoModelFactory[Request]):
    """Somebody's request for the level after their own."""

    class Meta:
        model = Request

    kind = Request.Kind.PROMOTION
    person = factory.SubFactory(PersonFactory)
    level = factory.LazyAttribute(lambda request: Level(request.person.level).following)
    institution = factory.LazyAttribute(lambda made: "UC Merced" if made.level == Level.ADMIN else "")
    purpose = factory.LazyAttribute(
        lambda made: "Namespaces for my group and our courses." if made.level == Level.ADMIN else ""
    )
    reason = "I work with the group on wildfire models."


class TakeoverFactory(DjangoModelFactory[Request]):
    """Who takes over from somebody who has not logged in for long."""

    class Meta:
        model = Request

    kind = Request.Kind.TAKEOVER
    namespace = factory.SubFactory(NamespaceFactory)
    person = factory.SubFactory(PersonFactory)
    sign = "away"


class GrantFactory(DjangoModelFactory[Grant]):
    """What the cluster holds for a membership; active and proved unless said otherwise."""

    class Meta:
        model = Grant

    membership = factory.SubFactory(MembershipFactory)
    namespace = factory.SelfAttribute("membership.namespace")
    identity = factory.LazyAttribute(lambda grant: grant.membership.person.identities.first())
    role = factory.SelfAttribute("membership.role")
    username = factory.SelfAttribute("identity.subject")
    binding_name = factory.LazyAttribute(
        lambda grant: binding_name(grant.role, grant.identity.issuer, grant.identity.subject)
    )
    binding_uid = factory.LazyFunction(lambda: str(uuid.uuid4()))
    state = Grant.State.ACTIVE
    proved_at = factory.LazyFunction(timezone.now)


def person(name: str, **values: object) -> User:
    """Make a person with one identity."""
    made = PersonFactory.create(name=name, **values)
    IdentityFactory.create(person=made)
    return made
