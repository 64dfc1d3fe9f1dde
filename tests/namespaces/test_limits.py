"""What an operator types becomes exactly one limit, or a sentence that says why not."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from namespaces.limits import (
    MOST_WHOLE,
    Key,
    Kind,
    Misunderstood,
    amount_of,
    missing_defaults,
    problems,
    read_amount,
    read_key,
)

GI = 2**30


@pytest.mark.parametrize(
    ("kind", "typed", "resource"),
    [
        (Kind.QUOTA, "cpu", "cpu"), (Kind.QUOTA, " requests.cpu ", "requests.cpu"),
        (Kind.QUOTA, "pods", "pods"),
        (Kind.QUOTA, "nvidia.com/gpu", "requests.nvidia.com/gpu"),
        (Kind.QUOTA, "requests.nvidia.com/gpu", "requests.nvidia.com/gpu"),
        (Kind.QUOTA, "count/jobs.batch", "count/jobs.batch"), (Kind.QUOTA, "count/pods", "count/pods"),
        (Kind.QUOTA, "count/widgets.example.org", "count/widgets.example.org"),
        (Kind.QUOTA, f"count/{'a' * 42}.{'b' * 16}.org", f"count/{'a' * 42}.{'b' * 16}.org"),
        (Kind.QUOTA, "rook-ceph.storageclass.storage.k8s.io/requests.storage",
         "rook-ceph.storageclass.storage.k8s.io/requests.storage"),
        (Kind.MAX, "memory", "memory"), (Kind.DEFAULT, "nvidia.com/gpu", "nvidia.com/gpu"),
    ],
)  # fmt: skip
def test_name_is_understood(kind: Kind, typed: str, resource: str) -> None:
    assert read_key(kind, typed) == Key(kind, resource)


@pytest.mark.parametrize(
    ("kind", "typed", "said"),
    [
        (Kind.QUOTA, "limits.nvidia.com/gpu", "write requests.nvidia.com/gpu"),
        (Kind.QUOTA, "podz", "no resource"),
        (Kind.QUOTA, "", "no resource"), (Kind.QUOTA, "Pods", "no resource"),
        (Kind.QUOTA, "ｐods", "not the name"),
        (Kind.QUOTA, "a" * 254, "not the name"), (Kind.QUOTA, "count/", "no resource"),
        (Kind.QUOTA, "gpu", "no resource"),
        (Kind.QUOTA, "x.storageclass.storage.k8s.io/pods", "no resource"),
        (Kind.QUOTA, "pods\0", "no resource"),
        (Kind.QUOTA, "requests.requests.nvidia.com/gpu", "no resource"),
        (Kind.QUOTA, "kubernetes.io/gpu", "no resource"), (Kind.QUOTA, "requests.x.kubernetes.io/gpu", "no resource"),
        (Kind.QUOTA, f"{'a.' * 100}example/{'b' * 45}", "not the name"),
        (Kind.QUOTA, f"{'a.' * 122}ab/x", "not the name"),
        (Kind.QUOTA, f"count/{'a' * 40}.{'b' * 20}.org", "not the name"),
        (Kind.QUOTA, "<b>/x", "no resource"), (Kind.MAX, "pods", "no resource of a container"),
        (Kind.MAX, "requests.cpu", "no resource of a container"),
        (Kind.MAX, "requests.nvidia.com/gpu", "no resource of a container"),
        (Kind.MAX, f"example.org/{'b' * 64}", "no resource of a container"),
    ],
)  # fmt: skip
def test_name_that_nothing_would_enforce_is_refused(kind: Kind, typed: str, said: str) -> None:
    with pytest.raises(Misunderstood, match=said):
        read_key(kind, typed)


@pytest.mark.parametrize(
    ("resource", "typed", "amount"),
    [
        ("cpu", "4", 4000), ("cpu", "1.5", 1500), ("cpu", "500m", 500), ("requests.cpu", "0", 0),
        ("cpu", "0.25", 250),
        ("memory", "64Gi", 64 * GI), ("memory", "1.5Gi", 3 * GI // 2), ("memory", "2G", 2 * 10**9),
        ("memory", "0", 0),
        ("requests.storage", "1Pi", 2**50), ("memory", "1048576", 2**20), ("pods", "20", 20),
        ("pods", " 7 ", 7),
        ("requests.nvidia.com/gpu", "2", 2),
    ],
)  # fmt: skip
def test_amount_is_understood(resource: str, typed: str, amount: int) -> None:
    assert read_amount(Key(Kind.QUOTA, resource), typed) == amount


@pytest.mark.parametrize("resource", ["cpu", "memory", "pods"])
@pytest.mark.parametrize(
    "typed",
    [
        "-1", "+1", "0x10", "٣", "१", "1e3", "1e99", "1E3", "NaN", "Infinity", "1" + 23 * "0", "", " ",
        "1 Gi", "1GiB", "1gi",
        "1,5", "1_000", "one", "01", ".5", "5.", "1.0001", "0b1", "1\0", "1\n2", "1/2", "½", "１", "1;2",
        "true",
    ],
)  # fmt: skip
def test_hostile_amount_is_refused(resource: str, typed: str) -> None:
    with pytest.raises(Misunderstood):
        read_amount(Key(Kind.QUOTA, resource), typed)


@pytest.mark.parametrize(
    ("resource", "typed", "said"),
    [
        ("pods", "1.5", "whole number"), ("pods", "2k", "whole number"),
        ("requests.nvidia.com/gpu", "1.0", "whole number"),
        ("cpu", "1Gi", "cores"), ("memory", "500m", "with a unit"), ("memory", "8", "less than one Mi"),
        ("memory", "0.0001Ki", "with a unit"), ("memory", "0.001Ki", "smallest part"),
        ("cpu", "1.5m", "smallest part"),
        ("memory", "1025Pi", "more than any cluster"), ("pods", "999999999999999999", "more than any cluster"),
        ("gold.storageclass.storage.k8s.io/requests.storage", "9Pi", "more than any cluster"),
    ],
)  # fmt: skip
def test_amount_in_the_wrong_unit_is_told_the_right_one(resource: str, typed: str, said: str) -> None:
    with pytest.raises(Misunderstood, match=said):
        read_amount(Key(Kind.QUOTA, resource), typed)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_understood_or_refused(name: str, typed: str) -> None:
    understood = None
    with contextlib.suppress(Misunderstood):
        understood = read_amount(read_key(Kind.QUOTA, name), typed)
    assert understood is None or 0 <= understood <= 2**60


@given(st.sampled_from(["cpu", "memory", "pods"]), st.integers(min_value=0, max_value=2**60))
def test_what_a_page_shows_is_understood_again(resource: str, amount: int) -> None:
    key = Key(Kind.QUOTA, resource)
    amount = min(amount, MOST_WHOLE) if resource == "pods" else amount
    if resource == "memory" and 0 < amount < 2**20:
        return
    assert read_amount(key, key.text(amount)) == amount


def test_order_of_the_limits_of_a_container_is_checked() -> None:
    amounts = {
        Key(Kind.MIN, "cpu"): 100, Key(Kind.DEFAULT_REQUEST, "cpu"): 500, Key(Kind.DEFAULT, "cpu"): 400,
        Key(Kind.MAX, "cpu"): 2000, Key(Kind.MAX, "memory"): 1,
    }  # fmt: skip
    assert [(key.kind, words) for key, words in problems(amounts)] == [
        (Kind.DEFAULT_REQUEST, "More than a container without a limit: 400m.")
    ]


@pytest.mark.parametrize(
    ("quota", "container", "missing"),
    [
        ("requests.cpu", {}, [Kind.DEFAULT_REQUEST]), ("cpu", {}, [Kind.DEFAULT_REQUEST]),
        ("limits.cpu", {}, [Kind.DEFAULT]),
        ("requests.cpu", {Kind.DEFAULT: 1}, []), ("requests.cpu", {Kind.DEFAULT_REQUEST: 1}, []),
        ("limits.cpu", {Kind.DEFAULT_REQUEST: 1}, [Kind.DEFAULT]), ("pods", {}, []),
    ],
)  # fmt: skip
def test_quota_needs_defaults_for_who_says_nothing(
    quota: str, container: dict[Kind, int], missing: list[Kind]
) -> None:
    amounts = {
        Key(Kind.QUOTA, quota): 4000,
        **{Key(kind, "cpu"): amount for kind, amount in container.items()},
    }
    assert [key.kind for key in missing_defaults(amounts)] == missing


@pytest.mark.parametrize("resource", ["pods", "gold.storageclass.storage.k8s.io/requests.storage"])
def test_amount_in_the_cluster_that_nobody_could_type_is_none_to_adopt(resource: str) -> None:
    key = Key(Kind.QUOTA, resource)
    assert amount_of(key, str(MOST_WHOLE)) == MOST_WHOLE
    assert amount_of(key, str(MOST_WHOLE + 1)) is None
