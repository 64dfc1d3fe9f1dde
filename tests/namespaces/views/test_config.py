"""The kubeconfig pages."""

from __future__ import annotations

import pytest
import yaml

from audit.models import Event
from namespaces.kit import DOWNLOADED
from namespaces.models import Namespace
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db


def test_page_says_whom_the_file_is_for(browse: Browse, cast: Cast, fire: Namespace) -> None:
    page = browse(cast.eda).get("/config/").content.decode()
    assert cast.eda.identities.get().subject in page
    assert "avis-fire" in page


@pytest.mark.parametrize(
    "command",
    [
        "sudo install -m 755 kubelogin /usr/local/bin/kubectl-oidc_login", "brew install kubectl kubelogin",
        "choco install kubernetes-cli kubelogin", "install -m 600 ~/Downloads/config ~/.kube/config",
        "ssh -L 8000:localhost:8000", "--skip-open-browser", "kubectl auth whoami", "kubectl get pods",
    ],
)  # fmt: skip
def test_page_has_the_commands(browse: Browse, cast: Cast, fire: Namespace, command: str) -> None:
    assert f">{command}" in browse(cast.eda).get("/config/").content.decode().replace("\n", ">")


def test_file_is_the_readers_own(browse: Browse, cast: Cast, fire: Namespace) -> None:
    answer = browse(cast.eda).get("/config/download/")
    document = yaml.safe_load(answer.content)
    assert [each["context"]["namespace"] for each in document["contexts"]] == ["avis-fire"]
    assert answer.headers["Content-Disposition"] == 'attachment; filename="config"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_file_for_a_machine_without_a_browser_differs_by_one_line(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    client = browse(cast.eda)
    usual = client.get("/config/download/").content.decode().splitlines()
    other = client.get("/config/download/?login=no-browser").content.decode().splitlines()
    assert [line.strip() for line in other if line not in usual] == ['- "--skip-open-browser"']
    assert len(other) == len(usual) + 1


def test_guest_gets_a_file_that_only_logs_in(browse: Browse, cast: Cast, fire: Namespace) -> None:
    document = yaml.safe_load(browse(cast.ana).get("/config/download/").content)
    assert "namespace" not in document["contexts"][0]["context"]
    assert "until somebody lets you into a namespace" in browse(cast.ana).get("/config/").content.decode()


def test_question_for_the_head_alone_is_no_download(browse: Browse, cast: Cast, fire: Namespace) -> None:
    assert browse(cast.eda).head("/config/download/").status_code == 405
    assert not Event.objects.filter(act=DOWNLOADED).exists()


def test_download_is_recorded(browse: Browse, cast: Cast, fire: Namespace) -> None:
    browse(cast.eda).get("/config/download/")
    event = Event.objects.get(act=DOWNLOADED)
    assert (event.actor, event.object_id) == (str(cast.eda.pk), str(cast.eda.pk))


def test_who_has_no_identity_that_counts_is_told(browse: Browse, cast: Cast, fire: Namespace) -> None:
    cast.eda.identities.update(state="retired")
    client = browse(cast.eda)
    assert "No cluster believes any of your identities" in client.get("/config/").content.decode()
    answer = client.get("/config/download/")
    assert answer.status_code == 409
    assert not Event.objects.filter(act=DOWNLOADED).exists()


@pytest.mark.parametrize(
    "query", ["?login=device-code", "?namespace=avis-fire", "?login=browser&login=browser"]
)
def test_impossible_parameter_is_refused(browse: Browse, cast: Cast, fire: Namespace, query: str) -> None:
    assert browse(cast.eda).get(f"/config/download/{query}").status_code == 400
    assert not Event.objects.filter(act=DOWNLOADED).exists()
