"""The demonstration people, with the claims that CILogon would send for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# ROR ids of the institutions (https://ror.org), so that the issuers file can name them.
ROR = {
    "urn:mace:incommon:ucsc.edu": "https://ror.org/03s65by71",
    "urn:mace:incommon:ou.edu": "https://ror.org/02aqsxs83",
    "urn:mace:incommon:ucmerced.edu": "https://ror.org/00d9ah105",
}


@dataclass(frozen=True)
class DemoPerson:
    """Somebody who can log in at the local identity provider without a password.

    `line` says in a few words who they are, for lists where one of them is picked. `claims` are sent
    as they are and win over the claims made from the other fields; a value of None leaves one out.
    """

    subject: str
    name: str
    email: str
    entity_id: str
    institution: str
    line: str
    claims: Mapping[str, Any] = field(default_factory=dict)

    def all_claims(self) -> dict[str, Any]:
        """Return the claims of this person in the form of CILogon (https://www.cilogon.org/oidc)."""
        given, _, family = self.name.rpartition(" ")
        made = {
            "name": self.name,
            "given_name": given,
            "family_name": family,
            "email": self.email,
            "eppn": self.email,
            "idp": self.entity_id,
            "idp_name": self.institution,
        }
        # CILogon leaves out what is empty.
        return {name: value for name, value in {**made, **self.claims}.items() if value not in (None, "")}


def _person(number: int, name: str, email: str, entity_id: str, institution: str, line: str) -> DemoPerson:
    return DemoPerson(f"http://cilogon.org/serverA/users/{number}", name, email, entity_id, institution, line)


_UCSC = ("urn:mace:incommon:ucsc.edu", "UC Santa Cruz")
_OU = ("urn:mace:incommon:ou.edu", "University of Oklahoma")
_UCM = ("urn:mace:incommon:ucmerced.edu", "UC Merced")

# The addresses end in the reserved .example, so that nothing ever reaches anybody.
OLGA = _person(
    13600001, "Olga Reyes", "olga.reyes@ucsc.example", *_UCSC, "Operator: runs the platform and the cluster"
)
ALEX = _person(
    13600011, "Alex Pang", "alex.pang@ucsc.example", *_UCSC, "PI, level admin: creates namespaces, vouches"
)
HOU_I = _person(
    13600071, "Hou-I Lin", "hou-i.lin@ucsc.example", *_UCSC, "Student, level user: admin of avis-fire"
)
FAHIM = _person(
    13600072,
    "Fahim Hasan Khan",
    "fahim.khan@ucsc.example",
    *_UCSC,
    "Student, level user: admin of avis-citizenscience",
)
ANA = _person(
    13600534, "Ana Kim", "ana.kim@ou.example", *_OU, "Newcomer: never logged in yet, starts as guest"
)
MAYA = _person(
    13600201, "Maya Torres", "maya.torres@ucmerced.example", *_UCM, "PI of another campus, level admin"
)
BEN = _person(
    13600305, "Ben Okafor", "ben.okafor@ou.example", *_OU, "Researcher, level user: editor in oulib"
)
B_OKAFOR = _person(
    13600306,
    "B. Okafor",
    "b.okafor@ucmerced.example",
    *_UCM,
    "Ben again, at his next institution: link the two",
)

PEOPLE: tuple[DemoPerson, ...] = (OLGA, ALEX, HOU_I, FAHIM, ANA, MAYA, BEN, B_OKAFOR)
