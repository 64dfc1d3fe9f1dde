import stat
from pathlib import Path

import pytest
import yaml

from localcluster import layout as layouts
from localcluster.errors import LocalClusterError
from localcluster.layout import Layout, Ports, load, prepare, refresh
from localcluster.people import ANA, PEOPLE, DemoPerson


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_directories_and_secrets_are_for_the_owner_only(layout: Layout) -> None:
    directories = [layout.directory, layout.pki, layout.logs, layout.credential("admin").parent]
    assert {_mode(directory) for directory in directories} == {0o700}
    secret = [*layout.pki.glob("*.key"), *layout.directory.glob("credentials/*"), layout.portal_client_secret]
    assert len(secret) == 10
    assert {_mode(path) for path in secret} == {0o600}


def test_preparing_again_keeps_keys_secrets_ports_and_people(layout: Layout) -> None:
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in layout.directory.rglob("*") if path.is_file()}

    before = content()
    assert prepare(layout.directory) == layout
    assert refresh(layout.directory) == layout
    assert content() == before


def test_other_ports_change_the_files_of_facts(layout: Layout) -> None:
    ports = Ports.free()
    moved = prepare(layout.directory, ports=ports)
    cluster = yaml.safe_load(moved.clusters_file.read_text())["clusters"][0]
    assert cluster["server"] == f"https://127.0.0.1:{ports.api_server}"
    assert load(layout.directory).ports == ports


def test_clusters_file_says_what_the_portal_reads(layout: Layout) -> None:
    (cluster,) = yaml.safe_load(layout.clusters_file.read_text())["clusters"]
    issuer_port = layout.ports.oidc_https
    assert cluster == {
        "name": "nautilus",
        "title": "Nautilus",
        "server": f"https://127.0.0.1:{layout.ports.api_server}",
        "certificate_authority_file": "pki/ca.crt",
        "credentials": {
            "worker": "credentials/worker.kubeconfig",
            "observer": "credentials/observer.kubeconfig",
            "reaper": "credentials/reaper.kubeconfig",
        },
        "status_file": "status.json",
        "issuers": [
            {
                "issuer": f"https://localhost:{issuer_port}",
                "client_id": "berth-kubectl",
                "prefix": "",
                "pattern": "^http://cilogon[.]org/server[A-Z]/users/[0-9]+$",
                "certificate_authority_file": "pki/ca.crt",
            }
        ],
    }


def test_issuers_file_says_what_the_portal_reads(layout: Layout) -> None:
    (issuer,) = yaml.safe_load(layout.issuers_file.read_text())["issuers"]
    institutions = issuer.pop("institutions")
    assert issuer == {
        "id": "cilogon",
        "name": "CILogon",
        "issuer": layout.issuer,
        "client_id": "berth-portal",
        "client_secret_file": "portal-client-secret",
        "scopes": ["openid", "email", "profile", "org.cilogon.userinfo"],
        "form_action_origins": [f"http://localhost:{layout.ports.oidc_http}"],
        "certificate_authority_file": "pki/ca.crt",
    }
    assert institutions[0] == {
        "entity_id": "urn:mace:incommon:ucsc.edu",
        "name": "UC Santa Cruz",
        "ror": "https://ror.org/03s65by71",
    }
    assert {entry["entity_id"] for entry in institutions} == {person.entity_id for person in PEOPLE}


def test_people_of_the_caller_are_kept_until_others_are_given(layout: Layout) -> None:
    stranger = DemoPerson("sub", "A B", "a@x.example", "urn:x", "X", "line", {"groups": ["system:masters"]})
    prepare(layout.directory, people=[ANA, stranger])
    assert load(layout.directory).people() == (ANA, stranger)
    assert refresh(layout.directory).people() == (ANA, stranger)
    assert prepare(layout.directory).people() == PEOPLE


def test_kubeconfig_of_the_administrator_points_to_files_that_are_there(layout: Layout) -> None:
    document = yaml.safe_load(layout.credential("admin").read_text())
    named = [
        document["clusters"][0]["cluster"]["certificate-authority"],
        *document["users"][0]["user"].values(),
    ]
    assert len(named) == 3
    assert all(Path(path).is_file() for path in named)


def test_refreshing_an_empty_directory_prepares_the_demonstration(tmp_path: Path) -> None:
    place = refresh(tmp_path / "new")
    assert (place.ports, place.people()) == (Ports(), PEOPLE)


def test_directory_that_was_never_prepared_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LocalClusterError, match="is not prepared"):
        load(tmp_path)


def test_damaged_ports_file_is_named(layout: Layout) -> None:
    (layout.directory / "ports.json").write_text('{"api_server": 1, "nonsense": 2}')
    with pytest.raises(LocalClusterError, match=r"ports\.json is damaged.*nonsense"):
        load(layout.directory)


def test_demonstration_has_the_ports_that_the_documentation_names() -> None:
    assert layouts.Ports() == Ports(16443, 12379, 12380, 18443, 18080, 8088, 16379, 18025)
