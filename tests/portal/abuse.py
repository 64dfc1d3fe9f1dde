"""The abuse cases of the design that are about login, sessions, headers, levels, members, requests and namespaces, A-01
to A-59, and the families that are generated from the addresses: for each the tests that try it, and what of it has
none, with the reason.

A test is named as in tests/faults/table.py.
"""

from __future__ import annotations

from dataclasses import dataclass

URLS, FORMS, SERVER, REFUSED = (
    "portal/test_urls.py",
    "portal/test_forms.py",
    "portal/test_server.py",
    "portal/test_refused.py",
)
TEXTS, HOSTILE = "portal/test_text_fields.py", "hostile/test_hostile.py"
VIEWS, TOKEN, ADMISSION = (f"accounts/provider/test_{name}.py" for name in ("views", "id_token", "admission"))
CALLS, FURTHER, LIMIT = (f"accounts/provider/test_{name}.py" for name in ("calls", "further", "limit"))
LOGIN, CLAIMS = "accounts/views/test_login.py", "accounts/test_claims.py"
PEOPLE, SUSPENSIONS = "accounts/actions/test_people.py", "accounts/actions/test_suspensions.py"
PAGES = "namespaces/views"
ACTS = "namespaces/actions"
INVITED = f"{ACTS}/test_invitations.py"
TOLD, MAIL = "accounts/test_messages.py", "notifications/test_mail.py"
ALL = f"{URLS}::test_answer_is_that_of_the_table"


@dataclass(frozen=True)
class Row:
    """One case: what is tried in a few words, the tests that try it, and what of it is not tried, with the reason."""

    attempt: str
    tests: tuple[str, ...] = ()
    missing: str = ""


FAMILIES: dict[str, Row] = {
    "matrix": Row(
        "every address, method, kind of person and thing",
        (
            f"{URLS}::test_every_address_has_its_row",
            ALL,
            f"{URLS}::test_what_is_refused_changes_nothing",
            f"{URLS}::test_what_one_may_not_know_of_answers_like_what_does_not_exist",
        ),
        "How long answers take; archived and unmanaged namespaces, which do not exist yet; the API, likewise.",
    ),
    "safe methods": Row(
        "GET and HEAD as everybody",
        (
            f"{URLS}::test_reading_changes_nothing",
            f"{HOSTILE}::test_hostile_requests_make_no_error_store_no_script_and_change_nothing_by_reading",
        ),
    ),
    "identity headers": Row(
        "every header that could be an identity, a method or an address",
        (
            f"{URLS}::test_no_header_is_an_identity_or_another_method_at_any_address",
            f"{URLS}::test_header_alone_opens_nothing",
            f"{SERVER}::TestIdentity::test_header_raises_nobody",
        ),
    ),
    "mass assignment": Row(
        "every form with every field of every model",
        (f"{FORMS}::test_field_that_is_not_on_the_form_changes_nothing", f"{FORMS}::test_json_is_no_form"),
    ),
    "foreign ids": Row("ids of things of others", (ALL,), "In lists and JSON: nothing takes any yet."),
    "lost rights": Row(
        "pages and forms from before",
        (
            f"{FORMS}::test_form_that_was_rendered_before_is_worth_nothing_once_the_right_is_lost",
            f"{FORMS}::test_every_form_that_takes_a_right_is_tried_without_it",
            "namespaces/test_switched_off.py::test_nothing_works",
        ),
    ),
    "text fields": Row(
        "every text field with the corpus",
        (
            f"{TEXTS}::test_every_field_for_text_is_tried",
            f"{TEXTS}::test_text_that_deceives_or_is_too_long_is_refused",
            f"{TEXTS}::test_text_that_is_only_strange_is_taken_as_it_is",
            f"{TEXTS}::test_what_must_be_said_is_not_said_by_blanks",
        ),
    ),
    "headers": Row(
        "rule 18 on every answer",
        (
            f"{URLS}::test_headers_are_on_every_answer",
            f"{SERVER}::TestHeaders::test_cookies_of_an_installation_have_the_prefix_and_no_domain",
        ),
    ),
}

