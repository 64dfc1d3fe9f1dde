"""The proxy of the fault tests: nothing is there of it until a rule says so, and then exactly that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters.api import NAMESPACE, ROLE_BINDING, Throttled, Unavailable
from clusters.config import load
from clusters.kube import KubeCluster
from clusters.raw import Request
from localcluster.admin_api import AdminApi
from localcluster.layout import CLUSTER
from tests.clusters.raw_api import RawApi
from tests.conftest import ControlPlane
from tests.contract.hands import binding, listed, namespace, titles
from tests.faults import exchange
from tests.faults.exchange import Effect
from tests.faults.proxy import Proxy, detour, join


@pytest.fixture
def api(proxy: Proxy, tmp_path: Path) -> KubeCluster:
    config = load(detour(proxy.layout, proxy.address, tmp_path))[CLUSTER]
    return KubeCluster(config, config.credentials["worker"])


@pytest.fixture
def outside(control_plane: ControlPlane) -> AdminApi:
    return AdminApi(control_plane.layout)


@pytest.fixture
def place(api: KubeCluster, outside: AdminApi, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace with two bindings."""
    name = f"proxy-{abs(hash(request.node.name)) % 10**10}"
    api.create(NAMESPACE, namespace(name))
    for person in (1, 2):
        api.create(ROLE_BINDING, binding(name, person))
    yield name
    outside.expect("DELETE", f"/api/v1/namespaces/{name}")


def test_without_rules_every_answer_is_that_of_the_api_server(
    proxy: Proxy, control_plane: ControlPlane, tmp_path: Path
) -> None:
    direct = control_plane.config
    through = load(detour(proxy.layout, proxy.address, tmp_path))[CLUSTER]
    token = kubeconfig_token(direct.credentials["worker"])
    paths = (
        "/api/v1/namespaces/kube-system",
        "/api/v1/namespaces/no-such-thing",
        "/version",
        "/no/such/path",
    )
    for path in paths:
        asked = Request("GET", path)
        assert RawApi(through, token).send(asked) == RawApi(direct, token).send(asked)
    assert [call.target for call in proxy.calls] == list(paths)
    refused = RawApi(through, "nonsense").send(Request("GET", paths[0]))
    assert refused.status == 401


def kubeconfig_token(path: Path) -> str:
    text = path.read_text()
    return text.split("token: ")[1].split()[0]


def test_without_rules_everything_works_over_one_connection(
    proxy: Proxy, api: KubeCluster, place: str
) -> None:
    assert len(listed(api, ROLE_BINDING, place, limit=1)) == 2
    found = api.get(ROLE_BINDING, binding(place)["metadata"]["name"], place)
    api.delete(ROLE_BINDING, found["metadata"]["name"], place, uid=found["metadata"]["uid"])
    assert titles(listed(api, ROLE_BINDING, place)) == [binding(place, 2)["metadata"]["name"]]
    assert proxy.visits == 1


def test_rule_is_for_the_method_and_the_path_alone_and_as_often_as_it_says(
    proxy: Proxy, api: KubeCluster, place: str
) -> None:
    with proxy.breaking(exchange.status(503), "GET", "/rolebindings", times=2) as rule:
        api.get(NAMESPACE, place)
        api.create(ROLE_BINDING, binding(place, 3))
        for _time in range(2):
            with pytest.raises(Unavailable):
                listed(api, ROLE_BINDING, place)
        assert len(listed(api, ROLE_BINDING, place)) == 3
    assert rule.hits == 2


