"""Where each line of the list of faults, and each trap of Python, is tested, or the answer why it is not."""

from typing import Final

from tests.attacks.lines import Line, _here, _line

KILLS: Final = (
    "tests/crash/test_enumerated_kills.py::test_a_run_killed_at_each_of_its_places_is_carried_on_once"
)
DISK: Final = (
    "tests/crash/test_enumerated_disk.py::"
    "test_a_full_disk_and_a_failed_sync_at_each_commit_send_nothing_and_lose_nothing"
)
STOPS: Final = (
    "tests/crash/test_enumerated_stops.py::test_a_worker_stopped_around_its_first_send_comes_too_late"
)
SEEDS: Final = (
    "tests/property/test_simulation_seeds.py::test_both_drivers_give_the_same_ledger_and_nothing_is_violated"
)
STORM: Final = "tests/crash/test_storm.py::test_a_dozen_runs_come_through"
FAULTED: Final = (
    "tests/integration/test_http_tools_against_target.py::test_a_fault_is_classified_by_what_it_proves"
)
_FLOW: Final = "tests/flow/"
_WRITER: Final = "tests/unit/state/test_ledger_writer.py::test_"
_DISK: Final = "tests/integration/test_ledger_failing_disk.py::test_"
_FILE: Final = "tests/integration/test_ledger_file.py::test_"
_LEASE: Final = "tests/unit/remit/test_worker_lease.py::test_"
_PAUSED: Final = "tests/crash/test_paused_worker.py::test_"
_HUMANS: Final = "tests/flow/test_flow_humans.py::test_"
_MODELS: Final = "tests/flow/test_flow_models.py::test_"
_KILLED: Final = (
    "Real processes are killed at every place of a run, and by the storm for each kind of target and each "
    "fault; `make crash` takes all kinds, and two again in every recovery ([crashes](crash.md))."
)


def _fault(id_: str, says: str, *tests: str, answer: str = "") -> Line:
    return Line(id=id_, says=says, tests=tests, answer=answer)


