import pytest

from localcluster.admin_api import AdminApi
from localcluster.errors import LocalClusterError
from localcluster.layout import Layout
from localcluster.testing import SharedCluster


def test_administrator_is_in_the_group_of_masters(local_cluster: SharedCluster) -> None:
    review = AdminApi(local_cluster.layout).expect(
        "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}
    )
    assert review["status"]["userInfo"]["groups"] == ["system:masters", "system:authenticated"]


def test_server_that_is_not_there_is_not_ready_and_told(layout: Layout) -> None:
    api = AdminApi(layout)
    assert not api.is_ready()
    with pytest.raises(LocalClusterError, match="the API server does not answer"):
        api.expect("GET", "/readyz")


def test_refusal_has_the_words_of_the_server(local_cluster: SharedCluster) -> None:
    with pytest.raises(LocalClusterError, match='answered 404: namespaces "nowhere" not found'):
        AdminApi(local_cluster.layout).expect("GET", "/api/v1/namespaces/nowhere")
