"""Named sets of limits: what a new namespace gets, and what an operator can choose for any.

A profile is copied into the rows of a namespace when somebody chooses it. A change of the file changes no namespace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from namespaces.limits import Amounts, Kind, Misunderstood, missing_defaults, problems, read_amount, read_key

_BUILT_IN = """
default: standard
profiles:
  standard:
    title: Standard
    quota:
      requests.cpu: "20"
      requests.memory: 80Gi
      limits.cpu: "40"
      limits.memory: 160Gi
      requests.nvidia.com/gpu: 4
      pods: 100
      persistentvolumeclaims: 20
      requests.storage: 1Ti
    default_request: {cpu: 100m, memory: 256Mi}
    default: {cpu: "1", memory: 2Gi}
"""


class ProfileError(Exception):
    """The file of profiles cannot be used; the message names the place in it."""


@dataclass(frozen=True)
class Profile:
    """A set of limits with a name."""

    name: str
    title: str
    amounts: Amounts


@dataclass(frozen=True)
class Profiles:
    """All profiles by name, and the one that a new namespace gets."""

    by_name: Mapping[str, Profile]
    default: Profile


def configured_profiles() -> Profiles:
    """Return the profiles of this installation: those of its file, else the built-in one. Raises ProfileError."""
    return _load(settings.LIMIT_PROFILES_FILE)


@lru_cache(maxsize=4)
def _load(path: str) -> Profiles:
    try:
        text = Path(path).read_text(encoding="utf-8") if path else _BUILT_IN
        # Every scalar stays the text that was written: else 0x10 would be 16, 010 be 8, and 1:30 be 90.
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but texts, lists and maps
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ProfileError(" ".join(str(error).split())) from error
    return read(document)


def read(document: object) -> Profiles:
    """Return the profiles that a document holds. Raises ProfileError that names the place."""
    if not isinstance(document, dict) or set(document) != {"default", "profiles"}:
        raise ProfileError("the file has two keys: default and profiles")
    if not isinstance(document["profiles"], dict):
        raise ProfileError("profiles: a map from names to profiles")
    profiles = {str(name): _profile(str(name), content) for name, content in document["profiles"].items()}
    default = profiles.get(str(document["default"]))
    if default is None:
        raise ProfileError(f"default: there is no profile {document['default']!r}")
    return Profiles(profiles, default)


def _profile(name: str, content: Any) -> Profile:
    if not isinstance(content, dict):
        raise ProfileError(f"profiles.{name}: a map")
    unknown = set(content) - {"title", *Kind.values}
    if unknown:
        raise ProfileError(f"profiles.{name}.{sorted(map(str, unknown))[0]}: unknown key")
    amounts = {}
    for kind in Kind:
        values = content.get(kind.value) or {}
        if not isinstance(values, dict):
            raise ProfileError(f"profiles.{name}.{kind.value}: a map from resources to quantities")
        for resource, quantity in values.items():
            try:
                key = read_key(kind, str(resource))
                amount = read_amount(key, str(quantity))
            except Misunderstood as problem:
                raise ProfileError(f"profiles.{name}.{kind.value}.{resource}: {problem}") from problem
            if key in amounts:
                raise ProfileError(f"profiles.{name}.{kind.value}.{resource}: this is limited above already")
            amounts[key] = amount
    for key, words in problems(amounts):
        raise ProfileError(f"profiles.{name}.{key.kind}.{key.resource}: {words}")
    for key in missing_defaults(amounts):
        raise ProfileError(f"profiles.{name}.{key.kind}.{key.resource}: the quota needs it")
    return Profile(name, str(content.get("title") or name), amounts)
