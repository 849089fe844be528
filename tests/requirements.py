"""The register of promises: what the product promises, where that is written, and which tests hold it.

A promise that nothing holds yet says why in `gap`. `test_requirements.py` checks the register both ways.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise.

    Attributes:
        id: A short name, unique.
        source: Where it is written.
        text: What it says, in our words.
        tests: `file::test` below `tests/`, or below the tests of a plugin as `plugin-folder/file::test`.
        gap: Why nothing holds it yet; empty when something does.
    """

    id: str
    source: str
    text: str
    tests: tuple[str, ...] = ()
    gap: str = ""


def _held(id: str, source: str, text: str, *tests: str) -> Promise:  # noqa: A002 - the field's name
    return Promise(id, source, text, tests)


def _gap(id: str, source: str, text: str, gap: str) -> Promise:  # noqa: A002 - the field's name
    return Promise(id, source, text, (), gap)


_TYPES = "only steps of type action exist yet"
_SIGNALS = "of the signals only cancel exists yet"
_RECOVERY = "interrupted workflows are not resumed yet"

PROMISES = (
    # definitions
    _held(
        "define.whole",
        "behaviour 1",
        "all problems come back in one answer",
        "test_plan_fixes::test_every_mistake_of_a_definition_is_told_in_one_answer",
    ),
    _held(
        "define.fields",
        "behaviour 1",
        "types and unknown fields are checked at every level",
        "test_plan_fields::test_members_of_a_definition",
        "test_plan_fields::test_members_of_a_step",
    ),
    _held(
        "define.ids",
        "behaviour 1",
        "ids are plain names, each once",
        "test_plan_fields::test_good_ids",
        "test_plan_fields::test_ids_that_cannot_be",
    ),
    _held(
        "define.actions",
        "behaviour 1",
        "unknown actions are refused with the nearest name",
        "test_plan_params::test_a_step_names_an_action_that_is_there",
    ),
    _held(
        "define.params",
        "behaviour 1",
        "parameters are checked against the action, as far as they are known",
        "test_plan_params::test_what_it_does_not_take",
        "test_plan_params::test_all_problems_of_the_parameters_are_told_at_once",
    ),
    _held(
        "define.dependencies",
        "behaviour 1",
        "depends_on names other steps once each; a cycle is printed",
        "test_plan_order::test_dependencies_that_cannot_be",
        "test_plan_order::test_a_cycle_is_printed_and_stands_at_one_of_its_steps",
    ),
    _held(
        "define.settled",
        "behaviour 1",
        "a step that is read is certain to be settled before",
        "test_plan_references::test_a_step_that_is_not_certain_to_be_settled_is_refused_with_a_fix",
    ),
    _held(
        "define.fixes",
        "behaviour 1",
        "a fix is an RFC 6902 patch that mends",
        "test_plan_fixes::test_applying_one_fix_after_another_gives_a_definition_that_is_accepted",
    ),
    _held(
        "define.durations",
        "behaviour 1",
        "durations are Go's, with days",
        "test_durations::test_gos_syntax_and_days",
    ),
    _held(
        "define.schemas",
        "behaviour 1",
        "schemas are JSON Schema 2020-12 and refer to nothing remote",
        "test_plan_schemas::test_schemas_that_cannot_be",
    ),
    _held(
        "define.expressions",
        "behaviour 1",
        "expressions compile at define",
        "test_plan_references::test_guards_that_cannot_be",
    ),
    _held(
        "define.disabled",
        "behaviour 1",
        "an action of a disabled plugin is refused with the plugin's name",
        "test_plugins_policy::test_a_definition_is_told_which_plugin_would_bring_its_action",
    ),
    _held(
        "define.versions",
        "behaviour 1",
        "a hundred defines at once make v1 to v100",
        "test_engine::test_a_hundred_defines_at_once_make_a_hundred_versions",
    ),
    _held(
        "define.unavailable",
        "behaviour 1",
        "what this version cannot carry out is refused, not ignored",
        "test_plan_fields::test_what_this_version_does_not_carry_out_is_refused_and_not_ignored",
    ),
    _held(
        "define.robust",
        "behaviour 14",
        "no definition brings the checks down",
        "test_plan_fuzz::test_no_definition_brings_the_diagnosis_down",
        "test_plan_plugin_faults::test_a_plugins_fault_does_not_end_the_diagnosis",
    ),
    _gap("define.nested", "behaviour 1", "nested steps are checked like any other", _TYPES),
    _gap(
        "define.cron",
        "behaviour 1",
        "cron expressions and time zones are checked",
        "there are no schedules yet",
    ),
    _gap(
        "define.typed",
        "behaviour 3",
        "references are typed by what actions declare",
        "outputs are declared, references do not use that yet",
    ),
    # running
    _held(
        "run.levels",
        "behaviour 2",
        "a level runs at once, the next after all of it",
        "test_engine::test_steps_of_a_level_run_at_once_and_the_next_level_after_all",
        "test_plan_graph::test_a_level_is_one_more_than_the_highest_of_its_dependencies",
    ),
    _held(
        "run.pool",
        "behaviour 2",
        "no more actions at once than the pool has places",
        "test_engine::test_no_more_actions_at_once_than_the_pool_has_places",
    ),
    _held(
        "run.guards",
        "behaviour 2",
        "a false guard skips; dependents of a skipped step run",
        "test_engine::test_guards_skip_and_what_depends_on_a_skipped_step_runs",
        "test_engine::test_a_guard_that_gives_no_verdict_fails_its_step_once",
    ),
    _held(
        "run.failure",
        "behaviour 2",
        "after a failure the level finishes and nothing later starts",
        "test_engine::test_after_a_failure_the_level_finishes_and_nothing_later_starts",
    ),
    _held(
        "run.output",
        "behaviour 2",
        "the output is the definition's, or of the last steps",
        "test_plan_order::test_the_last_steps_are_those_nobody_depends_on",
        "test_engine::test_an_output_that_cannot_be_had_fails_the_workflow",
    ),
    _held(
        "run.inputs",
        "behaviour 1",
        "inputs are defaults that params replace key by key; schemas are checked",
        "test_references_run::test_inputs_are_defaults_that_params_replace_and_do_not_evaluate",
        "test_plan_schemas::test_the_inputs_are_checked_against_it",
    ),
    _held(
        "run.key",
        "behaviour 2",
        "one key is one run",
        "test_engine::test_one_key_is_one_run_also_when_asked_at_once",
    ),
    _held(
        "run.owner",
        "behaviour 7",
        "a caller that goes away stops nothing",
        "test_engine::test_a_caller_that_goes_away_stops_nothing",
        "test_mcp_stdio::test_a_cancelled_request_leaves_the_workflow_running",
    ),
    _gap(
        "run.hooks",
        "behaviour 2",
        "on_complete and on_error run",
        "hooks are refused at define yet",
    ),
    _gap("run.dataflow", "behaviour 1", "schedule dataflow", "only levels exist yet"),
    # references
    _held(
        "references.grammar",
        "behaviour 3",
        "paths, expressions, escapes",
        "test_references_parse::test_a_plain_path",
        "test_references_parse::test_where_references_begin_and_end",
    ),
    _held(
        "references.types",
        "behaviour 3",
        "a whole reference keeps value and type, through the store too",
        "test_references_run::test_any_value_goes_through_inputs_steps_and_the_store_unchanged",
    ),
    _held(
        "references.text",
        "behaviour 3",
        "the text of a value inside a longer one",
        "test_references_resolve::test_the_text_of_a_value",
        "test_jsonio::test_the_text_of_any_float_is_its_shortest_digits_laid_out_as_ecma_262_says",
    ),
    _held(
        "references.data",
        "behaviour 3",
        "what a reference brings in is data and stays in its place",
        "test_references_run::test_hostile_values_stay_data_in_every_namespace",
        "test_references_resolve::test_no_value_changes_the_structure_it_is_put_into",
    ),
    _held(
        "references.missing",
        "behaviour 3",
        "a missing path names what is there and is not retried",
        "test_references_resolve::test_a_missing_path_says_what_is_there_and_what_was_meant",
        "test_references_run::test_a_missing_path_fails_the_step_and_is_not_retried",
    ),
    _held(
        "references.view",
        "behaviour 3",
        "one view of a step everywhere",
        "test_references_run::test_the_view_of_a_step",
    ),
    _held(
        "references.provenance",
        "behaviour 13",
        "each value knows which namespaces wrote into it",
        "test_references_resolve::test_each_value_knows_which_namespaces_wrote_into_it",
        "test_references_resolve::test_each_piece_of_a_text_knows_where_it_came_from",
    ),
    _held(
        "cel.semantics",
        "behaviour 3",
        "CEL means what its specification says, over plain JSON",
        "cel/test_cel_semantics::*",
        "cel/test_cel_conformance::*",
        "cel/test_cel_properties::*",
    ),
    _held(
        "cel.bounds",
        "behaviour 3",
        "expressions are bounded and say nothing of values",
        "cel/test_cel_limits::*",
        "cel/test_cel_errors::*",
        "cel/test_cel_engine::*",
    ),
    _gap("expressions.jq", "behaviour 3", "jq and Expr", "their engines do not exist yet"),
    # failure
    _held(
        "failure.retry",
        "behaviour 5",
        "attempts are counted; RETRY_EXHAUSTED wraps the last error",
        "test_engine::test_attempts_are_counted_and_used_up",
    ),
    _held(
        "failure.timeout",
        "behaviour 5",
        "a timeout holds for each attempt",
        "test_engine::test_a_timeout_holds_for_each_attempt",
    ),
    _held(
        "failure.strategies",
        "behaviour 5",
        "ignore, fail_workflow, fallback_step",
        "test_engine::test_an_ignored_error_is_readable_and_the_rest_runs",
        "test_engine::test_fail_workflow_cancels_what_runs_beside_it",
        "test_engine::test_a_fallback_stands_in_and_is_skipped_when_not_needed",
    ),
    _held(
        "failure.crash",
        "behaviour 5",
        "an action that crashes is an EXECUTION_ERROR",
        "test_engine::test_an_action_that_crashes_is_an_execution_error",
        "test_engine::test_an_action_that_crashes_in_place_is_one_too",
    ),
    _gap("failure.breaker", "behaviour 5", "circuit breakers", "not built yet"),
    _gap(
        "failure.workflow_timeout", "behaviour 5", "a workflow's timeout", "refused at define yet"
    ),
    _gap("types.all", "behaviour 4", "condition, loop, parallel, wait, reasoning", _TYPES),
    # signals
    _held(
        "signals.cancel",
        "behaviour 6",
        "cancel stops what runs and nothing happens afterwards",
        "test_engine::test_cancel_stops_what_runs_and_nothing_happens_afterwards",
    ),
    _gap("signals.others", "behaviour 6", "decision, data, retry, skip", _SIGNALS),
    # durability
    _held(
        "store.fold",
        "behaviour 7",
        "state is what the events say; views can be rebuilt",
        "test_engine::test_state_is_what_the_events_say",
    ),
    _held(
        "store.whole",
        "behaviour 7",
        "a transaction is whole or not at all",
        "test_store::test_a_transaction_is_whole_or_not_at_all",
        "test_store::test_callers_that_are_cancelled_leave_no_transaction_open",
    ),
    _held(
        "store.lost",
        "behaviour 7",
        "what could not be stored is told and leaves no gap",
        "test_engine::test_a_commit_that_fails_is_told_and_leaves_no_gap",
    ),
    _held(
        "store.groups",
        "behaviour 7",
        "events share commits",
        "test_engine::test_events_of_many_runs_share_commits",
    ),
    _held(
        "store.foreign",
        "behaviour 7",
        "foreign and newer databases are refused",
        "test_store::test_a_file_of_somebody_else_is_refused_and_left_alone",
        "test_store::test_a_newer_schema_is_refused",
    ),
    _held(
        "store.modes",
        "behaviour 13",
        "the files are their owner's alone",
        "test_store::test_its_files_are_the_owners_alone",
    ),
    _held(
        "store.closing",
        "behaviour 7",
        "running steps finish when it closes, later ones do not begin",
        "test_engine::test_when_it_closes_running_steps_finish_and_later_ones_do_not_begin",
    ),
    _gap("store.recovery", "behaviour 7", "interrupted workflows go on by themselves", _RECOVERY),
    _gap(
        "store.relay",
        "behaviour 7",
        "one engine, many clients",
        "a second process is refused in words yet",
    ),
    _gap("vault", "behaviour 8", "secrets", "there is no vault yet: VAULT_ERROR at the step"),
    # tools
    _held(
        "tools.arguments",
        "behaviour 9",
        "JSON text is decoded; unknown arguments are refused with the nearest name",
        "test_mcp_arguments::test_json_text_is_decoded_wherever_an_object_or_array_is_wanted",
        "test_mcp_arguments::test_everything_wrong_is_said_at_once_with_the_nearest_name",
    ),
    _held(
        "tools.names",
        "behaviour 9",
        "dots and underscores are accepted",
        "test_mcp_stdio::test_tools_are_listed_as_told_and_answer_to_both_names",
    ),
    _held(
        "tools.answers",
        "behaviour 9",
        "structured content and the same as compact text",
        "test_mcp_stdio::test_an_answer_is_structured_and_the_same_as_compact_text",
    ),
    _held(
        "tools.parts",
        "behaviour 9",
        "lists come in parts",
        "test_engine::test_lists_come_in_parts_without_gaps_or_repeats",
        "test_engine::test_a_cursor_that_was_not_handed_out_is_refused",
    ),
    _held(
        "tools.cut",
        "behaviour 9",
        "what is large is cut in answers and whole for steps",
        "test_engine::test_a_large_output_is_cut_in_answers_and_whole_for_steps",
    ),
    _held(
        "wire.clean",
        "behaviour 13",
        "nothing but JSON-RPC goes over standard output",
        "test_mcp_stdio::test_what_children_print_stays_off_the_wire",
    ),
    _held(
        "wire.garbage",
        "behaviour 14",
        "the server goes on after what is no message",
        "test_mcp_stdio::test_the_server_goes_on_after_what_is_no_message",
        "test_mcp_stdio::test_arguments_that_are_no_exact_json_are_refused_as_a_call",
    ),
    _held(
        "wire.end",
        "behaviour 7",
        "it ends in order",
        "test_mcp_stdio::test_it_ends_in_order",
        "test_mcp_stdio::test_a_second_signal_ends_it_at_once",
    ),
    _held(
        "events.two",
        "behaviour 11",
        "a run of two steps leaves six events",
        "test_engine::test_a_run_of_two_steps_leaves_six_events",
    ),
    _held(
        "log.lines",
        "behaviour 13",
        "the log is JSON lines that nothing can forge",
        "test_mcp_stdio::test_the_log_is_json_lines_with_the_ids",
    ),
    # actions
    _held("actions.crypto", "actions", "crypto", "crypto/test_crypto_actions::*"),
    _held(
        "actions.assert",
        "actions",
        "assert",
        "assert/test_assert_actions::*",
        "assert/test_assert_schema::*",
    ),
    _held(
        "actions.workflow",
        "actions",
        "workflow.log, emit, fail",
        "workflow/test_workflow_actions::*",
    ),
    _held(
        "actions.fs",
        "actions; behaviour 13",
        "fs.read and fs.write, inside the roots without a race",
        "fs/test_fs_plugin::*",
    ),
    _held(
        "actions.shell",
        "actions; behaviour 13",
        "shell.exec, and that all of it ends",
        "shell/test_shell_plugin::*",
    ),
    _held(
        "actions.http",
        "actions; behaviour 13",
        "http.get, and where it may go",
        "http/test_http_plugin::*",
    ),
    _gap(
        "actions.rest",
        "actions",
        "the other actions of http, fs and workflow; expr.eval",
        "not built yet",
    ),
    # plugins and people
    _held(
        "plugins.policy",
        "behaviour 13",
        "what policy does not let load is never imported",
        "test_plugins_policy::test_what_policy_does_not_let_load_is_never_imported",
    ),
    _held(
        "plugins.names",
        "behaviour 13",
        "a built-in's name cannot be taken",
        "test_plugins_policy::test_nobody_may_pose_as_a_built_in_plugin_installed_or_not",
    ),
    _held(
        "plugins.faults",
        "architecture",
        "a plugin that fails is left out alone",
        "test_plugins_discovery::test_a_plugin_with_a_fault_is_left_out_and_recorded_and_the_others_work",
    ),
    _held(
        "plugins.stranger",
        "architecture",
        "a stranger's package is installed, found and runs",
        "test_third_party_plugin::test_its_action_step_type_and_engine_run",
        "test_third_party_plugin::test_what_is_not_installed_there_is_unknown_there",
    ),
    _held(
        "settings",
        "behaviour 13",
        "settings are typed and unknown ones refused",
        "test_settings::test_an_unknown_setting_is_refused_with_its_place_and_a_hint",
    ),
    _held(
        "json.strict",
        "behaviour 14",
        "JSON from outside is strict and exact",
        "test_jsonio::test_integers_beyond_64_bits_are_refused_and_never_rounded",
        "test_jsonio::test_a_key_that_stands_twice_is_refused_by_name",
    ),
    _held(
        "limits",
        "behaviour 14",
        "limits refuse with a code",
        "test_plan_limits::test_more_steps_than_allowed_are_refused",
        "test_plan_limits::test_the_depth_of_a_definition_is_limited",
    ),
    _held("hints", "behaviour 1", "the nearest name is suggested", "test_suggest::*"),
    _held(
        "cli",
        "behaviour 13",
        "the command line, its exit codes, and text from outside",
        "test_cli::test_text_from_outside_does_nothing_to_the_terminal",
        "test_cli::test_a_workflow_that_fails_ends_with_1",
        "test_cli_positions::*",
    ),
    _held("docs", "docs", "examples in the docs are files that run", "test_docs_examples::*"),
    _gap("schedules", "behaviour 12", "cron", "there are no schedules yet"),
)

GUARDS_THE_HOUSE = {"test_layout", "test_repository_words", "test_requirements"}
"""Tests that guard the repository rather than a promise of the product."""
