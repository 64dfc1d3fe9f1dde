import re

from localcluster.layout import SUBJECT_PATTERN
from localcluster.people import ANA, FAHIM, PEOPLE, DemoPerson


def test_claims_have_the_form_of_cilogon() -> None:
    assert ANA.all_claims() == {
        "name": "Ana Kim",
        "given_name": "Ana",
        "family_name": "Kim",
        "email": ANA.email,
        "eppn": ANA.email,
        "idp": "urn:mace:incommon:ou.edu",
        "idp_name": "University of Oklahoma",
    }


def test_last_word_is_the_family_name() -> None:
    claims = FAHIM.all_claims()
    assert (claims["given_name"], claims["family_name"]) == ("Fahim Hasan", "Khan")


def test_claims_given_win_and_empty_ones_are_not_sent() -> None:
    person = DemoPerson("s", "A B", "", "e", "I", "line", {"idp": None, "is_staff": True, "name": "C D"})
    claims = person.all_claims()
    assert claims["name"] == "C D"
    assert claims["is_staff"] is True
    assert claims.keys().isdisjoint({"idp", "email"})


def test_everybody_is_somebody_else_and_acceptable_to_the_cluster() -> None:
    subjects = [person.subject for person in PEOPLE]
    assert len(set(subjects)) == len(subjects)
    assert all(re.search(SUBJECT_PATTERN, subject) for subject in subjects)


def test_no_address_reaches_anybody() -> None:
    assert all(person.email.endswith(".example") for person in PEOPLE)