CRASH: Final = (
    _fault("crash-before-intent", "before intent", KILLS, STORM, SEEDS, answer=_KILLED),
    _fault("crash-before-send", "after intent before send", KILLS, STORM, SEEDS, answer=_KILLED),
    _fault("crash-before-reply", "after send before reply", KILLS, STORM, SEEDS,
           "tests/unit/tools/test_gateway.py::test_a_crash_between_intent_and_outcome_leaves_the_intent_open",
           answer=_KILLED),
    _fault("crash-before-outcome", "after reply before outcome", KILLS, STORM, SEEDS, answer=_KILLED),
    _fault("crash-in-reconcile", "in reconcile", KILLS, STORM, SEEDS, answer=_KILLED),
    _fault("crash-in-verify", "in verify", KILLS, STORM, SEEDS, answer=_KILLED),
    _fault("crash-in-package", "in package", KILLS, STORM, SEEDS, answer=_KILLED),
    _fault("crash-in-report", "in report",
           answer="Nothing is written back to a source yet: notices wait in the outbox, which is part of "
                  "the entry that causes them. What delivers them comes with the doors."),
    _fault("crash-in-recovery", "and again in recovery",
           "tests/crash/test_enumerated_kills.py::"
           "test_every_kind_at_every_place_and_two_kinds_again_in_every_recovery",
           "tests/crash/test_budgets.py::test_a_takeover_after_each_attempt_refills_nothing", STORM, SEEDS,
           answer="Recovery is the normal path: the points of a first run are those of a second."),
)  # fmt: skip
CALLS: Final = (
    _fault("timeout-applied", "timeout applied", FAULTED, STORM),
    _fault("timeout-not-applied", "timeout not applied", FAULTED, STORM),
    _fault("applied-late", "applied late, after the probe said absent", FAULTED,
           "tests/integration/test_http_tools_against_target.py::"
           "test_what_is_unknown_may_land_after_the_sender_has_gone",
           _PAUSED + "where_its_death_cannot_be_proven_only_the_target_can_settle", STORM,
           answer="No probe is asked before the longest request of the contract is over. A target that "
                  "takes longer than its contract says is outside every promise."),
    _fault("500-after-applying", "500 after applying", FAULTED, STORM),
    _fault("200-without-applying", "200 without applying", FAULTED, STORM),
    _fault("garbled", "garbled reply", FAULTED, STORM,
           "tests/integration/test_http_tools_against_sockets.py::test_no_status_after_bytes_have_left"),
    _fault("truncated", "truncated reply", FAULTED,
           "tests/integration/test_http_tools_against_sockets.py::"
           "test_the_status_is_certain_and_the_body_is_not"),
    _fault("duplicated", "duplicated reply",
           "tests/integration/test_http_tools_against_sockets.py::test_there_is_one_connection_and_no_retry",
           answer="One connection a call, closed behind its first answer: a second one is never read."),
    _fault("reordered", "reordered reply",
           "tests/integration/test_http_tools_against_sockets.py::test_there_is_one_connection_and_no_retry",
           answer="As above: an answer belongs to the one request of its connection."),
    _fault("409", "409", "tests/unit/tools/test_answers.py::test_each_row_of_the_table",
           "tests/contract/test_tool_contract.py::test_a_taken_name_proves_nothing_about_whose_it_is"),
    _fault("429", "429 with absurd Retry-After",
           "tests/attacks/test_ledger_and_load.py::"
           "test_a_target_that_fails_for_ever_is_asked_as_often_as_its_budget_says",
           answer="No target says how long remit waits: the header is not read."),
    _fault("key-expired", "key expired",
           "tests/integration/test_http_tools_target_itself.py::test_a_key_is_forgotten_after_its_window",
           "tests/unit/policies/test_guards_table.py::test_it_is_refused_with_the_stable_code"),
    _fault("ignores-the-body", "target ignores the body",
           "tests/unit/policies/test_guards_table.py::test_it_is_refused_with_the_stable_code",
           answer="A key goes out with the arguments of its first intent only (`argument_differs`), so that "
                  "it makes no difference whether the target compares."),
    _fault("stale-replica", "stale replica at verify",
           "tests/unit/policies/test_moves_rows.py::test_row_11_check_open_operation",
           answer="A read counts after the read lag of the contract. One that lags longer than that is "
                  "outside every promise."),
    _fault("somebody-else", "someone else changes the target",
           "tests/flow/test_flow_items.py::test_a_condition_that_has_moved_is_a_conflict_and_no_second_effect",
           "tests/crash/test_stale_state.py::test_an_effect_that_was_overwritten_is_no_completion"),
)  # fmt: skip
LEDGER: Final = (
    _fault("disk-full", "disk full", DISK,
           _DISK + "a_disk_that_stays_full_stores_nothing_and_lets_everything_be_read",
           _DISK + "a_commit_that_fails_is_not_believed_and_the_next_one_stands",
           _FILE + "a_full_disk_refuses_and_leaves_nothing_half_done",
           _FLOW + "test_flow_engine.py::"
           "test_a_ledger_that_takes_no_claim_is_left_alone_and_then_ends_the_worker"),
    _fault("fsync-error", "fsync error", DISK,
           _DISK + "what_a_failed_sync_left_is_on_the_disk_before_anything_rests_on_it",
           _DISK + "a_checkpoint_that_fails_costs_nothing_that_was_acknowledged",
           _WRITER + "an_unconfirmed_commit_is_unknown_to_all_that_were_in_it",
           answer="An error at the commit makes it unknown, whichever system call failed."),
    _fault("busy", "busy", _FILE + "a_write_lock_that_somebody_keeps_is_an_error_not_a_silence"),
    _fault("lost-commit-reply", "lost COMMIT reply",
           _WRITER + "an_unconfirmed_commit_is_unknown_to_all_that_were_in_it",
           _FLOW + "test_flow_engine.py::"
           "test_an_unknown_commit_drops_the_run_and_what_is_found_afterwards_counts"),
    _fault("serialization-failure", "serialization failure",
           answer="SQLite has one writer and none; it comes with the Postgres ledger, where an append is "
                  "refused as any that lost."),
    _fault("old-backup", "old backup",
           "tests/attacks/test_ledger_and_load.py::"
           "test_an_old_backup_put_back_is_said_to_be_beyond_proof_and_an_export_shows_it"),
    _fault("bit-flip", "bit flip",
           "tests/integration/test_ledger_proof.py::test_each_column_of_each_table_changed_is_found"),
    _fault("cut-tail", "cut tail",
           "tests/attacks/test_ledger_and_load.py::test_a_tail_that_was_cut_is_missed"),
    _fault("fork", "fork",
           "tests/attacks/test_ledger_and_load.py::"
           "test_two_forks_of_one_ledger_are_each_sound_and_contradict_each_other"),
)  # fmt: skip
_JUMPS: Final = (
    _LEASE + "a_clock_of_the_database_that_jumps_makes_nobody_look_dead",
    _FLOW + "test_flow_engine.py::test_a_clock_that_jumped_ahead_and_came_back_holds_no_run",
)
TIME: Final = (
    _fault("clock-jumps", "jumps", *_JUMPS),
    _fault("clock-backwards", "backwards",
           "tests/attacks/test_approvals_and_time.py::"
           "test_a_clock_that_was_set_back_gives_back_no_time_that_was_spent", *_JUMPS),
    _fault("clock-frozen", "frozen",
           "tests/attacks/test_approvals_and_time.py::"
           "test_a_clock_that_was_set_back_or_ahead_shortens_no_quarantine",
           answer="Waits of a quarantine and of a lease run by the monotonic clock. A database clock that "
                  "stands still lets backoffs and deadlines stand still with it, and sends nothing."),
    _fault("clocks-differ", "clocks that differ between workers",
           "tests/unit/policies/test_flight_settles.py::"
           "test_a_quarantine_runs_on_this_hosts_clock_from_the_return_or_the_first_claim_here",
           answer="Leases and due times are the database's; another host's clock is never used."),
)  # fmt: skip
WORKERS: Final = (
    _fault("sigkill", "SIGKILL", KILLS, STORM,
           "tests/flow/test_demo.py::test_the_three_acts_end_as_they_say"),
    _fault("sigstop", "SIGSTOP past the lease then SIGCONT between the last check and the send", STOPS,
           _PAUSED + "on_the_same_host_it_is_fenced",
           _PAUSED + "where_its_death_cannot_be_proven_only_the_target_can_settle"),
    _fault("two-owners", "two owners",
           "tests/contract/test_ledger_contract.py::test_two_claims_of_one_epoch_one_wins",
           _FLOW + "test_flow_engine.py::test_a_worker_that_was_overtaken_is_out_and_sends_nothing"),
    _fault("new-code-or-policy", "restart with new code or policy",
           "tests/flow/test_stuck_runs.py::"
           "test_a_run_of_a_newer_version_is_left_alone_until_a_human_ends_it",
           "tests/flow/test_flow_wedges.py::"
           "test_a_run_whose_tools_cannot_be_made_is_for_a_human_who_can_end_it",
           "tests/unit/policies/test_approval.py::"
           "test_a_withdrawn_runbook_is_not_in_force_but_its_runs_can_still_read_their_pins"),
    _fault("poison", "a run that crashes its worker each time",
           _FLOW + "test_flow_suspects.py::test_suspected_runs_are_carried_one_at_a_time_before_the_others",
           "tests/unit/remit/test_worker_suspects.py::"
           "test_it_is_alone_until_it_is_cleared_or_long_enough",
           "tests/unit/policies/test_moves_rows.py::test_row_3_poison"),
)  # fmt: skip
MODELS: Final = (
    _fault("model-refuses", "refuses", "tests/integration/test_openai_model.py::"
           "test_garbage_is_the_rules_move_and_is_asked_for_once"),
    _fault("model-hangs", "hangs", "tests/integration/test_openai_model.py::"
           "test_an_endpoint_that_takes_its_time_costs_no_more_than_the_timeout"),
    _fault("model-malformed", "malformed", _MODELS + "a_bad_endpoint_changes_nothing"),
    _fault("model-endless", "endless loop",
           _MODELS + "a_choice_to_wait_is_honoured_and_then_asked_again_until_the_calls_are_used",
           _MODELS + "a_choice_to_look_again_is_honoured_within_its_budget"),
    _fault("model-claims-success", "claims success falsely",
           "tests/attacks/test_injection.py::test_words_beside_a_request_pass_no_check",
           "tests/unit/agents/test_verifier.py::test_a_model_may_veto_a_pass_and_grant_nothing"),
    _fault("model-agrees", "agrees with everything",
           "tests/attacks/test_injection.py::test_words_beside_a_request_pass_no_check"),
    _fault("model-contradicts", "contradicts itself",
           "tests/attacks/test_injection.py::test_what_a_target_says_moves_no_model_to_a_write",
           answer="A model is asked one question at a time, and no answer binds the next."),
    _fault("model-hostile", "hostile", _MODELS + "a_bad_endpoint_changes_nothing"),
)  # fmt: skip
PEOPLE: Final = (
    _fault("two-decisions", "two decisions at once",
           _HUMANS + "of_two_decisions_the_first_counts_and_the_second_is_told_so"),
    _fault("stale-packet", "a decision on a stale packet",
           _HUMANS + "a_decision_on_what_has_moved_is_refused"),
    _fault("decision-during-timer", "a decision during a timer",
           _HUMANS + "a_cancel_reaches_a_run_that_waits_for_its_check",
           _HUMANS + "each_level_is_told_in_its_time_and_nothing_else_changes"),
    _fault("repair-by-hand", "their own repair by hand", _HUMANS + "a_repair_by_hand_is_no_conflict"),
    _fault("no-answer", "no answer at all", _HUMANS + "behind_the_last_level_nobody_else_is_told"),
)  # fmt: skip
GOVERNANCE: Final = (
    _fault("policy-reloaded", "policy reloaded mid-run",
           "tests/attacks/test_approvals_and_time.py::"
           "test_a_run_whose_runbook_was_withdrawn_meanwhile_sends_nothing",
           "tests/unit/policies/test_guards_table.py::test_without_that_guard_it_would_be_allowed"),
    _fault("delegation-withdrawn", "delegation withdrawn while a run waits for days",
           "tests/attacks/test_approvals_and_time.py::"
           "test_a_run_whose_runbook_was_withdrawn_meanwhile_sends_nothing",
           "tests/unit/policies/test_guards_reads.py::"
           "test_what_was_sent_can_be_settled_after_the_delegation_was_withdrawn",
           answer="How long it waits makes no difference: what is in force is asked before each send."),
    _fault("revoked-after-the-check", "approval revoked after the check",
           "tests/unit/tools/test_gateway.py::test_what_is_in_force_is_asked_again_in_the_intents_transaction",
           "tests/attacks/test_approvals_and_time.py::"
           "test_an_approval_withdrawn_between_the_check_and_the_intent_lets_nothing_be_sent",
           answer="The intent is refused in its own transaction where chain `desk` went on since what is in "
                  "force was read, as it is by the stop switch. What is past its intent may still be sent."),
    _fault("credential-expired", "credential expired mid-call",
           "tests/unit/tools/test_gateway.py::test_401_costs_no_attempt_and_pauses",
           "tests/unit/tools/test_gateway.py::"
           "test_an_unknown_answer_costs_an_attempt_even_if_it_asks_for_a_pause"),
    _fault("double-click", "double click",
           "tests/attacks/test_approvals_and_time.py::test_of_two_yeses_at_once_one_is_taken",
           _HUMANS + "the_same_need_is_one_run"),
    _fault("delivered-100-times", "webhook delivered 100 times",
           "tests/unit/remit/test_intake.py::test_a_delivery_that_comes_a_hundred_times_is_one_request"),
    _fault("kill-switch-during-a-send", "kill switch during a send",
           _FLOW + "test_stop_in_flight.py::"
           "test_an_attempt_without_an_answer_is_told_until_it_can_land_no_more",
           "tests/unit/tools/test_gateway.py::test_a_stop_that_came_after_the_guards_stops_the_intent"),
)  # fmt: skip
FAULTS: Final = {
    "Crash": CRASH,
    "Calls": CALLS,
    "Ledger": LEDGER,
    "Time": TIME,
    "Workers": WORKERS,
    "Models": MODELS,
    "Humans": PEOPLE,
    "Governance": GOVERNANCE,
}
TRAPS: Final = (
    _line("json-loads", "`json.loads` keeps the last duplicate key and accepts NaN", "",
          _here("traps", "a_body_that_python_would_take_is_none"),
          "tests/unit/tools/test_result.py::test_what_is_not_strict_json_is_unreadable"),
    _line("lax-pydantic", 'lax pydantic turns `"500 "`, `true` and `1e3` into integers and drops unknown '
          "fields; strict mode still takes the last duplicate key", "",
          _here("traps", "a_record_converts_nothing_and_drops_nothing"),
          "tests/unit/policies/test_yaml_tree.py::"
          "test_what_could_be_read_in_two_ways_is_refused_with_its_place",
          answer="Every record is strict and closed. Duplicate keys are refused before pydantic sees "
                 "anything: by the reader of files, of answers and of entries."),
    _line("int", '`int("\u0665\u0660") == 50`', "",
          _here("parsing", "a_text_door_reads_a_number_in_one_way")),
    _line("patterns", "`$` matches before a newline, `\\d` matches Arabic digits, `re.match` is a prefix"
          " match", "", _here("traps", "a_pattern_is_of_the_whole_text_and_of_ascii")),
    _line("yaml-booleans", "PyYAML reads `on` and `off` as booleans", "", (),
          "tests/unit/policies/test_yaml_tree.py::test_on_and_off_and_yes_and_no_are_text"),
    _line("cel-absorbs", "CEL absorbs errors (`bad || true`)", "", (),
          "tests/unit/policies/test_expressions.py::test_an_error_anywhere_makes_all_of_it_unknown"),
    _line("empty-all", "`all()` of an empty list is true", "",
          _here("traps", "all_of_nothing_is_true_and_of_the_unknown_is_unknown"),
          "tests/unit/agents/test_verifier.py::test_a_precondition_whose_items_cannot_be_listed_is_unknown"),
    _line("iso-strings", "ISO times with and without fractions misorder as strings", "",
          _here("traps", "instants_of_every_width_are_ordered"),
          "tests/unit/state/test_instants.py::test_every_zone_becomes_utc_in_one_width"),
    _line("fnmatch", "`fnmatch`'s `*` crosses `/`", "", _here("traps", "a_star_stays_within_its_segment")),
    _line("path-join", "`os.path.join` drops the root before an absolute path", "",
          _here("traps", "a_name_is_no_path"),
          *_here("text_paths_addresses", "a_path_leaves_as_one_segment")),
    _line("nfkc", "NFKC after a check is a bypass", "",
          _here("traps", "nothing_is_normalised_behind_a_check")),
    _line("str-format", "`str.format` reaches `__globals__`", "",
          _here("traps", "no_text_from_outside_is_a_form"),
          *_here("injection", "it_is_sent_as_it_was_asked_for_and_nothing_is_made_of_it")),
    _line("deep-json", "deep JSON raises RecursionError", "",
          _here("traps", "depth_is_an_error_of_the_room"),
          *_here("parsing", "an_answer_that_is_not_as_declared_proves_nothing")),
    _line("rfc-8785", "RFC 8785 raises on big integers, NaN, Decimal and lone surrogates, and maps 1.0 and 1 "
          "to the same bytes", "", _here("traps", "what_has_no_one_form_is_no_body")),
)  # fmt: skip
