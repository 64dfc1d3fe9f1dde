"""People who have never logged in. A first login happens once: each test that needs one has a newcomer of its own."""

from __future__ import annotations

from localcluster.people import PEOPLE, DemoPerson

_OU = ("urn:mace:incommon:ou.edu", "University of Oklahoma")
_UCM = ("urn:mace:incommon:ucmerced.edu", "UC Merced")


def _newcomer(number: int, name: str, institution: tuple[str, str]) -> DemoPerson:
    local = name.lower().replace(" ", ".")
    return DemoPerson(
        subject=f"http://cilogon.org/serverA/users/{number}",
        name=name,
        email=f"{local}@{institution[0].rsplit(':', 1)[1].replace('.edu', '.example')}",
        entity_id=institution[0],
        institution=institution[1],
        line="Newcomer: never logged in yet, starts as guest",
    )


# The main job, done in three ways.
NOOR = _newcomer(13600601, "Noor Haddad", _OU)  # by keyboard alone
IRIS = _newcomer(13600602, "Iris Novak", _UCM)  # without scripts

# What else happens to people.
TOMAS = _newcomer(13600603, "Tomás Vega", _UCM)  # asks a namespace whose student admin may not vouch
LENA = _newcomer(13600604, "Lena Fuchs", _OU)  # gets a level from an operator
RAVI = _newcomer(13600605, "Ravi Menon", _UCM)  # is vouched for
GRETA = _newcomer(13600606, "Greta Holm", _OU)  # stays a guest, for the pages that a guest sees
BEA = _newcomer(13600607, "Bea Rossi", _OU)  # moves to another institution, where she is
BEATRICE = _newcomer(13600608, "Beatrice Rossi", _UCM)
SAMI = _newcomer(13600609, "Sami Okoro", _UCM)  # stays suspended, for the pages that show it
JUNO = _newcomer(13600610, "Juno Reed", _OU)  # is suspended and comes back
SOFIA = _newcomer(13600621, "Sofia Costa", _UCM)  # asks to become a user, then for level admin
MARTA = _newcomer(13600622, "Marta Silva", _OU)  # becomes an operator with a second factor
DORA = _newcomer(13600623, "Dora Blum", _OU)  # has her account deleted, and comes back
PETRA = _newcomer(13600624, "Petra Weiss", _UCM)  # is let in on a phone, by mistake
OSKAR = _newcomer(13600625, "Oskar Lund", _OU)  # asks while the admin is away
MIRA = _newcomer(13600626, "Mira Patel", _UCM)  # comes by the link of a course
NOAH = _newcomer(13600627, "Noah Stern", _OU)  # is invited by address
VIGGO = _newcomer(13600641, "Viggo Dahl", _OU)  # an admin who is not seen again

EVERYBODY = (
    *(*PEOPLE, NOOR, IRIS, TOMAS, LENA, RAVI, GRETA, BEA, BEATRICE, SAMI, JUNO, SOFIA, MARTA, DORA),
    *(PETRA, OSKAR, MIRA, NOAH, VIGGO),
)
