"""Addresses of the pages about namespaces, requests, people and the kubeconfig."""

from django.urls import include, path

from namespaces.views import (
    config,
    directory,
    drift,
    identities,
    limits,
    manage,
    members,
    namespace,
    people,
    requests,
    settings,
)

one_namespace = [
    path("", namespace.namespace, name="namespace"),
    path("join/", namespace.join, name="join"),
    path("leave/", members.leave, name="leave"),
    path("members/", members.members, name="members"),
    path("members/add/", members.add, name="member_add"),
    path("members/<uuid:membership_id>/role/", members.role, name="member_role"),
    path("members/<uuid:membership_id>/remove/", members.remove, name="member_remove"),
    path("settings/", settings.settings, name="settings"),
    path("settings/limits/", limits.limits, name="limits"),
    path("requests/", requests.of_namespace, name="namespace_requests"),
]

urlpatterns = [
    path("namespaces/", directory.directory, name="directory"),
    path("namespaces/<slug:cluster>/<slug:name>/", include(one_namespace)),
    path("drift/", drift.overview, name="drift"),
    path("drift/bindings/<int:row_id>/adopt/", drift.adopt, name="drift_adopt"),
    path("drift/bindings/<int:row_id>/revert/", drift.revert, name="drift_revert"),
    path("drift/bindings/<int:row_id>/leave/", drift.leave, name="drift_leave"),
    path("drift/limits/<int:row_id>/adopt/", drift.adopt_limits, name="drift_limits_adopt"),
    path("drift/limits/<int:row_id>/revert/", drift.revert_limits, name="drift_limits_revert"),
    path("drift/limits/<int:row_id>/leave/", drift.leave_limits, name="drift_limits_leave"),
    path("drift/namespaces/<uuid:namespace_id>/confirm/", drift.confirm, name="drift_confirm"),
    path("drift/decisions/<int:decision_id>/take-back/", drift.take_back, name="drift_take_back"),
    path("manage/", manage.manage, name="manage"),
    path("manage/create/", manage.create, name="create"),
    path("manage/create/name/", manage.name_check, name="name_check"),
    path("requests/", requests.hub, name="requests"),
    path("requests/<uuid:request_id>/", requests.one, name="request"),
    path("requests/<uuid:request_id>/approve/", requests.approve, name="request_approve"),
    path("requests/<uuid:request_id>/deny/", requests.deny, name="request_deny"),
    path("requests/<uuid:request_id>/withdraw/", requests.withdraw, name="request_withdraw"),
    path("config/", config.config, name="config"),
    path("config/download/", config.download, name="config_download"),
    path("profile/identities/link/", identities.link, name="identity_link"),
    path("profile/identities/link/confirm/", identities.confirm, name="identity_confirm"),
    path("profile/identities/<uuid:identity_id>/", identities.identity, name="identity"),
    path("profile/identities/<uuid:identity_id>/retire/", identities.retire, name="identity_retire"),
    path("users/", people.people, name="people"),
    path("users/<uuid:person_id>/", people.person, name="person"),
    path("users/<uuid:person_id>/level/", people.level, name="person_level"),
    path("users/<uuid:person_id>/vouch/", people.vouch, name="person_vouch"),
]
