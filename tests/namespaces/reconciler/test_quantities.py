"""Quantities are compared by value and written in one way."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from namespaces.reconciler.quantities import SUFFIXES, Family, amount, family, is_same, value, write


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1000m", "1"), ("1024Mi", "1Gi"), ("1e3", "1k"), ("1E3", "1k"), ("0.5", "500m"), (".5", "500m"),
        ("5.", "5"),
        ("1Ki", "1024"), ("1M", "1000k"), ("+1", "1"), ("1000000u", "1"), ("1000000000n", "1"),
        ("1e-3", "1m"),
        ("0", "0Gi"), ("1E", "1000P"),
    ],
)  # fmt: skip
def test_different_spellings_of_one_value_are_the_same(one: str, other: str) -> None:
    assert is_same(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("1", "2"), ("1k", "1Ki"), ("1m", "1M"), ("1E", "1e1"), ("x", "x")]
)
def test_different_values_are_not(one: str, other: str) -> None:
    assert not is_same(one, other)


@pytest.mark.parametrize(
    "text",
    [
        "", "-", "+", ".", "0x10", "NaN", "Infinity", "inf", "1 ", " 1", "1\n", "١", "1KI", "1ki", "1e",
        "1e1.5", "--1",
        "1e9999", "1,5", "1_000", "1GiB", "1Gi1", "9" * 41, "1MiMi",
    ],
)  # fmt: skip
def test_everything_else_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        value(text)


@given(st.decimals(min_value=0, max_value=10**6, places=3), st.sampled_from(["", *SUFFIXES]))
def test_value_is_that_of_the_kubernetes_library(number: object, suffix: str) -> None:
    text = f"{number:f}{suffix}"
    assert value(text) == Fraction(parse_quantity(text))  # type: ignore[no-untyped-call]


@given(st.sampled_from(list(Family)), st.integers(min_value=0, max_value=2**60))
def test_what_is_written_is_the_amount(counted: Family, number: int) -> None:
    assert amount(counted, write(counted, number)) == number


@pytest.mark.parametrize(
    ("counted", "number", "text"),
    [
        (Family.CPU, 1500, "1500m"), (Family.CPU, 4000, "4"), (Family.CPU, 0, "0"),
        (Family.BYTES, 2**40, "1Ti"),
        (Family.BYTES, 3 * 2**29, "1536Mi"), (Family.BYTES, 1000, "1000"), (Family.BYTES, 0, "0"),
        (Family.COUNT, 20, "20"),
    ],
)  # fmt: skip
def test_amounts_are_written_as_people_do(counted: Family, number: int, text: str) -> None:
    assert write(counted, number) == text


@pytest.mark.parametrize(
    ("resource", "counted"),
    [
        ("cpu", Family.CPU), ("limits.cpu", Family.CPU), ("requests.memory", Family.BYTES),
        ("pods", Family.COUNT),
        ("requests.nvidia.com/gpu", Family.COUNT), ("count/jobs.batch", Family.COUNT),
        ("fast.storageclass.storage.k8s.io/requests.storage", Family.BYTES),
        ("fast.storageclass.storage.k8s.io/persistentvolumeclaims", Family.COUNT),
        ("requests.ephemeral-storage", Family.BYTES),
    ],
)  # fmt: skip
def test_each_resource_is_counted_in_its_unit(resource: str, counted: Family) -> None:
    assert family(resource) == counted