def test_chance_is_repeatable(control_plane: ControlPlane, tmp_path: Path) -> None:
    def fates() -> list[int]:
        with Proxy(control_plane.layout, seed=7) as proxy:
            config = load(detour(proxy.layout, proxy.address, tmp_path))[CLUSTER]
            with proxy.breaking(exchange.status(418), chance=0.5):
                return [RawApi(config, "x").send(Request("GET", "/version")).status for _time in range(12)]

    seen = fates()
    assert {418} < set(seen)
    assert fates() == seen


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (exchange.reset, "broke"),
        (exchange.status(502, exchange.HTML, Content_Type="text/html"), "502"),
        (exchange.status(200, exchange.HTML), "not of the Kubernetes API"),
        (exchange.status(200), "not of the Kubernetes API"),
        (exchange.cut(), "broke"),
    ],
    ids=["reset", "gateway", "page of HTML", "nothing", "cut"],
)
def test_what_is_broken_breaks_the_call(
    proxy: Proxy, api: KubeCluster, place: str, effect: Effect, said: str
) -> None:
    with proxy.breaking(effect, times=1) as rule, pytest.raises(Unavailable, match=said):
        api.get(NAMESPACE, place)
    assert rule.hits == 1
    assert api.get(NAMESPACE, place)["metadata"]["name"] == place


def test_silence_lasts_until_the_caller_gives_up(
    proxy: Proxy, api: KubeCluster, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clusters.kube.READ_SECONDS", 0.3)
    with proxy.breaking(exchange.swallow), pytest.raises(Unavailable, match="did not answer within"):
        api.get(NAMESPACE, place)
    with proxy.breaking(exchange.delay(0.1)) as rule:
        assert api.get(NAMESPACE, place)["metadata"]["name"] == place
    assert rule.hits == 1


def test_throttling_carries_its_header(proxy: Proxy, api: KubeCluster, place: str) -> None:
    with proxy.breaking(exchange.status(429, Retry_After="7")), pytest.raises(Throttled) as raised:
        api.get(NAMESPACE, place)
    assert raised.value.retry_after == 7


def test_items_are_dropped_by_their_name_and_others_stay(proxy: Proxy, api: KubeCluster, place: str) -> None:
    gone, kept = (binding(place, person)["metadata"]["name"] for person in (1, 2))
    with proxy.breaking(exchange.drop_items(gone), "GET", "/rolebindings"):
        assert titles(listed(api, ROLE_BINDING, place)) == [kept]


def test_lost_answer_is_one_to_a_deed_that_was_done(proxy: Proxy, api: KubeCluster, place: str) -> None:
    with proxy.breaking(exchange.lose_answer, "POST", "/rolebindings"), pytest.raises(Unavailable):
        api.create(ROLE_BINDING, binding(place, 3))
    assert len(listed(api, ROLE_BINDING, place)) == 3
    with proxy.breaking(exchange.reset, "POST", "/rolebindings"), pytest.raises(Unavailable):
        api.create(ROLE_BINDING, binding(place, 4))
    assert len(listed(api, ROLE_BINDING, place)) == 3


def test_something_can_happen_right_before_a_call(
    proxy: Proxy, api: KubeCluster, outside: AdminApi, place: str
) -> None:
    def make() -> None:
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}}
        outside.expect("POST", f"/api/v1/namespaces/{place}/configmaps", manifest)

    made = f"/api/v1/namespaces/{place}/configmaps/made"
    assert outside.call("GET", made)[0] == 404
    with proxy.breaking(exchange.first(make), "GET", place):
        api.get(NAMESPACE, place)
    assert outside.call("GET", made)[0] == 200


def test_nobody_is_there_while_it_is_down_and_afterwards_all_is_well(
    proxy: Proxy, api: KubeCluster, place: str
) -> None:
    api.get(NAMESPACE, place)
    with proxy.down(), pytest.raises(Unavailable, match="refused"):
        api.get(NAMESPACE, place)
    assert api.get(NAMESPACE, place)["metadata"]["name"] == place


def test_facts_of_several_clusters_stand_in_one_file(proxy: Proxy, tmp_path: Path) -> None:
    one = detour(proxy.layout, proxy.address, tmp_path)
    other = detour(proxy.layout, "https://127.0.0.1:1", tmp_path, name="other")
    configs = load(join(tmp_path, one, other))
    assert [(name, config.server) for name, config in configs.items()] == [
        (CLUSTER, proxy.address), ("other", "https://127.0.0.1:1"),
    ]  # fmt: skip
    assert configs[CLUSTER].credentials["worker"] != configs["other"].credentials["worker"]
