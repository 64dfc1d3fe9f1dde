"""The page on which operators decide what a namespace may use, and what members see of it."""

from __future__ import annotations

import html

import pytest
from django.utils.html import strip_tags

from namespaces import seen_limits
from namespaces.actions import limits as actions
from namespaces.limits import Key, Kind
from namespaces.models import Limit, Namespace
from tests.conftest import Cast
from tests.namespaces.test_seen_limits import quota, ranges
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db

FIRE = "/namespaces/nautilus/avis-fire/"
LIMITS = FIRE + "settings/limits/"
PODS = Key(Kind.QUOTA, "pods")


def decided(fire: Namespace, cast: Cast, **amounts: int) -> None:
    keys = {Key(Kind.QUOTA, name): amount for name, amount in amounts.items()}
    actions.decide(namespace=fire, amounts=keys, version=fire.limits_version, by=cast.olga)


class TestForm:
    def test_shows_what_is_decided(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        keys = {PODS: 20, Key(Kind.QUOTA, "count/jobs.batch"): 3, Key(Kind.MIN, "cpu"): 10}
        actions.decide(namespace=fire, amounts=keys, version=1, by=cast.olga)
        page = browse(cast.olga).get(LIMITS).content.decode()
        assert 'name="pods" value="20"' in page
        assert "min cpu 10m\ncount/jobs.batch 3" in page or "count/jobs.batch 3\nmin cpu 10m" in page

    def test_profile_fills_the_form_and_stores_nothing(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        page = browse(cast.olga).get(f"{LIMITS}?profile=standard").content.decode()
        assert 'name="requests_memory" value="80Gi"' in page
        assert not Limit.objects.exists()
        assert browse(cast.olga).get(f"{LIMITS}?profile=huge").status_code == 400

    def test_preview_says_what_changes_and_stores_nothing(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        decided(fire, cast, pods=20)
        page = browse(cast.olga).post(LIMITS, {"pods": "50", "gpus": "2", "version": "2"}).content.decode()
        assert "<code>pods</code>: 20 → <strong>50</strong>" in page
        assert "<code>requests.nvidia.com/gpu</code>: no limit → <strong>2</strong>" in page
        assert "requests.nvidia.com/gpu: &#x27;2&#x27;" in page
        assert 'name="save"' in page
        assert "LimitRange" not in page  # nothing of it was decided, so none is made
        assert actions.of(fire) == {PODS: 20}

    def test_saving_decides_all_limits_at_once(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        decided(fire, cast, pods=20, secrets=5)
        given = {
            "requests_cpu": "1.5",
            "default_cpu": "500m",
            "more": "count/jobs.batch: 50",
            "version": "2",
            "save": "1",
        }
        answer = browse(cast.olga).post(LIMITS, given, follow=True)
        assert "The limits of avis-fire are decided." in answer.content.decode()
        assert actions.of(fire) == {
            Key(Kind.QUOTA, "requests.cpu"): 1500, Key(Kind.DEFAULT, "cpu"): 500,
            Key(Kind.QUOTA, "count/jobs.batch"): 50,
        }  # fmt: skip

    def test_quota_below_use_is_told_and_accepted(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        seen_limits.store({fire.pk: [quota(hard={"pods": "50"}, used={"pods": "30"})]})
        client = browse(cast.olga)
        page = client.post(LIMITS, {"pods": "20", "version": "1"}).content.decode()
        assert "30 of pods are in use, more than 20. What runs goes on; nothing new starts" in page
        assert client.post(LIMITS, {"pods": "20", "version": "1", "save": "1"}).status_code == 302

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"pods": "-1"}, "Pods: Write a whole number"), ({"pods": "1.5"}, "Pods: Write a whole number"),
            ({"pods": "0x10"}, "Pods: Write"), ({"pods": "٣"}, "Pods: Write"), ({"pods": "NaN"}, "Pods: Write"),
            ({"storage": "1e99"}, "Storage: Write bytes"),
            ({"storage": "1" + 23 * "0"}, "Storage: Write bytes"),
            ({"storage": "8"}, "Storage: 8 bytes are less than one Mi"),
            ({"storage": "x" * 4000}, "Storage: At most 40"),
            ({"requests_cpu": "4"}, "CPU, if it requests none: With this quota on cpu"),
            ({"default_cpu": "2", "max_cpu": "1"}, "CPU limit, if it has none: More than"),
            ({"more": "podz 3"}, "“podz 3”: “podz” is no resource"),
            ({"more": "nothing"}, "“nothing”: a resource and a"),
            ({"more": "count/jobs.batch many"}, "“count/jobs.batch many”: Write a whole number"),
            ({"pods": "2", "more": "pods 3"}, "“pods 3”: this is limited above already"),
            ({"more": "min pods 3"}, "no resource of a container"),
            ({"more": "\n".join(f"count/a{n} 1" for n in range(51))}, "At most 50 lines."),
            ({"more": "limits.nvidia.com/gpu 1"}, "Nothing would enforce"),
            ({"version": "x"}, "Enter a whole number"),
        ],
        ids=lambda value: str(value)[:40],
    )  # fmt: skip
    def test_bad_input_names_the_field_and_is_kept(
        self, browse: Browse, cast: Cast, fire: Namespace, given: dict[str, str], said: str
    ) -> None:
        for button in ({}, {"save": "1"}):
            answer = browse(cast.olga).post(LIMITS, {"version": "1", **given, **button})
            page = html.unescape(strip_tags(answer.content.decode()))
            assert answer.status_code == 400
            assert said in " ".join(page.split())
            assert next(iter(given.values())).splitlines()[0] in html.unescape(answer.content.decode())
        assert not Limit.objects.exists()

    def test_second_of_two_operators_is_told_and_keeps_what_they_typed(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        decided(fire, cast, pods=20)
        client = browse(cast.olga)
        answer = client.post(LIMITS, {"pods": "30", "version": "1", "save": "1"})
        assert answer.status_code == 409
        page = answer.content.decode()
        assert "Somebody else decided these limits meanwhile." in page
        assert 'name="pods" value="30"' in page
        assert 'name="version" value="2"' in page


class TestUse:
    def test_members_see_what_is_used_and_free_with_its_age(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        seen_limits.store({fire.pk: [quota(hard={"pods": "50"}, used={"pods": "45"})]})
        page = browse(cast.vera).get(FIRE).content.decode()
        assert "Limits and use" in page
        for label, value in (("Used", "45"), ("Limit", "50"), ("Free", "5")):
            assert f'data-label="{label}">{value}</td>' in page
        assert 'class="bar bar-high"' in page

    def test_part_is_asked_again_until_the_cluster_has_it(
        self, browse: Browse, cast: Cast, fire: Namespace
    ) -> None:
        decided(fire, cast, pods=50)
        client = browse(cast.vera)
        page = client.get(FIRE).content.decode()
        assert "to have the limits that were decided" in page
        assert 'hx-target="#use"' in page
        seen_limits.store({fire.pk: [quota(hard={"pods": "50"}, used={"pods": "45"})]})
        part = client.get(FIRE, headers={"HX-Request": "true", "HX-Target": "use"}).content.decode()
        assert "<html" not in part
        assert 'data-label="Limit">50</td>' in part
        assert "hx-get" not in part

    def test_quotas_of_others_are_told_apart(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        seen_limits.store({fire.pk: [quota("theirs", hard={"pods": "5"}), ranges("narrow")]})
        page = browse(cast.vera).get(FIRE).content.decode()
        assert "Quota theirs, made by others in the cluster. Both apply" in page
        assert "(narrow)" in page

    @pytest.mark.parametrize("who", ["otto", "ana", None])
    def test_outsiders_see_nothing_of_it(
        self, browse: Browse, cast: Cast, fire: Namespace, who: str | None
    ) -> None:
        page = browse(getattr(cast, who) if who else None).get(FIRE).content.decode()
        assert "Limits and use" not in page

    def test_only_operators_are_led_to_the_form(self, browse: Browse, cast: Cast, fire: Namespace) -> None:
        assert LIMITS in browse(cast.olga).get(FIRE).content.decode()
        assert LIMITS not in browse(cast.nils).get(FIRE).content.decode()
