"""What a person may do on the platform, outside any namespace (product.md, section 3)."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser

from accounts.models import Level, User

Reader = User | AnonymousUser


def is_known(reader: Reader) -> bool:
    """Whether the reader is a logged-in, active person."""
    return isinstance(reader, User) and reader.is_active


def is_operator(reader: Reader) -> bool:
    """Whether the reader runs the platform."""
    return isinstance(reader, User) and reader.is_operator


def may_vouch(reader: Reader) -> bool:
    """Whether the reader may make a guest a user, and answer for it."""
    return (
        isinstance(reader, User) and reader.is_active and (reader.is_superuser or reader.level == Level.ADMIN)
    )


def may_set_level(reader: Reader, person: User) -> bool:
    """Whether the reader may set this person's level: operators only, nobody their own."""
    return is_operator(reader) and reader.pk != person.pk


def may_set_operator(reader: Reader, person: User) -> bool:
    """Whether the reader may make this person an operator, or end that: operators only, nobody themselves."""
    return is_operator(reader) and reader.pk != person.pk


def may_suspend(reader: Reader, person: User) -> bool:
    """Whether the reader may suspend this person, and lift it: operators only, nobody themselves."""
    return is_operator(reader) and reader.pk != person.pk


def may_delete(reader: Reader, person: User) -> bool:
    """Whether the reader may delete this person's account, if they asked for it: operators only, nobody their own.

    So the last operator stays: whoever deletes another is one.
    """
    return is_operator(reader) and reader.pk != person.pk


def may_give_level(reader: Reader, person: User, level: str) -> bool:
    """Whether the reader may decide that this person, who asked for it, gets a level. Nobody decides their own."""
    if not isinstance(reader, User) or reader.pk == person.pk:
        return False
    return may_vouch(reader) if level == Level.USER else may_set_level(reader, person)


def may_see_people(reader: Reader) -> bool:
    """Whether the reader may open the people pages."""
    return may_vouch(reader)


def may_create_namespaces(reader: Reader) -> bool:
    """Whether the reader may create namespaces at all; how many is a rule of namespaces."""
    return may_vouch(reader)
