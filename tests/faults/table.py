"""The faults of the design, F-01 to F-38, and for each the tests that make it, or why there is none yet.

A test is named as `path::name` or `path::Class::name`, without its parameters; `path` begins at `tests/`.
"""

from __future__ import annotations

from dataclasses import dataclass

ANSWERS = "faults/test_answers.py"
BROKER = "faults/test_broker.py"
COMMIT = "faults/test_commit.py"
SUBJECTS = "accounts/provider/test_new_subjects.py"
STANDBY = "faults/test_standby.py"
NEWER = "faults/test_newer_schema.py"
HANDS = "faults/test_hands.py"
PLANE = "faults/test_control_plane.py"
WATCH = "faults/test_watch.py"
WORKERS = "faults/test_workers.py"
KUBE = "clusters/test_kube.py"
BAD_LUCK = "e2e/test_bad_luck.py"
REAL = "namespaces/test_reconciliation_real.py"
PASSES = "namespaces/test_reconciliation.py"
TWICE = "namespaces/views/test_sent_twice.py"


@dataclass(frozen=True)
class Row:
    """One fault: what it is in a few words, the tests that make it, and what of it has no test, with the reason."""

    fault: str
    tests: tuple[str, ...] = ()
    missing: str = ""


TABLE: dict[str, Row] = {
    "F-01": Row(
        "API server down",
        (
            f"{PLANE}::TestAway::test_what_was_decided_meanwhile_is_done_once_at_its_return",
            f"{ANSWERS}::TestReturn::test_ends_come_first_when_the_cluster_is_back",
            f"{PLANE}::TestAway::test_worker_of_a_cluster_that_is_away_asks_once",
            f"{BAD_LUCK}::test_cluster_that_cannot_be_reached_is_told_and_followed_up",
        ),
    ),
    "F-02": Row(
        "black hole",
        (
            f"{ANSWERS}::TestSilence::test_one_call_holds_a_worker_for_seconds_and_a_pass_makes_no_second_one",
            f"{ANSWERS}::TestSilence::test_connection_that_nobody_takes_up_is_given_up",
            f"{ANSWERS}::TestSilence::test_silence_about_one_namespace_does_not_keep_another_waiting",
            f"{KUBE}::test_an_answer_that_drips_ends_with_the_deadline",
        ),
    ),
    "F-03": Row(
        "5xx, HTML, cut and empty answers",
        (
            f"{ANSWERS}::TestBrokenAnswers::test_list_that_is_none_takes_nothing_away_and_claims_nothing",
            f"{ANSWERS}::TestBrokenAnswers::test_pauses_grow_up_to_a_minute",
            f"{ANSWERS}::TestBrokenAnswers::test_one_write_that_fails_delays_no_other",
            f"{KUBE}::test_answer_that_is_broken_says_nothing",
        ),
    ),
    "F-04": Row(
        "429",
        (
            f"{ANSWERS}::TestThrottling::test_wait_that_the_server_asks_for_is_kept",
            f"{ANSWERS}::TestThrottling::test_change_that_is_slowed_down_does_not_hold_up_an_end",
            f"{ANSWERS}::TestThrottling::test_other_namespaces_of_the_cluster_keep_the_pause_too",
            "namespaces/test_sweeping.py::TestThrottledCluster::test_what_was_only_just_decided_waits_in_every_namespace",
            "namespaces/test_sweeping.py::TestThrottledCluster::test_end_does_not_wait_and_its_proof_does",
        ),
    ),
    "F-05": Row(
        "410 on the next page",
        (
            f"{PLANE}::TestListThatExpired::test_sweep_knows_nothing_and_the_next_one_begins_anew",
            f"{KUBE}::test_list_that_cannot_be_continued_is_gone",
        ),
    ),
    "F-06": Row(
        "lists with fewer items",
        (
            f"{ANSWERS}::TestFilteredLists::test_sweep_stops_at_a_list_without_the_canary",
            f"{ANSWERS}::TestFilteredLists::test_binding_that_was_filtered_out_is_made_once_and_never_taken_away",
            f"{ANSWERS}::TestFilteredLists::test_binding_that_was_filtered_out_is_told_once",
            f"{ANSWERS}::TestFilteredLists::test_end_is_not_said_to_be_one_because_the_list_lacked_it",
        ),
    ),
    "F-07": Row(
        "watch dropped, too old, silent or refused",
        (
            f"{WATCH}::TestBrokenWatches::test_it_begins_anew_and_the_sweep_finds_what_it_missed",
            f"{WATCH}::TestBrokenWatches::test_it_comes_back_with_the_cluster",
            f"{WATCH}::TestProcess::test_binding_deleted_by_hand_is_back_without_a_sweep",
            f"{PLANE}::TestWatchThatIsTooOld::test_is_gone_and_begins_anew_after_a_restart",
            "clusters/test_kube_watch.py::test_watch_that_is_none_is_an_error",
            "clusters/test_kube_watch.py::test_silence_beyond_the_end_is_an_error",
        ),
    ),
    "F-08": Row(
        "401",
        (
            f"{PLANE}::test_credential_that_is_refused_is_told_and_a_new_one_counts_at_once",
            f"{KUBE}::test_a_renewed_token_counts_at_the_next_call",
        ),
    ),
    "F-09": Row(
        "namespace deleted and made again",
        (
            f"{REAL}::test_namespace_deleted_and_made_again_gets_nothing",
            f"{PASSES}::TestNamespaceInTheWay::test_another_one_is_taken_once_an_operator_confirmed_it",
            f"{PASSES}::TestNamespaceInTheWay::test_deleted_one_is_made_again_once_an_operator_confirmed_that",
        ),
    ),
    "F-10": Row(
        "stuck in Terminating",
        (f"{HANDS}::TestTerminating::test_is_a_state_to_wait_in_and_nobody_is_said_to_be_in",),
    ),
    "F-11": Row(
        "name wanted while Terminating",
        (f"{HANDS}::TestTerminating::test_name_that_is_not_free_yet_is_waited_for_and_then_taken",),
    ),
    "F-12": Row("binding edited by hand", (f"{REAL}::test_changes_made_by_hand_are_healed_by_the_sweep",)),
    "F-13": Row(
        "our name with another role",
        (
            f"{HANDS}::TestNameThatIsTaken::test_binding_made_beforehand_stays_as_it_is_and_is_told",
            f"{HANDS}::TestNameThatIsTaken::test_binding_put_in_the_place_of_ours_stays_as_it_is_and_is_told",
        ),
    ),
    "F-14": Row(
        "labels stripped and spoofed",
        (
            f"{HANDS}::TestLabels::test_our_label_on_a_foreign_binding_makes_it_neither_ours_nor_evidence",
            f"{HANDS}::TestLabels::test_ours_without_its_labels_and_annotations_is_ours_all_the_same",
            f"{REAL}::test_binding_whose_label_was_taken_off_is_revoked_all_the_same",
        ),
    ),
    "F-15": Row(
        "ClusterRole missing or altered",
        (
            f"{PLANE}::TestRoleThatIsMissing::test_nobody_is_said_to_have_it_and_ends_go_on",
            f"{PASSES}::TestBarredRoles::test_role_that_was_altered_is_given_to_nobody_and_taken_away_as_always",
        ),
    ),
    "F-16": Row(
        "quota changed by a human",
        (
            f"{HANDS}::TestLimits::test_quota_that_a_human_applied_by_force_is_set_right_once",
            f"{REAL}::TestLimits::test_key_changed_by_hand_is_set_right_and_one_that_was_added_stays",
        ),
    ),
    "F-17": Row(
        "quota below use",
        (f"{REAL}::TestLimits::test_quota_below_use_is_kept_and_the_numbers_are_those_of_the_cluster",),
    ),
    "F-18": Row(
        "spellings of quantities",
        (
            f"{HANDS}::TestLimits::test_what_the_api_server_makes_of_a_spelling_is_the_same_to_us",
            f"{REAL}::TestLimits::test_limits_are_made_and_a_second_pass_writes_nothing",
            "namespaces/reconciler/test_quantities.py::test_value_is_that_of_the_kubernetes_library",
        ),
    ),
    "F-19": Row(
        "quotas of other people",
        (f"{REAL}::TestLimits::test_limits_that_end_go_and_what_others_made_stays",),
    ),
    "F-20": Row(
        "lost answers",
        (
            f"{ANSWERS}::TestLostAnswers::test_create_is_taken_over_and_told_once",
            f"{ANSWERS}::TestLostAnswers::test_create_whose_answer_was_lost_goes_when_it_is_over",
            f"{ANSWERS}::TestLostAnswers::test_delete_is_proved_and_told_once",
            f"{ANSWERS}::TestLostAnswers::test_namespace_whose_making_was_not_answered_is_ours",
        ),
    ),
    "F-21": Row(
        "clocks",
        (
            f"{HANDS}::TestClocks::test_worker_with_a_wrong_clock_does_the_same",
            f"{HANDS}::TestClocks::test_lease_of_another_holds_whatever_the_clock_says",
        ),
        missing="The clock of the API server: it runs on this host, and no program here shifts the clock of another.",
    ),
    "F-22": Row(
        "API group gone",
        (
            f"{ANSWERS}::TestGroupThatIsGone::test_nothing_is_concluded_from_it",
            f"{PASSES}::TestBarredRoles::test_without_a_fence_nobody_is_let_in",
        ),
    ),
    "F-23": Row(
        "worker killed at each step",
        (
            f"{WORKERS}::TestKilled::test_whatever_a_killed_worker_left_the_next_pass_converges_and_nobody_gains",
            f"{WORKERS}::TestKilled::test_role_that_changes_is_never_both_and_comes_in_the_next_pass",
            f"{WORKERS}::TestKilled::test_lease_of_who_died_is_respected_until_it_is_over",
            "namespaces/test_worker_processes.py::test_work_is_done_later_whatever_was_lost",
            f"{BAD_LUCK}::test_worker_that_is_killed_midway_is_replaced",
        ),
    ),
    "F-24": Row(
        "worker stopped and continued",
        (
            f"{WORKERS}::TestStopped::test_who_wakes_takes_back_what_it_made_late_and_claims_nothing",
            f"{WORKERS}::TestStopped::test_who_wakes_and_dies_leaves_a_right_that_the_next_sweep_ends",
            f"{WORKERS}::TestStopped::test_lease_of_who_sleeps_is_respected_until_it_is_over",
        ),
    ),
    "F-25": Row(
        "two versions at once",
        (
            f"{NEWER}::TestNewerDatabase::test_nobody_is_let_in_from_the_next_pass_on_and_ends_are_made_and_proved",
            f"{NEWER}::TestNewerDatabase::test_role_that_was_changed_ends_and_the_new_one_is_not_made",
            f"{NEWER}::TestNewerDatabase::test_sweep_heals_nothing_and_takes_back_what_is_over",
            f"{NEWER}::TestNewerDatabase::test_what_these_rows_do_not_explain_is_not_let_go",
            f"{NEWER}::TestNewerDatabase::test_later_version_grants_meanwhile_and_so_does_this_one_once_its_migration_is_taken_back",
            f"{NEWER}::TestUnknownRole::test_gives_nothing_and_everything_else_goes_on",
            f"{NEWER}::TestUnknownRole::test_database_of_the_same_version_lets_others_in_beside_it",
            f"{NEWER}::TestUnknownRole::test_what_the_later_worker_made_of_it_stays_and_is_no_stray",
            f"{NEWER}::TestUnknownRole::test_end_of_the_role_before_is_not_judged_by_rights_that_nobody_here_knows",
            f"{NEWER}::TestUnknownRole::test_its_end_is_made_and_its_proof_left_to_the_later_version",
            f"{NEWER}::TestUnknownRole::test_pages_show_it_and_let_nobody_do_more_by_it",
            f"{NEWER}::TestTwoVersions::test_worker_of_this_version_starts_ends_rights_and_gives_none",
            "portal/test_start.py::test_newer_database_stops_a_web_process_and_no_worker",
        ),
        missing="The checkout of an earlier release: there is none yet, and this code plays it.",
    ),
    "F-26": Row(
        "Redis down, restarted, emptied, full, refusing",
        (
            f"{BROKER}::TestBroker::test_worker_goes_on_without_a_broker",
            f"{BROKER}::TestBroker::test_work_goes_on_after_redis_forgot_everything_was_full_or_refused_us",
            f"{BROKER}::TestBroker::test_worker_that_a_full_redis_sends_away_lives_and_goes_on",
            "namespaces/test_sweeping.py::TestNeglect::test_end_that_nobody_was_told_of_is_made_here",
            "namespaces/test_sweeping.py::TestNeglect::test_end_is_made_here_too_after_the_cluster_was_away",
            "namespaces/test_tasks.py::TestSickBroker::test_change_is_saved_and_nobody_sees_an_error",
            f"{BAD_LUCK}::test_broker_that_is_down_delays_the_work_and_not_the_page",
        ),
    ),
    "F-27": Row(
        "older backup",
        (
            "faults/test_backup.py::test_older_database_writes_nothing_until_an_operator_has_accepted_each_line",
            "namespaces/test_anchor.py::TestOlderDatabase::test_nothing_is_written_by_any_way",
            "namespaces/actions/test_restoring.py::TestAccepting::test_all_lines_let_the_workers_go_on",
        ),
    ),
    "F-28": Row(
        "empty or wrong database",
        (
            f"{PASSES}::TestEmptyTables::test_empty_table_of_memberships_takes_nothing_away",
            f"{PASSES}::TestEmptyTables::test_empty_table_of_grants_is_written_anew_from_what_is_there",
            "namespaces/test_pruning.py::test_more_than_the_guard_allows_all_stay_and_the_cluster_says_so",
        ),
    ),
    "F-29": Row(
        "another cluster, a second Berth",
        (
            f"{PASSES}::TestCluster::test_another_cluster_under_this_name_gets_no_write",
            "namespaces/test_anchor.py::TestOtherInstallation::test_nothing_is_written",
        ),
    ),
    "F-30": Row(
        "outcome of COMMIT unknown",
        (
            f"{COMMIT}::TestSentAgain::test_member_is_added_once",
            f"{COMMIT}::TestSentAgain::test_person_asks_once",
            f"{COMMIT}::TestSentAgain::test_request_is_approved_once",
            f"{COMMIT}::TestSentAgain::test_who_leaves_left_once",
            f"{COMMIT}::test_while_nobody_can_know_it_is_not_done_a_second_time",
            f"{TWICE}::test_form_that_comes_twice_is_done_once",
            f"{TWICE}::TestDoubleClick::test_of_two_at_once_one_is_done_and_the_other_told",
        ),
    ),
    "F-31": Row(
        "read replica behind",
        (
            "portal/test_checks.py::test_there_is_one_database_and_nothing_sends_queries_elsewhere",
            "portal/test_checks.py::test_second_database_and_a_router_are_refused",
            f"{STANDBY}::test_worker_writes_nothing_to_the_cluster_and_goes_on_afterwards",
            f"{STANDBY}::test_worker_without_a_broker_waits_for_it",
            f"{STANDBY}::test_page_is_shown_and_a_decision_ends_in_a_page_of_ours_with_nothing_changed",
        ),
        missing="A replica 30 s behind: none can be configured, and a database that takes no writes plays it.",
    ),
    "F-32": Row(
        "a heap of work",
        (
            f"{BROKER}::TestHeap::test_end_of_a_right_does_not_wait_behind_a_heap",
            "namespaces/test_tasks.py::TestLanes::test_worker_takes_what_may_end_a_right_before_everything_else",
            f"{PASSES}::TestDue::test_those_where_a_right_is_to_end_come_first",
        ),
    ),
    "F-33": Row("leaks", missing="Hours of work are no test: `python -m tests.benchmarks leaks` measures."),
    "F-34": Row(
        "DNS, authority changed",
        (
            f"{PLANE}::TestAuthorityThatChanges::test_new_authority_is_believed_once_the_file_says_so_and_never_before",
            f"{KUBE}::test_an_unknown_name_is_said",
        ),
        missing="IPv6 alone: the machine of the tests need not have it.",
    ),
    "F-35": Row(
        "hostile environment",
        (
            f"{WORKERS}::TestEnvironment::test_only_the_files_of_facts_count",
            f"{KUBE}::test_the_environment_has_no_say",
        ),
    ),
    "F-36": Row(
        "new subjects for everybody",
        (
            f"{SUBJECTS}::test_everybody_comes_as_a_guest_and_what_they_had_stays",
            f"{SUBJECTS}::test_who_is_still_called_by_the_old_subject_is_who_they_were",
            "accounts/provider/test_admission.py::test_mail_of_an_operator_gives_nothing",
            "accounts/provider/test_admission.py::test_new_mail_changes_no_right_and_finds_no_account",
        ),
        missing="Linking: people link no second identity themselves yet, and no operator maps old to new.",
    ),
    "F-37": Row(
        "Berth down for a week",
        (f"{PLANE}::TestAway::test_what_was_decided_meanwhile_is_done_once_at_its_return",),
        missing="Memberships have no end dates yet that could pass meanwhile.",
    ),
    "F-38": Row(
        "all of this mixed",
        (
            "model/test_model.py::test_everything_holds_in_random_histories",
            "model/test_model.py::test_everything_holds_in_random_histories_on_a_real_server",
        ),
        missing="Some dozens of histories here; `make soak` goes on for as long as wanted.",
    ),
}