CASES: dict[str, Row] = {
    "A-01": Row(
        "callback without, with unknown, with replayed state",
        (
            f"{VIEWS}::test_callback_without_a_known_state_is_refused",
            f"{VIEWS}::test_state_is_used_once",
            f"{VIEWS}::test_state_of_another_browser_is_refused",
        ),
    ),
    "A-02": Row(
        "state of one issuer at another",
        (
            f"{VIEWS}::test_state_of_one_issuer_is_refused_at_the_callback_of_another",
            f"{VIEWS}::test_callback_that_names_another_issuer_is_refused",
        ),
    ),
    "A-03": Row(
        "bad ID tokens",
        (
            f"{TOKEN}::test_wrong_claim_is_refused",
            f"{TOKEN}::test_wrong_signature_is_refused",
            f"{TOKEN}::test_changed_payload_is_refused",
            f"{TOKEN}::test_unknown_key_costs_one_fresh_fetch_and_no_more",
        ),
    ),
    "A-04": Row("userinfo of somebody else", (f"{VIEWS}::test_userinfo_of_somebody_else_is_refused",)),
    "A-05": Row(
        "e-mail address of an operator",
        (
            f"{ADMISSION}::test_mail_of_an_operator_gives_nothing",
            f"{ADMISSION}::test_new_mail_changes_no_right_and_finds_no_account",
        ),
    ),
    "A-06": Row(
        "subjects that are no names",
        (
            f"{ADMISSION}::test_subject_that_is_no_name_for_a_person_is_refused",
            f"{CLAIMS}::test_subject_outside_the_rule_is_refused",
        ),
    ),
    "A-07": Row(
        "names that deceive",
        (
            f"{CLAIMS}::test_name_is_cleaned",
            f"{CLAIMS}::test_long_name_is_cut_with_a_mark",
            f"{PAGES}/test_requests.py::TestOne::test_account_that_looks_like_ones_own_is_told",
            f"{PAGES}/test_requests.py::TestOne::test_name_in_letters_of_several_alphabets_is_told_to_who_decides",
        ),
        "A name wholly in letters of another alphabet that happen to look alike: such names exist.",
    ),
    "A-08": Row(
        "claims that sound like rights", (f"{ADMISSION}::test_claims_that_sound_like_rights_are_ignored",)
    ),
    "A-09": Row(
        "institution that is not listed",
        (
            f"{ADMISSION}::test_institution_that_is_not_listed_is_refused_where_the_file_says_so",
            f"{CLAIMS}::test_mail_domain_is_no_institution",
        ),
    ),
    "A-10": Row(
        "identity linked to somebody else's account",
        (
            f"{FURTHER}::TestRefused::test_begun_in_another_browser",
            f"{FURTHER}::TestRefused::test_somebody_else_logged_in_meanwhile",
            f"{FURTHER}::TestLink::test_second_login_wants_the_first",
            f"{FURTHER}::TestLink::test_yes_is_to_the_identity_that_the_page_named",
            f"{FURTHER}::TestLink::test_what_one_person_showed_is_not_linked_to_the_next",
            "accounts/actions/test_identities.py::TestLink::test_somebody_elses_is_refused_in_the_same_words",
            f"{TOLD}::TestIdentities::test_linking_is_told_at_every_address_with_what_to_do",
        ),
    ),
    "A-11": Row(
        "deleted person who returns",
        (
            f"{ADMISSION}::test_deleted_person_who_returns_starts_as_guest",
            "accounts/actions/test_deletions.py::TestFinish::test_who_returns_is_a_new_guest_with_nothing",
        ),
    ),
    "A-12": Row(
        "local login, sign-up, /admin/",
        (
            f"{LOGIN}::test_nothing_local_exists",
            f"{LOGIN}::test_no_admin_and_no_set_up_page_exist",
            f"{LOGIN}::test_people_have_no_password_to_guess",
        ),
    ),
    "A-13": Row(
        "set-up page once no operator is left",
        (
            f"{LOGIN}::test_no_admin_and_no_set_up_page_exist",
            "accounts/management/commands/test_make_first_operator.py::test_it_works_once_even_if_every_operator_is_gone",
        ),
    ),
    "A-14": Row(
        "1,000 callbacks a minute under changing addresses",
        (
            "accounts/test_sessions.py::TestRow::test_what_is_no_address_of_proxies_is_not_known",
            f"{LIMIT}::test_a_thousand_callbacks_a_minute_under_changing_addresses_are_refused",
            f"{LIMIT}::test_address_that_the_proxy_tells_counts_for_itself",
            f"{LIMIT}::test_cache_that_is_away_locks_nobody_out",
        ),
    ),
    "A-15": Row(
        "provider down, slow, or talking nonsense",
        (
            f"{CALLS}::test_provider_that_is_gone_is_said_in_words",
            f"{CALLS}::test_slow_provider_is_bounded_by_the_deadline",
            f"{CALLS}::test_certificate_of_nobody_is_refused",
            f"{CALLS}::test_useless_answer_during_the_callback_is_said_in_words",
            f"{CALLS}::test_silent_provider_does_not_use_up_the_server",
            f"{CALLS}::test_outage_does_not_touch_people_who_are_logged_in",
        ),
    ),
    "A-16": Row(
        "page opened before a right was lost",
        ("namespaces/test_switched_off.py::test_nothing_works", ALL),
    ),
    "A-17": Row(
        "form rendered before a right was lost",
        (
            f"{FORMS}::test_form_that_was_rendered_before_is_worth_nothing_once_the_right_is_lost",
            f"{PAGES}/test_members.py::TestRemove::test_former_admin_cannot_use_a_form_made_before",
            f"{REFUSED}::test_event_says_who_tried_what_on_which_thing_where",
            f"{REFUSED}::test_one_person_fills_no_table",
        ),
    ),
    "A-18": Row("stream kept open", missing="No page streams."),
    "A-19": Row(
        "session id fixed before the login",
        (f"{ADMISSION}::test_session_key_changes_at_login_and_a_planted_one_has_no_effect",),
    ),
    "A-20": Row(
        "form, fetch, image on another site",
        (
            f"{URLS}::test_form_of_another_site_is_refused_everywhere",
            f"{URLS}::test_reading_changes_nothing",
        ),
    ),
    "A-21": Row(
        "cookies set by a sibling domain",
        (
            f"{SERVER}::TestHeaders::test_cookies_of_an_installation_have_the_prefix_and_no_domain",
            f"{SERVER}::TestHeaders::test_cookie_without_the_prefix_is_none",
        ),
    ),
    "A-22": Row(
        "page in a frame",
        (f"{URLS}::test_headers_are_on_every_answer",),
        "That a browser obeys: the headers are asserted, no browser is asked.",
    ),
    "A-23": Row(
        "other hosts",
        (
            f"{SERVER}::TestHost::test_other_host_is_refused",
            f"{SERVER}::TestHost::test_two_hosts_are_refused",
            f"{SERVER}::TestHost::test_absolute_form_names_no_other_host",
            f"{SERVER}::TestHost::test_forwarded_host_is_no_host",
            f"{VIEWS}::test_redirect_address_ignores_the_host_header",
            f"{MAIL}::test_text_says_it_and_leads_to_the_page",
        ),
    ),
    "A-24": Row(
        "identity in a header",
        (
            f"{URLS}::test_no_header_is_an_identity_or_another_method_at_any_address",
            f"{SERVER}::TestIdentity::test_header_is_nobody",
            f"{SERVER}::TestIdentity::test_header_raises_nobody",
        ),
    ),
    "A-25": Row(
        "other methods, and headers that name one",
        (
            ALL,
            f"{SERVER}::TestMethod::test_is_refused",
            f"{SERVER}::TestMethod::test_override_makes_no_other_method",
        ),
    ),
    "A-26": Row(
        "smuggling, huge and endless requests",
        (
            f"{SERVER}::TestFraming::test_length_that_can_be_read_in_two_ways_is_refused",
            f"{SERVER}::TestFraming::test_body_that_never_comes_ends_with_the_connection",
            f"{SERVER}::TestHeaders::test_too_much_of_them_is_refused",
        ),
        "Slow bodies: a front server reads them, and the manual asks for one; no configuration of one is shipped.",
    ),
    "A-27": Row("anonymous at every address", (ALL,), "The API does not exist yet."),
    "A-28": Row(
        "guest at what is not for guests",
        (
            ALL,
            f"{PAGES}/test_config.py::test_guest_gets_a_file_that_only_logs_in",
            f"{PAGES}/test_namespace.py::test_members_are_seen_by_members_and_operators",
        ),
    ),
    "A-29": Row(
        "guest who raises themselves",
        (
            f"{FORMS}::test_field_that_is_not_on_the_form_changes_nothing",
            f"{PEOPLE}::TestRegister::test_whatever_was_set_on_the_new_person_grants_nothing",
        ),
        "The API does not exist yet.",
    ),
    "A-30": Row(
        "namespace admin of level user who lets a guest in",
        (
            ALL,
            f"{PAGES}/test_requests.py::TestDecide::test_who_may_not_vouch_is_refused",
            f"{PAGES}/test_requests.py::TestOne::test_who_may_not_vouch_reads_who_may_and_gets_no_button",
            f"{PAGES}/test_members.py::TestAdd::test_guest_needs_somebody_who_may_vouch",
            f"{URLS}::test_form_that_is_refused_to_somebody_known_is_recorded_once_and_no_other_refusal",
        ),
    ),
    "A-31": Row(
        "last operator who goes, two who suspend or end each other",
        (
            f"{SUSPENSIONS}::TestSuspend::test_nobody_suspends_themselves",
            f"{SUSPENSIONS}::TestSuspend::test_last_operator_stays",
            "accounts/actions/test_races.py::test_of_two_operators_who_suspend_each_other_one_succeeds",
            f"{PEOPLE}::TestSetLevel::test_operator_does_not_set_his_own",
            f"{PEOPLE}::TestSetOperator::test_nobody_themselves",
            "accounts/actions/test_races.py::test_of_two_operators_who_end_each_other_one_is_left",
            "accounts/actions/test_deletions.py::TestAsk::test_not_by_the_last_operator",
        ),
    ),
    "A-32": Row(
        "demoting or suspending whoever runs many namespaces",
        (
            f"{SUSPENSIONS}::TestSuspend::test_namespaces_without_another_admin_are_named_and_nothing_changes",
            f"{PEOPLE}::TestSetLevel::test_last_admin_is_not_demoted_to_guest",
            f"{PEOPLE}::TestSetLevel::test_every_namespace_of_the_person_follows_and_no_other",
            "namespaces/actions/test_succession.py::test_without_one_for_each_nothing_changes",
            "namespaces/actions/test_succession.py::test_successor_becomes_admin",
            "namespaces/actions/test_successors.py::TestTakingOver::test_all_namespaces_without_one_are_named_and_nothing_changes",
        ),
    ),
    "A-33": Row(
        "operator's session that was stolen",
        (
            f"{PAGES}/test_people.py::TestFreshLogin::test_nothing_is_done_without",
            f"{PAGES}/test_people.py::TestFreshLogin::test_suspension_is_not_lifted_without",
            f"{PAGES}/test_people.py::TestFreshLogin::test_level_admin_is_not_given_on_request_without",
            "accounts/test_second_factor.py::TestUntilShown::test_an_operator_changes_nothing",
            "accounts/test_second_factor.py::TestSetUp::test_wants_a_fresh_login",
            f"{TOLD}::TestLevels::test_level_is_told_and_level_admin_to_the_other_operators",
        ),
        "Condemning does not exist yet; restoring and the prune guard have commands and no page.",
    ),
    "A-34": Row("looking as somebody else", (f"{URLS}::test_every_address_has_its_row",)),
    "A-35": Row(
        "member of one namespace with ids of another",
        (
            ALL,
            f"{URLS}::test_what_one_may_not_know_of_answers_like_what_does_not_exist",
            f"{PAGES}/test_members.py::TestRole::test_membership_of_another_namespace_does_not_exist_here",
            f"{ACTS}/test_members.py::TestAdd::test_admin_of_another_namespace_adds_nobody_here",
            f"{ACTS}/test_requests.py::TestApprove::test_admin_of_another_namespace_does_not_approve",
        ),
    ),
    "A-36": Row(
        "admin who decides their own request, or one of their second account",
        (
            f"{ACTS}/test_requests.py::TestApprove::test_nobody_approves_their_own",
            f"{ACTS}/test_requests.py::TestApprove::test_who_became_admin_meanwhile_does_not_approve_their_own",
            f"{ACTS}/test_requests.py::TestDeny::test_nobody_denies_their_own",
            f"{PAGES}/test_requests.py::TestOne::test_account_that_looks_like_ones_own_is_told",
        ),
    ),
    "A-37": Row(
        "link in a mail, opened by an admin or by a program that reads mails",
        (
            f"{URLS}::test_reading_changes_nothing",
            f"{PAGES}/test_invitations.py::TestLink::test_opening_it_changes_nothing",
        ),
    ),
    "A-38": Row(
        "invitation that is passed on or used again",
        (
            f"{INVITED}::TestAccept::test_somebody_else_who_was_forwarded_it_does_not",
            f"{INVITED}::TestAccept::test_lets_one_person_in_once",
            f"{INVITED}::TestAccept::test_is_not_a_way_back_in",
            f"{INVITED}::TestAccept::test_over",
            f"{INVITED}::TestLink::test_only_what_this_installation_made_is_genuine",
            f"{ACTS}/test_races.py::test_last_place_of_a_course_is_taken_by_one",
            f"{ACTS}/test_races.py::test_invitation_that_is_taken_back_lets_in_before_or_not_at_all",
        ),
    ),
    "A-39": Row(
        "former admin with a form from before",
        (
            f"{ACTS}/test_requests.py::TestApprove::test_former_admin_with_an_old_form_does_not_approve",
            f"{ACTS}/test_requests.py::TestDeny::test_former_admin_with_an_old_form_does_not_deny",
            f"{PAGES}/test_members.py::TestRemove::test_former_admin_cannot_use_a_form_made_before",
            f"{FORMS}::test_form_that_was_rendered_before_is_worth_nothing_once_the_right_is_lost",
            f"{URLS}::test_form_that_is_refused_to_somebody_known_is_recorded_once_and_no_other_refusal",
        ),
    ),
    "A-40": Row(
        "two admins who decide one request at once",
        (
            f"{ACTS}/test_races.py::test_first_of_two_deciders_wins_and_the_second_is_told",
            f"{PAGES}/test_requests.py::TestDecide::test_second_to_decide_is_told_what_the_first_did",
        ),
    ),
    "A-41": Row(
        "thousands of requests, the same twice, again after a no",
        (
            f"{ACTS}/test_requests.py::TestAsk::test_asked_is_asked",
            f"{ACTS}/test_requests.py::TestAsk::test_eleventh_open_request_is_too_many",
            f"{ACTS}/test_requests.py::TestAsk::test_twenty_first_request_of_a_day_is_too_many",
            f"{PAGES}/test_requests.py::TestDecide::test_who_was_denied_lately_gets_no_form_to_ask_again",
            f"{ACTS}/test_races.py::test_one_of_two_who_ask_twice_does",
            f"{ACTS}/test_races.py::test_limit_of_open_requests_holds",
        ),
    ),
    "A-42": Row(
        "asking to join what is hidden or absent",
        (ALL, f"{ACTS}/test_requests.py::TestAsk::test_hidden_namespace_cannot_be_asked_for"),
        "Archived and unmanaged namespaces do not exist yet.",
    ),
    "A-43": Row(
        "admin who removes another, the creator, an operator",
        (
            f"{ACTS}/test_members.py::TestRemove::test_admin_removes_another_admin_even_the_creator",
            f"{ACTS}/test_members.py::TestRemove::test_last_admin_neither_leaves_nor_is_removed",
            f"{ACTS}/test_races.py::test_last_two_admins_who_remove_each_other_leave_one",
            "namespaces/test_messages.py::TestMembers::test_removal_is_told_to_who_is_out",
        ),
    ),
    "A-44": Row(
        "admin who adds somebody who never asked, a guest, somebody suspended, an unknown address",
        (
            f"{INVITED}::TestInvite::test_same_answer_whether_or_not_the_address_is_known",
            f"{INVITED}::TestAccept::test_is_kept_for_a_guest_until_somebody_vouches",
            f"{INVITED}::TestAccept::test_suspended_person_does_not_come_in",
            f"{ACTS}/test_members.py::TestAdd::test_account_that_is_not_active_is_not_added",
            f"{ACTS}/test_members.py::TestAdd::test_admin_of_level_user_adds_no_guest",
            f"{ACTS}/test_adding.py::TestJudge::test_suspended_person_is_as_unknown_as_nobody",
            "namespaces/test_messages.py::TestMembers::test_who_is_added_is_told_by_whom",
        ),
        "Who has logged in here is added at once and told. Admins find people by a whole address, as in A-46.",
    ),
    "A-45": Row(
        "lists of thousands, with doubles and unknown identities",
        (
            f"{PAGES}/test_members.py::TestAddMany::test_neither_none_nor_too_many",
            f"{PAGES}/test_members.py::TestAddMany::test_all_or_nobody_keeps_what_was_typed",
            f"{ACTS}/test_adding.py::TestJudge::test_same_person_twice",
            f"{ACTS}/test_adding.py::TestJudge::test_part_of_an_address_and_identity_in_another_case_do_not",
        ),
    ),
    "A-46": Row(
        "user who lists people by searching",
        (
            ALL,
            f"{PAGES}/test_members.py::test_table_is_for_admins_and_operators",
            f"{PAGES}/test_members.py::TestSearch::test_finds_nobody_by_less",
            f"{PAGES}/test_members.py::TestSearch::test_shows_at_most_ten",
        ),
    ),
    "A-47": Row(
        "member who looks for addresses and identities of others",
        (
            f"{PAGES}/test_members.py::test_table_shows_no_address_and_no_identity",
            f"{PAGES}/test_namespace.py::test_member_without_a_name_is_not_called_by_their_address",
            f"{PAGES}/test_crawler.py::test_member_reads_all_of_their_own",
            f"{ACTS}/test_announcements.py::test_answers_go_to_who_wrote_and_nobody_reads_another_address",
        ),
    ),
    "A-48": Row(
        "namespace with a reserved name",
        (
            f"{ACTS}/test_namespaces.py::TestCreate::test_reserved_name_is_refused_to_operators_too",
            f"{ACTS}/test_namespaces.py::TestCreate::test_no_setting_hands_out_what_belongs_to_the_cluster",
            "namespaces/test_reconciliation_real.py::test_reserved_name_is_refused_whatever_the_rows_say",
            "clusters/test_attack.py::test_there_are_enough_attempts_and_no_title_twice",
        ),
    ),
    "A-49": Row(
        "name of a namespace of the cluster that Berth does not manage",
        ("namespaces/test_reconciliation_real.py::test_unmanaged_namespace_is_never_taken_over",),
        "The web process asks no cluster: the page of the namespace says it once a worker has looked.",
    ),
    "A-50": Row(
        "a thousand namespaces",
        (
            f"{ACTS}/test_namespaces.py::TestCreate::test_sixth_namespace_is_too_many",
            f"{ACTS}/test_races.py::test_limit_of_namespaces_holds",
        ),
    ),
    "A-51": Row(
        "namespace admin who writes limits",
        (ALL, f"{ACTS}/test_limits.py::test_nobody_else_decides"),
        "Asking for another quota does not exist yet.",
    ),
    "A-52": Row(
        "quantities that are none",
        (
            "namespaces/test_limits.py::test_hostile_amount_is_refused",
            "namespaces/test_limits.py::test_any_text_is_understood_or_refused",
        ),
    ),
    "A-53": Row(
        "quota below what is used",
        (
            f"{PAGES}/test_limits.py::TestForm::test_quota_below_use_is_told_and_accepted",
            "namespaces/test_reconciliation_real.py::TestLimits"
            "::test_quota_below_use_is_kept_and_the_numbers_are_those_of_the_cluster",
        ),
    ),
    "A-54": Row(
        "quota of accelerators by another name", ("namespaces/test_limits.py::test_name_is_understood",)
    ),
    "A-55": Row(
        "quota without default requests",
        ("namespaces/test_limits.py::test_quota_needs_defaults_for_who_says_nothing",),
    ),
    "A-56": Row(
        "description that is huge, deceives, or is a template",
        (
            f"{TEXTS}::test_text_that_deceives_or_is_too_long_is_refused",
            f"{TEXTS}::test_text_that_is_only_strange_is_taken_as_it_is",
        ),
    ),
    "A-57": Row(
        "description aimed at labels and annotations",
        ("namespaces/reconciler/test_manifests.py::test_labels_hold_what_a_label_may_hold",),
        "No words of a page are written into the cluster.",
    ),
    "A-58": Row("ending a namespace", missing="The end of life of namespaces does not exist yet."),
    "A-59": Row(
        "renaming a namespace, giving it to another institution",
        (f"{FORMS}::test_field_that_is_not_on_the_form_changes_nothing",),
        "No form renames one. The institution on the page is words of its admins, and gives no right.",
    ),
}
