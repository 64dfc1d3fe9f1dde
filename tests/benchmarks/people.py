"""People and rows for the measurements, and their logins."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

import requests

from localcluster.layout import ISSUER_ID, KUBECTL_CLIENT, Layout
from localcluster.people import DemoPerson
from localcluster.plugin import oidc_login

CROWD = 20


def crowd() -> list[DemoPerson]:
    """Return who takes part: an admin first, then those who join and are removed."""
    return [
        DemoPerson(
            subject=f"http://cilogon.org/serverA/users/{7000 + number}",
            name=f"Bench Person {number}",
            email=f"bench{number}@ucsc.example",
            entity_id="urn:mace:incommon:ucsc.edu",
            institution="UC Santa Cruz",
            line="takes part in a measurement",
        )
        for number in range(CROWD + 1)
    ]


def id_token(layout: Layout, subject: str) -> str:
    """Return an ID token such as kubectl sends, through a real login."""
    arguments = ["get-token", f"--oidc-issuer-url={layout.issuer}", f"--oidc-client-id={KUBECTL_CLIENT}"]
    arguments += [f"--certificate-authority={layout.certificate_authority}", "--oidc-pkce-method=S256"]
    return oidc_login.log_in(oidc_login.parse(arguments), subject)


@dataclass
class Browser:
    """A logged-in person at the portal, with what a browser keeps: cookies and one connection."""

    url: str
    session: requests.Session

    def post(self, path: str, **form: str) -> requests.Response:
        """Submit a form; the token against forgery is the one of the session's cookie."""
        form["csrfmiddlewaretoken"] = self.session.cookies["csrftoken"]
        headers = {"Referer": self.url + path}
        return self.session.post(
            self.url + path, data=form, headers=headers, allow_redirects=False, timeout=30
        )


def log_in(url: str, layout: Layout, subject: str, *, note: Callable[..., None] | None = None) -> Browser:
    """Log in at the portal as a browser does: login page, identity provider, callback. `note` is given each answer."""
    session = requests.Session()
    if note is not None:
        session.hooks["response"].append(note)
    session.trust_env = False
    session.verify = str(layout.certificate_authority)
    page = session.get(f"{url}/accounts/login/", timeout=30)
    action = re.search(rf'action="([^"]*{ISSUER_ID}[^"]*)"', page.text)
    if action is None:
        raise RuntimeError("the login page has no form for the identity provider")
    form = {"csrfmiddlewaretoken": session.cookies["csrftoken"]}
    answer = session.post(
        urljoin(url, action[1]), data=form, headers={"Referer": page.url}, allow_redirects=False, timeout=30
    )
    answer = session.post(
        answer.headers["Location"], data={"sub": subject}, allow_redirects=False, timeout=30
    )
    answer = session.get(answer.headers["Location"], timeout=30)
    if "sessionid" not in session.cookies:
        raise RuntimeError(f"the login ended with {answer.status_code} at {answer.url}")
    return Browser(url, session)
