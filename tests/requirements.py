"""The register of promises: what OPCODE says it does, and the tests that would fail if it did not.

`tests/test_requirements.py` holds it in both directions: every promise has a test or names its gap, every test that is
named here exists, every mark `@pytest.mark.promise("id")` names a promise, and no gap is left where there is a test.

A test is named by module and function, for names of test files are unique in the repository. Black-box cases are named
by their line in `tests/conformance.txt`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence that somebody may rely on.

    Attributes:
        id: What marks and reports call it: `area.subject`.
        source: Where it was promised: the page and its section.
        text: The promise, in our words.
        tests: Tests that would fail if it were broken, each `module::function`. A test may instead carry the mark.
        cases: Black-box cases that hold the server to it, each a line of `tests/conformance.txt`.
        gap: Why nothing proves it: what is not built. Empty for a promise that is kept.
    """

    id: str
    source: str
    text: str
    tests: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    gap: str = ""


STEP_TYPES = "of the step types only `action` is built"
SIGNALS = "of the signals only `cancel` is built"
VAULT = "the vault is not built"
SCHEDULES = "schedules are not built"
RECOVERY = "a workflow is not yet carried on after a restart"
SHARING = "relays are not built: a second process on a database is refused"
WORKFLOW_LIMITS = (
    "timeouts and hooks of a whole workflow are not built, and are refused in definitions"
)
BREAKER = "circuit breakers are not built"
ACTIONS = "this action is not built"
ENGINES = "jq and Expr are not built"
SANDBOX = "the sandbox and `opcode doctor` are not built"
UNPROVEN = "built, but no test proves it"


# Definitions and what `define` says about them

DEFINITIONS = (
    Promise(
        "define.whole",
        "behaviour 1",
        "A definition is checked whole, and all its problems come in one answer.",
        tests=(
            "test_plan_fixes::test_every_mistake_of_a_definition_is_told_in_one_answer",
            "test_plan_params::test_all_problems_of_the_parameters_are_told_at_once",
            "test_plan_schemas::test_all_faults_of_a_schema_and_those_of_the_definition_come_together",
        ),
    ),
    Promise(
        "define.nothing-invalid-stored",
        "behaviour 1",
        "A refused definition is not stored and uses up no version.",
        cases=("a_define: a refused definition is not stored and uses up no version",),
    ),
    Promise(
        "define.problem-shape",
        "behaviour 1",
        "A problem has path, code, message and severity, and a hint and a fix where there is one.",
        tests=("test_plan_fields::test_a_problem_shows_only_what_it_has",),
    ),
    Promise(
        "define.pointers",
        "behaviour 1",
        "The path of a problem is a JSON Pointer that leads to the member, escaped as RFC 6901 says.",
        tests=(
            "test_plan_fuzz::test_no_definition_brings_the_diagnosis_down",
            "test_plan_fields::test_members_of_a_definition",
        ),
    ),
    Promise(
        "define.hints",
        "behaviour 1",
        "A misspelt name that is near a known one has a hint with that name.",
        tests=(
            "test_plan_fixes::test_a_hint_for_every_misspelling_of_a_known_name",
            "test_plan_params::test_hints_and_fixes",
            "test_suggest::test_the_nearest_name_or_none",
        ),
    ),
    Promise(
        "define.fixes",
        "behaviour 1",
        "A fix is an RFC 6902 patch that mends what it is attached to and overwrites nothing.",
        tests=(
            "test_plan_fixes::test_applying_one_fix_after_another_gives_a_definition_that_is_accepted",
            "test_plan_fixes::test_applying_all_fixes_of_one_answer_together_gives_a_definition_that_is_accepted",
            "test_plan_fixes::test_there_is_no_fix_where_it_would_lead_to_the_next_problem",
            "test_plan_fixes::test_a_fix_never_overwrites_what_is_there",
        ),
    ),
    Promise(
        "define.warnings",
        "behaviour 1",
        "A definition with warnings only is stored, and the warnings are in the answer.",
        tests=("test_plan_fields::test_many_retries_are_a_warning_only",),
        cases=(
            "a_define: without a passphrase a definition with secrets is stored with a warning and fails at the step",
        ),
    ),
    Promise(
        "define.types-and-fields",
        "behaviour 1",
        "A member of the wrong JSON type and an unknown member are refused, in the definition and in every step.",
        tests=(
            "test_plan_fields::test_a_definition_is_an_object",
            "test_plan_fields::test_a_definition_has_steps",
            "test_plan_fields::test_members_of_a_definition",
            "test_plan_fields::test_a_step_is_an_object",
            "test_plan_fields::test_members_of_a_step",
        ),
    ),
    Promise(
        "define.ids",
        "behaviour 1",
        "Ids match `[A-Za-z_][A-Za-z0-9_-]*`, are there, and are unique.",
        tests=(
            "test_plan_fields::test_good_ids",
            "test_plan_fields::test_ids_that_cannot_be",
            "test_plan_fields::test_ids_are_texts_and_must_be_there",
            "test_plan_fields::test_every_second_step_of_a_name_is_reported",
        ),
    ),
    Promise(
        "define.actions-exist",
        "behaviour 1",
        "An unknown step type or action is refused.",
        tests=(
            "test_plan_params::test_a_step_names_an_action_that_is_there",
            "test_plan_fixes::test_a_hint_for_every_misspelling_of_a_known_name",
        ),
    ),
    Promise(
        "define.params",
        "behaviour 1",
        "Parameters are checked against the action's own classes; one with a reference only for what its type can become.",
        tests=(
            "test_plan_params::test_what_the_action_takes",
            "test_plan_params::test_what_it_does_not_take",
            "test_plan_params::test_a_missing_params_is_one_without_members",
        ),
    ),
    Promise(
        "define.depends-on",
        "behaviour 1",
        "`depends_on` names other steps, each once; a cycle is refused and printed as `a -> b -> a`.",
        tests=(
            "test_plan_order::test_dependencies_that_cannot_be",
            "test_plan_order::test_a_cycle_is_printed_and_stands_at_one_of_its_steps",
            "test_plan_order::test_cycles_that_do_not_touch_are_all_reported_and_knots_once",
            "test_plan_graph::test_cycles_are_found_where_there_are_some_and_each_is_one",
        ),
        cases=(
            "a_diagnostics: depends_on names existing other steps once each, and a cycle is printed",
        ),
    ),
    Promise(
        "define.durations",
        "behaviour 1",
        "Durations are numbers with units; a bare number is refused.",
        tests=(
            "test_durations::test_gos_syntax_and_days",
            "test_durations::test_anything_else_is_refused_and_told_how_to_write_it",
        ),
    ),
    Promise(
        "define.retry",
        "behaviour 1",
        "Names of strategies and backoffs are checked; more than ten retries are a warning.",
        tests=(
            "test_plan_fields::test_members_of_a_step",
            "test_plan_fields::test_many_retries_are_a_warning_only",
            "test_plan_fields::test_the_strategy_retry_without_a_policy_is_three_retries",
        ),
    ),
    Promise(
        "define.fallback-step",
        "behaviour 1",
        "A fallback step exists and is another step.",
        tests=(
            "test_plan_order::test_a_fallback_step_exists_and_is_another_one",
            "test_plan_order::test_a_chain_of_fallbacks_is_fine_and_a_ring_is_a_cycle",
            "test_plan_order::test_a_step_that_waits_for_its_own_fallback_is_a_cycle",
        ),
    ),
    Promise(
        "define.decisions",
        "behaviour 1",
        "Options of a decision are checked: unique, and with the fallback among them.",
        gap=STEP_TYPES,
    ),
    Promise(
        "define.loops",
        "behaviour 1",
        "A loop has what its mode needs; `loop` is known only inside one.",
        gap=STEP_TYPES,
    ),
    Promise(
        "define.expressions-compile",
        "behaviour 1",
        "Expressions compile, or the definition is refused.",
        tests=(
            "test_plan_references::test_guards_that_cannot_be",
            "test_plan_references::test_an_unknown_engine_is_refused_with_those_that_are_there",
            "test_cel_errors::test_a_source_that_is_refused",
        ),
    ),
    Promise(
        "define.references-known",
        "behaviour 1",
        "Every reference can be read and names something that exists.",
        tests=(
            "test_plan_references::test_what_may_be_read",
            "test_plan_references::test_what_cannot_be_read",
            "test_plan_references::test_every_reference_of_a_text_is_checked",
        ),
    ),
    Promise(
        "define.references-settled",
        "behaviour 1",
        "A step reads only steps that are certain to be settled before it, in `${{ }}` and in expressions alike.",
        tests=(
            "test_plan_references::test_a_step_that_is_not_certain_to_be_settled_is_refused_with_a_fix",
            "test_plan_references::test_an_ancestor_however_far_is_settled_and_a_sibling_is_not",
            "test_plan_references::test_a_step_cannot_read_itself_nor_what_comes_after_it",
            "test_plan_references::test_expressions_are_checked_like_references",
        ),
    ),
    Promise(
        "define.schemas",
        "behaviour 1",
        "`input_schema` and `output_schema` are JSON Schema 2020-12 and refer to nothing remote.",
        tests=(
            "test_plan_schemas::test_schemas_of_draft_2020_12",
            "test_plan_schemas::test_schemas_that_cannot_be",
            "test_plan_schemas::test_a_schema_whose_references_multiply_is_refused",
        ),
        cases=("a_define: schemas must be valid JSON Schema 2020-12 and refer to nothing remote",),
    ),
    Promise(
        "define.cron",
        "behaviour 1",
        "Cron expressions and time zones are checked.",
        gap=SCHEDULES,
    ),
    Promise(
        "define.disabled-plugin",
        "behaviour 1",
        "An action of a disabled plugin is refused with the plugin's name and the word policy.",
        tests=(
            "test_plugins_policy::test_a_definition_is_told_which_plugin_would_bring_its_action",
        ),
    ),
    Promise(
        "define.names",
        "behaviour 1",
        "A template's name is 1 to 128 of `[A-Za-z0-9._/-]`.",
        cases=(
            "a_define: template names are 1 to 128 plain characters; define needs a name, a definition and an agent, and knows its arguments",
        ),
    ),
    Promise(
        "define.versions",
        "behaviour 1",
        "Versions are v1, v2, …; a hundred defines at once make a hundred; the latest is the highest.",
        tests=("test_engine::test_a_hundred_defines_at_once_make_a_hundred_versions",),
        cases=(
            "a_define: every define of a name makes the next version; a run takes the highest number unless it names one",
            "c_tools: a hundred defines at once make a hundred versions, and runs at once keep apart",
        ),
    ),
    Promise(
        "define.inputs",
        "behaviour 1",
        "`inputs` are defaults that `params` replaces key by key.",
        tests=(
            "test_references_run::test_inputs_are_defaults_that_params_replace_and_do_not_evaluate",
        ),
        cases=("a_define: inputs of the definition are defaults that params override key by key",),
    ),
    Promise(
        "define.input-schema",
        "behaviour 1",
        "Inputs are checked, with the schema's defaults filled in, before anything is stored.",
        tests=(
            "test_plan_schemas::test_the_inputs_are_checked_against_it",
            "test_plan_schemas::test_defaults_are_filled_in_at_any_depth_and_change_nothing_given",
        ),
        cases=(
            "a_define: input_schema is checked before anything is stored, with its own defaults applied; output_schema when the run ends",
        ),
    ),
    Promise(
        "define.output-schema",
        "behaviour 1",
        "The output is checked against `output_schema` when the run ends.",
        tests=("test_engine::test_an_output_that_cannot_be_had_fails_the_workflow",),
    ),
    Promise(
        "define.members",
        "behaviour 1",
        "`context`, `metadata` and `output` are taken; metadata is kept and shown.",
        tests=(
            "test_plan_fields::test_everything_a_definition_may_have_is_taken",
            "test_references_run::test_the_workflow_can_be_read",
        ),
    ),
    Promise(
        "define.dataflow",
        "behaviour 1",
        '`schedule: "dataflow"` starts a step as soon as its own dependencies have settled.',
        gap='only `schedule: "level"` is built; the other is refused in definitions',
    ),
    Promise(
        "define.not-ignored",
        "house rule",
        "What this version knows but does not carry out is refused, never ignored.",
        tests=(
            "test_plan_fields::test_what_this_version_does_not_carry_out_is_refused_and_not_ignored",
            "test_plan_fields::test_triggers_and_on_interrupt_are_not_carried_out_either",
        ),
    ),
    Promise(
        "define.never-crashes",
        "house rule",
        "No definition and no schema brings the diagnosis down, and it is quick for large ones.",
        tests=(
            "test_plan_fuzz::test_no_definition_brings_the_diagnosis_down",
            "test_plan_fuzz::test_no_schema_and_no_trigger_brings_it_down",
            "test_plan_fuzz::test_the_same_definition_has_the_same_problems",
            "test_plan_fuzz::test_diagnosing_changes_nothing_in_the_definition",
            "test_plan_limits::test_large_definitions_are_diagnosed_quickly",
            "test_plan_limits::test_many_mistakes_are_diagnosed_quickly_too",
            "test_plan_limits::test_no_depth_of_python_objects_is_too_much",
            "test_plan_plugin_faults::test_a_plugins_fault_does_not_end_the_diagnosis",
        ),
    ),
    Promise(
        "define.beside",
        "behaviour 15",
        "A problem outside the definition names its argument, with a path into that argument's value.",
        tests=(
            "test_plan_schemas::test_schemas_that_cannot_be",
            "test_plan_fields::test_triggers_and_on_interrupt_are_not_carried_out_either",
        ),
    ),
    Promise(
        "define.closed-inputs",
        "behaviour 15",
        "Inputs that a closed `input_schema` does not have cannot be referred to.",
        tests=("test_plan_references::test_inputs_that_a_closed_schema_does_not_have_are_refused",),
    ),
    Promise(
        "define.keys",
        "behaviour 15",
        "A reference in an object key is refused.",
        tests=(
            "test_plan_references::test_references_have_no_place_in_keys",
            "test_plan_references::test_references_have_no_place_in_ids_types_and_actions",
        ),
    ),
    Promise(
        "define.no-values",
        "house rule",
        "A problem never shows a value.",
        tests=("test_plan_params::test_problems_never_show_a_value",),
    ),
    Promise(
        "define.dry-run",
        "behaviour 15",
        "`dry_run` of define checks and stores nothing; that of run plans and runs nothing.",
        cases=(
            "a_define: dry_run checks a definition and stores nothing, plans a run and runs nothing",
        ),
    ),
)

# Running

RUNNING = (
    Promise(
        "run.levels",
        "behaviour 2",
        "A step's level is one above its dependencies' highest; a level runs at the same time, the next one after all of it.",
        tests=(
            "test_plan_graph::test_a_level_is_one_more_than_the_highest_of_its_dependencies",
            "test_plan_order::test_levels_follow_dependencies_and_keep_the_order_of_the_definition",
            "test_engine::test_steps_of_a_level_run_at_once_and_the_next_level_after_all",
        ),
        cases=(
            "b_running: the steps of a level run at the same time, the next level after all of them",
        ),
    ),
    Promise(
        "run.pool",
        "behaviour 2",
        "No more actions run at once than the pool has places, over all workflows.",
        tests=("test_engine::test_no_more_actions_at_once_than_the_pool_has_places",),
        cases=(
            "b_running: no more actions at once than OPCODE_POOL_SIZE, counted over all workflows",
        ),
    ),
    Promise(
        "run.guards",
        "behaviour 2",
        "A step whose guard is false is skipped, and what depends on it runs.",
        tests=("test_engine::test_guards_skip_and_what_depends_on_a_skipped_step_runs",),
        cases=(
            "b_running: a guard that is false skips its step, what depends on it still runs unless its own guard says no",
        ),
    ),
    Promise(
        "run.guard-verdict",
        "behaviour 15",
        "A guard is evaluated once; one that is no boolean fails its step.",
        tests=("test_engine::test_a_guard_that_gives_no_verdict_fails_its_step_once",),
    ),
    Promise(
        "run.failure",
        "behaviour 2",
        "After a failure nobody handles, what runs finishes, nothing later starts, the rest stays pending.",
        tests=("test_engine::test_after_a_failure_the_level_finishes_and_nothing_later_starts",),
        cases=(
            "b_running: after a failure nobody handles, what runs may finish, nothing later starts, the rest stays pending",
        ),
    ),
    Promise(
        "run.fail-workflow",
        "behaviour 2",
        "`fail_workflow` cancels what runs beside it at once.",
        tests=("test_engine::test_fail_workflow_cancels_what_runs_beside_it",),
        cases=("b_running: fail_workflow does not wait for the others, it cancels them",),
    ),
    Promise(
        "run.output",
        "behaviour 2",
        "The output is the definition's, else that of the only last step, else an object of the last steps' by id.",
        tests=(
            "test_plan_order::test_the_last_steps_are_those_nobody_depends_on",
            "test_plan_order::test_a_fallback_step_is_in_no_level_and_is_settled_with_its_primary",
        ),
        cases=(
            "b_running: the output of a workflow is what the definition says, else that of the last step, or of the last steps by id",
        ),
    ),
    Promise(
        "run.output-unresolvable",
        "behaviour 15",
        "An output that cannot be resolved fails the workflow.",
        tests=(
            "test_engine::test_an_output_that_cannot_be_had_fails_the_workflow",
            "test_references_run::test_an_output_that_leads_nowhere_fails_the_workflow",
        ),
    ),
    Promise(
        "run.hooks",
        "behaviour 2",
        "`on_complete` and `on_error` of a workflow run after it, and change nothing.",
        gap=WORKFLOW_LIMITS,
    ),
    Promise(
        "run.wait",
        "behaviour 2",
        "`run` answers when the workflow has settled, or after `wait_ms`, and the workflow goes on.",
        tests=("test_engine::test_steps_of_a_level_run_at_once_and_the_next_level_after_all",),
        cases=("b_running: run answers after wait_ms at the latest and the workflow goes on",),
    ),
    Promise(
        "run.idempotency",
        "behaviour 2",
        "The same `idempotency_key` of the same agent is one run.",
        tests=("test_engine::test_one_key_is_one_run_also_when_asked_at_once",),
        cases=(
            "b_running: the same idempotency_key from the same agent gives the first run's answer and starts nothing",
        ),
    ),
    Promise(
        "run.frozen",
        "behaviour 2",
        "A run keeps the version it began with.",
        gap=UNPROVEN,
    ),
    Promise(
        "run.belongs-to-engine",
        "behaviour 7",
        "A client that goes away, cancels or times out stops no workflow.",
        tests=(
            "test_engine::test_a_caller_that_goes_away_stops_nothing",
            "test_mcp_stdio::test_a_cancelled_request_leaves_the_workflow_running",
        ),
    ),
    Promise(
        "run.ends-in-order",
        "behaviour 7",
        "The end of input and a signal end the server with 0, running steps finish, later ones do not begin.",
        tests=(
            "test_engine::test_when_it_closes_running_steps_finish_and_later_ones_do_not_begin",
            "test_mcp_stdio::test_it_ends_in_order",
            "test_mcp_stdio::test_a_call_under_way_at_the_end_of_input_is_answered",
            "test_mcp_stdio::test_a_second_signal_ends_it_at_once",
        ),
    ),
    Promise(
        "run.loop-free",
        "house rule",
        "Nothing blocks the event loop.",
        tests=(
            "test_engine::test_nothing_blocks_the_loop",
            "test_plan_limits::test_a_large_definition_keeps_nobody_waiting",
        ),
    ),
)

# References and expressions

REFERENCES = (
    Promise(
        "ref.step-view",
        "behaviour 3",
        "A step is seen by `output`, `status` and `error`, and by the fields of its output, everywhere alike.",
        tests=(
            "test_references_run::test_the_view_of_a_step",
            "test_engine::test_guards_skip_and_what_depends_on_a_skipped_step_runs",
        ),
    ),
    Promise(
        "ref.after-ignore",
        "behaviour 3",
        "After an ignored error the output is `{ignored, error}`, and the error stays readable.",
        tests=("test_engine::test_an_ignored_error_is_readable_and_the_rest_runs",),
        cases=("b_failure: an ignored error skips the step, leaves it readable and the rest runs",),
    ),
    Promise(
        "ref.after-fallback",
        "behaviour 3",
        "After a successful fallback, the step's output is the fallback's.",
        cases=(
            "b_failure: a fallback step runs only when needed, and its output stands for the first's",
        ),
    ),
    Promise(
        "ref.nested",
        "behaviour 3",
        "Inside a list of nested steps the nearest step of a name is meant; from outside its full id.",
        gap=STEP_TYPES,
    ),
    Promise(
        "ref.paths",
        "behaviour 3",
        "A path goes through dots, dashes, digits, indexes and quoted keys.",
        tests=(
            "test_references_parse::test_a_plain_path",
            "test_references_parse::test_a_path_that_is_written_is_read_back",
            "test_references_resolve::test_paths_into_objects_and_arrays",
        ),
        cases=("a_references: a path goes through dots, dashes, digits, indexes and quoted keys",),
    ),
    Promise(
        "ref.expressions",
        "behaviour 3",
        "What is no plain path inside `${{ }}` is CEL.",
        tests=(
            "test_references_parse::test_anything_else_is_an_expression",
            "test_plan_references::test_what_may_be_read",
        ),
    ),
    Promise(
        "ref.literal",
        "behaviour 3",
        "`$${{` is a literal `${{`.",
        tests=(
            "test_references_parse::test_three_dollars_are_one_dollar_and_a_literal_reference",
            "test_references_parse::test_any_text_can_be_written_so_that_it_is_literal",
            "test_references_resolve::test_an_escaped_reference_is_literal_wherever_it_stands",
        ),
    ),
    Promise(
        "ref.end",
        "behaviour 15",
        "The end of a reference is found by reading it: a `}}` in quotes does not end it.",
        tests=(
            "test_references_parse::test_where_references_begin_and_end",
            "test_references_parse::test_a_reference_without_an_end_is_told_how_a_literal_one_is_written",
        ),
    ),
    Promise(
        "ref.types",
        "behaviour 3",
        "A text that is one reference keeps the value's type.",
        tests=(
            "test_references_resolve::test_a_whole_reference_keeps_value_and_type",
            "test_references_run::test_any_value_goes_through_inputs_steps_and_the_store_unchanged",
        ),
    ),
    Promise(
        "ref.texts",
        "behaviour 3",
        "In a longer text a value is its text: numbers in full, objects and arrays as compact JSON.",
        tests=(
            "test_references_resolve::test_the_text_of_a_value",
            "test_references_resolve::test_a_text_around_a_reference_is_that_text_with_the_values_text_in_it",
            "test_jsonio::test_numbers_have_the_text_ecmascript_gives_them",
        ),
        cases=(
            "a_references: inside a longer string a value is written as text - numbers in full, objects and lists as compact JSON",
        ),
    ),
    Promise(
        "ref.text-parameters",
        "behaviour 3",
        "A text parameter that gets a number or a boolean takes its text; nothing else becomes text.",
        tests=(
            "test_references_run::test_a_number_becomes_text_where_text_is_wanted",
            "test_references_run::test_nothing_else_becomes_text",
        ),
        cases=(
            "a_references: a text parameter that receives a number or a boolean takes its text form",
        ),
    ),
    Promise(
        "ref.data",
        "behaviour 3",
        "What a reference brings in is never read for references again and never becomes structure.",
        tests=(
            "test_references_resolve::test_no_value_changes_the_structure_it_is_put_into",
            "test_references_run::test_hostile_values_stay_data_in_every_namespace",
        ),
    ),
    Promise(
        "ref.missing",
        "behaviour 3",
        "A missing path is `INTERPOLATION_ERROR`, is not retried, and says what is there and what was meant.",
        tests=(
            "test_references_run::test_a_missing_path_fails_the_step_and_is_not_retried",
            "test_references_resolve::test_a_missing_path_says_what_is_there_and_what_was_meant",
            "test_references_resolve::test_the_error_of_a_missing_path_names_no_value",
        ),
    ),
    Promise(
        "ref.places",
        "behaviour 3",
        "References work in parameters, values of inputs and the output; not in ids, types and names of actions.",
        tests=(
            "test_plan_references::test_inputs_refer_to_workflow_and_context_only",
            "test_plan_references::test_the_output_sees_every_step_and_no_loop",
            "test_plan_references::test_references_have_no_place_in_ids_types_and_actions",
        ),
    ),
    Promise(
        "ref.workflow",
        "behaviour 3",
        "`workflow` has the run's id, names, version, agent, start and status.",
        tests=("test_references_run::test_the_workflow_can_be_read",),
    ),
    Promise(
        "ref.context",
        "behaviour 3",
        "`context` has what the definition began it with.",
        tests=(
            "test_references_run::test_hostile_values_stay_data_in_every_namespace",
            "test_references_run::test_inputs_are_defaults_that_params_replace_and_do_not_evaluate",
        ),
    ),
    Promise(
        "ref.context-updates",
        "behaviour 3",
        "`context` has what `workflow.context` and `data` signals added.",
        gap=SIGNALS,
    ),
    Promise(
        "ref.loop",
        "behaviour 3",
        "`loop` has item, index and the enclosing loop's.",
        gap=STEP_TYPES,
    ),
    Promise(
        "ref.isolated",
        "house rule",
        "No action can change what another step reads.",
        tests=(
            "test_references_run::test_an_action_that_changes_its_parameters_changes_nothing_for_the_others",
            "test_references_run::test_becoming_text_in_one_step_changes_nothing_for_the_others",
            "test_references_resolve::test_every_resolution_of_a_literal_gives_a_value_of_its_own",
        ),
    ),
    Promise(
        "ref.provenance",
        "behaviour 13",
        "Each resolved value knows which namespaces wrote into it.",
        tests=(
            "test_references_resolve::test_each_value_knows_which_namespaces_wrote_into_it",
            "test_references_resolve::test_each_piece_of_a_text_knows_where_it_came_from",
        ),
    ),
    Promise(
        "cel.numbers",
        "behaviour 3",
        "JSON integers are CEL ints, other numbers doubles; the two compare and combine.",
        tests=(
            "test_cel_properties::test_comparing_numbers",
            "test_cel_properties::test_arithmetic",
        ),
        cases=(
            "a_expressions: in CEL, JSON integers are ints and other numbers doubles, and the two compare and combine",
        ),
    ),
    Promise(
        "cel.semantics",
        "behaviour 3",
        "CEL means what its specification says.",
        tests=("test_cel_semantics::test_an_expression_gives",),
        cases=(
            "a_expressions: CEL has its standard macros and functions, and gives lists and objects whole",
        ),
    ),
    Promise(
        "cel.guards-in-braces",
        "behaviour 3",
        "A guard in `${{ }}` means its inside.",
        tests=("test_plan_references::test_a_guard_in_braces_means_its_inside",),
        cases=(
            "a_expressions: guards skip or run a step, bare or wrapped, on inputs and on how other steps ended",
        ),
    ),
    Promise(
        "cel.bounded",
        "behaviour 3",
        "Expressions are bounded in time and size, and the server goes on serving.",
        tests=(
            "test_cel_limits::test_time_and_memory_are_bounded",
            "test_cel_limits::test_sources_beyond_the_limits",
            "test_cel_limits::test_patterns_are_linear",
            "test_cel_limits::test_nothing_absorbs_a_limit",
            "test_cel_limits::test_deep_nesting_of_every_operator_raises_no_recursion_error",
        ),
        cases=(
            "a_expressions: a runaway CEL guard is stopped within seconds while the server keeps answering",
        ),
    ),
    Promise(
        "cel.errors",
        "house rule",
        "No error of an expression carries a value.",
        tests=(
            "test_cel_errors::test_no_error_carries_a_value",
            "test_cel_errors::test_a_path_that_leads_nowhere",
        ),
    ),
    Promise(
        "expr.jq-expr",
        "behaviour 3",
        "jq and Expr see the same as CEL.",
        gap=ENGINES,
    ),
    Promise(
        "ref.loop-over",
        "behaviour 3",
        "`loop.over` takes a list, a reference, jq or CEL.",
        gap=STEP_TYPES,
    ),
    Promise(
        "ref.data-inject",
        "behaviour 3",
        "`data_inject` interpolates, reads paths, or takes a value as it is.",
        gap=STEP_TYPES,
    ),
)

# Step types and failure

STEPS = (
    Promise(
        "steps.nested",
        "behaviour 4",
        "Conditions, loops, parallel branches, waits and reasoning give what their table says, and suspend at any nesting.",
        gap=STEP_TYPES,
    ),
    Promise(
        "fail.retry",
        "behaviour 5",
        "A failing attempt is retried as often as told; `RETRY_EXHAUSTED` holds the last error and the number of attempts.",
        tests=("test_engine::test_attempts_are_counted_and_used_up",),
        cases=(
            "b_failure: a failing attempt is retried until one succeeds, the attempts are counted",
            "b_failure: when the retries are used up the error says so and holds the last one",
        ),
    ),
    Promise(
        "fail.backoff",
        "behaviour 5",
        "Backoff is none, constant, linear or exponential, capped by `max_delay`.",
        cases=(
            "b_failure: backoff none does not wait, max_delay caps, constant waits its delay, linear longer each time",
        ),
    ),
    Promise(
        "fail.timeout",
        "behaviour 5",
        "A step's timeout holds for each attempt and is retried like any failure.",
        tests=("test_engine::test_a_timeout_holds_for_each_attempt",),
        cases=(
            "b_failure: a step's timeout holds for each attempt, kills the process, and can be retried",
        ),
    ),
    Promise(
        "fail.final-codes",
        "behaviour 5",
        "What another attempt cannot mend is not retried.",
        cases=("b_failure: an error that another try cannot mend is not retried",),
    ),
    Promise(
        "fail.ignore",
        "behaviour 5",
        "`ignore` skips the step and the rest runs.",
        tests=("test_engine::test_an_ignored_error_is_readable_and_the_rest_runs",),
        cases=("b_failure: an ignored error skips the step, leaves it readable and the rest runs",),
    ),
    Promise(
        "fail.fallback",
        "behaviour 5",
        "A fallback step runs when it is needed, is skipped when it is not, and what it reads is settled.",
        tests=(
            "test_engine::test_a_fallback_stands_in_and_is_skipped_when_not_needed",
            "test_engine::test_a_fallback_that_fails_fails_the_workflow",
            "test_plan_order::test_what_a_fallback_depends_on_is_settled_before_it_runs",
        ),
        cases=(
            "b_failure: a fallback step runs only when needed, and its output stands for the first's",
        ),
    ),
    Promise(
        "fail.error-shape",
        "behaviour 5",
        "A step's error keeps its code; a workflow's error is its step's with `step_id`.",
        tests=("test_engine::test_after_a_failure_the_level_finishes_and_nothing_later_starts",),
    ),
    Promise(
        "fail.crash",
        "house rule",
        "An action that raises or returns what it may not is an `EXECUTION_ERROR` without a traceback, and the engine goes on.",
        tests=("test_engine::test_an_action_that_crashes_is_an_execution_error",),
    ),
    Promise(
        "fail.breaker",
        "behaviour 5",
        "Five failures in a row open an action's circuit for 30 s.",
        gap=BREAKER,
    ),
    Promise(
        "fail.workflow-timeout",
        "behaviour 5",
        "A workflow's own timeout fails, suspends or cancels it.",
        gap=WORKFLOW_LIMITS,
    ),
)

# Signals, decisions, what survives what, secrets, schedules

SIGNALS_AND_RECOVERY = (
    Promise(
        "signal.cancel",
        "behaviour 6",
        "`cancel` cancels the workflow and its running actions, skips what had not settled, and nothing follows.",
        tests=(
            "test_engine::test_cancel_stops_what_runs_and_nothing_happens_afterwards",
            "test_shell_plugin::test_cancelling_ends_the_command",
        ),
    ),
    Promise(
        "signal.refused",
        "behaviour 6",
        "A signal that cannot apply is refused and leaves no trace.",
        tests=(
            "test_engine::test_cancel_stops_what_runs_and_nothing_happens_afterwards",
            "test_mcp_arguments::test_values_that_cannot_be_are_refused",
        ),
    ),
    Promise(
        "signal.decision",
        "behaviour 6",
        "A decision is stored, answered once, by whom it was meant for, and its deadline fires by itself.",
        gap=STEP_TYPES,
    ),
    Promise(
        "signal.data",
        "behaviour 6",
        "`data` adds to the context and ends a wait, also one that begins later.",
        gap=SIGNALS,
    ),
    Promise(
        "signal.retry-skip",
        "behaviour 6",
        "`retry` and `skip` carry a failed or suspended workflow on.",
        gap=SIGNALS,
    ),
    Promise(
        "store.events-are-state",
        "behaviour 7",
        "State is what the events say: the tables beside them can be dropped and made anew.",
        tests=("test_engine::test_state_is_what_the_events_say",),
    ),
    Promise(
        "store.transactions",
        "behaviour 7",
        "A transaction is whole or not at all, and nothing is reported that is not committed.",
        tests=(
            "test_store::test_a_transaction_is_whole_or_not_at_all",
            "test_store::test_callers_that_are_cancelled_leave_no_transaction_open",
            "test_engine::test_a_commit_that_fails_is_told_and_leaves_no_gap",
        ),
    ),
    Promise(
        "store.failure",
        "behaviour 7",
        "A store that cannot be used is a clear `STORE_ERROR`, and the next workflow runs.",
        tests=(
            "test_engine::test_a_commit_that_fails_is_told_and_leaves_no_gap",
            "test_store::test_a_file_of_somebody_else_is_refused_and_left_alone",
            "test_store::test_a_folder_that_is_not_there_is_said",
        ),
    ),
    Promise(
        "store.newer",
        "behaviour 7",
        "A database of a newer schema is refused; an older one is migrated once.",
        tests=(
            "test_store::test_a_newer_schema_is_refused",
            "test_store::test_it_opens_again_and_is_brought_up_to_date_once",
        ),
    ),
    Promise(
        "store.private",
        "house rule",
        "The database's files are the owner's alone.",
        tests=("test_store::test_its_files_are_the_owners_alone",),
    ),
    Promise(
        "store.one-process",
        "behaviour 7",
        "Two processes never write one database: the second is told.",
        tests=(
            "test_store::test_two_cannot_use_it_at_once",
            "test_mcp_stdio::test_a_second_server_on_the_same_database_is_refused_in_words",
        ),
    ),
    Promise(
        "store.relay",
        "behaviour 7",
        "A second process relays its client to the engine, and takes over when that goes.",
        gap=SHARING,
    ),
    Promise(
        "recovery.carry-on",
        "behaviour 7",
        "After a crash at any instant workflows go on, completed steps stay, unsafe ones are not repeated silently.",
        gap=RECOVERY,
    ),
    Promise(
        "recovery.exhausted",
        "behaviour 7",
        "A step that brings the server down is tried three times at most.",
        gap=RECOVERY,
    ),
    Promise(
        "secrets.without-a-vault",
        "behaviour 8",
        "Without a passphrase a definition with secrets is stored with a warning and its step fails with `VAULT_ERROR`.",
        tests=(
            "test_references_resolve::test_a_secret_cannot_be_had",
            "test_plan_references::test_a_secret_stands_only_where_an_action_takes_one",
        ),
        cases=(
            "c_secrets: without a passphrase a definition with secrets is accepted with a warning and fails at the step",
        ),
    ),
    Promise(
        "secrets.places",
        "behaviour 15",
        "A secret stands only where an action takes one, by its name alone.",
        tests=(
            "test_plan_references::test_a_secret_stands_only_where_an_action_takes_one",
            "test_plan_references::test_a_secret_is_read_by_its_name_alone",
            "test_plan_references::test_secrets_have_no_place_in_guards_logs_and_events",
        ),
    ),
    Promise(
        "secrets.children",
        "behaviour 8",
        "Child processes never get `OPCODE_*` from the environment.",
        tests=("test_shell_plugin::test_the_environment_is_small_and_has_nothing_of_ours",),
    ),
    Promise(
        "secrets.vault",
        "behaviour 8",
        "Secrets are kept encrypted, bound, resolved last and redacted from everything that comes back.",
        gap=VAULT,
    ),
    Promise(
        "schedules",
        "behaviour 12",
        "Triggers make jobs that run when they are due, once over all processes.",
        gap=SCHEDULES,
    ),
)

# The five tools and events

TOOLS = (
    Promise(
        "tools.names",
        "behaviour 9",
        "Five tools, listed with dots or underscores as told, answer to both names.",
        tests=("test_mcp_stdio::test_tools_are_listed_as_told_and_answer_to_both_names",),
        cases=("c_tools: five tools are listed, with object schemas that name what is required",),
    ),
    Promise(
        "tools.decoding",
        "behaviour 9",
        "Objects and arrays are also taken as JSON text, at any depth where the schema wants one; text that is wanted as text stays text.",
        tests=(
            "test_mcp_arguments::test_json_text_is_decoded_wherever_an_object_or_array_is_wanted",
            "test_mcp_arguments::test_text_that_is_wanted_as_text_stays_text",
            "test_mcp_arguments::test_a_text_that_is_no_json_is_left_for_the_checks_of_the_definition",
            "test_mcp_arguments::test_json_text_that_is_ambiguous_or_inexact_is_refused",
        ),
    ),
    Promise(
        "tools.unknown-arguments",
        "behaviour 9",
        "Unknown, missing and wrong arguments are refused together, with the nearest name.",
        tests=(
            "test_mcp_arguments::test_everything_wrong_is_said_at_once_with_the_nearest_name",
            "test_mcp_arguments::test_values_that_cannot_be_are_refused",
            "test_mcp_arguments::test_arguments_that_are_no_object_are_refused",
            "test_mcp_arguments::test_null_counts_as_absent_for_what_may_be_left_out",
        ),
        cases=(
            "c_tools: an argument that is unknown, missing or of the wrong type is refused, and the nearest name is given",
        ),
    ),
    Promise(
        "tools.unknown-tool",
        "behaviour 9",
        "An unknown tool is refused with the nearest name.",
        tests=("test_mcp_stdio::test_an_unknown_tool_is_refused_with_the_nearest_name",),
    ),
    Promise(
        "tools.answers",
        "behaviour 9",
        "An answer is structured content and the same as compact JSON text; a refusal is an error object; a failed workflow is an answer.",
        tests=("test_mcp_stdio::test_an_answer_is_structured_and_the_same_as_compact_text",),
        cases=(
            "c_tools: an answer is structured content and the same as compact JSON text; a refusal is an error object; a failed workflow is an answer",
        ),
    ),
    Promise(
        "tools.query-pages",
        "behaviour 9",
        "Lists come in parts that leave nothing out and repeat nothing; a cursor that was not handed out is refused.",
        tests=(
            "test_engine::test_lists_come_in_parts_without_gaps_or_repeats",
            "test_engine::test_a_cursor_that_was_not_handed_out_is_refused",
        ),
    ),
    Promise(
        "tools.query-resources",
        "behaviour 9",
        "Workflows and events are found by their filters, the newest workflows first, events oldest first.",
        cases=(
            "b_events: workflows are found by status and agent, the newest first",
            "b_events: events are found by type, step and number; a query needs one of type or workflow",
        ),
    ),
    Promise(
        "tools.query-actions",
        "behaviour 9",
        "`query` lists the actions with schemas and documentation from their own classes.",
        tests=(
            "test_third_party_plugin::test_its_action_is_listed_with_schemas_and_documentation",
            "test_cli::test_an_action_is_described_by_its_own_classes",
        ),
    ),
    Promise(
        "tools.query-decisions-jobs",
        "behaviour 9",
        "`query` lists decisions and jobs.",
        gap="there are no decisions and no jobs to list: the answers are empty lists",
    ),
    Promise(
        "tools.cut",
        "behaviour 9",
        "An output above 64 KiB is cut in answers, marked, and whole for the steps that read it.",
        tests=("test_engine::test_a_large_output_is_cut_in_answers_and_whole_for_steps",),
        cases=(
            "c_tools: an output over 64 KiB is cut in answers and whole for the steps that use it",
        ),
    ),
    Promise(
        "tools.wire",
        "house rule",
        "Nothing but JSON-RPC goes over standard output, and no line a client sends ends the server.",
        tests=(
            "test_mcp_stdio::test_the_server_goes_on_after_what_is_no_message",
            "test_mcp_stdio::test_what_children_print_stays_off_the_wire",
        ),
        cases=(
            "c_tools: whatever children print or leave running, standard output stays clean JSON-RPC",
        ),
    ),
    Promise(
        "tools.exact-json",
        "behaviour 14",
        "NaN, Infinity, duplicate keys, lone surrogates and integers beyond 64 bits are refused, and the next call is served.",
        tests=(
            "test_mcp_stdio::test_arguments_that_are_no_exact_json_are_refused_as_a_call",
            "test_jsonio::test_a_key_that_stands_twice_is_refused_by_name",
            "test_jsonio::test_half_a_surrogate_pair_is_refused",
            "test_jsonio::test_integers_beyond_64_bits_are_refused_and_never_rounded",
            "test_jsonio::test_integers_of_64_bits_are_exact",
            "test_plan_limits::test_what_json_cannot_hold_is_refused",
        ),
        cases=(
            "c_tools: JSON that is none, or says a thing twice, is refused and the next call is served",
            "a_diagnostics: ambiguous JSON and numbers that cannot be kept exactly are refused",
        ),
    ),
    Promise(
        "events.sequence",
        "behaviour 11",
        "The events of a workflow are numbered 1, 2, 3, … without gaps; two steps leave six.",
        tests=(
            "test_engine::test_a_run_of_two_steps_leaves_six_events",
            "test_engine::test_state_is_what_the_events_say",
            "test_engine::test_a_commit_that_fails_is_told_and_leaves_no_gap",
        ),
        cases=("b_events: the events of a run of two steps",),
    ),
    Promise(
        "events.own-names",
        "behaviour 11",
        "What a workflow emits is found by its own name, and cannot pass for an event of the engine.",
        tests=(
            "test_workflow_actions::test_emit_takes_each_of_its_names",
            "test_workflow_actions::test_emit_cannot_forge_an_event_of_the_engine",
        ),
        cases=("b_events: what a workflow emits can be queried by its own name",),
    ),
    Promise(
        "events.group-commit",
        "house rule",
        "The events of many runs share commits.",
        tests=("test_engine::test_events_of_many_runs_share_commits",),
    ),
)

# Safety and limits

SAFETY = (
    Promise(
        "safe.shell-text",
        "behaviour 13",
        "With `shell: true` a reference in the command is refused, with a fix that moves it into `env`; `args` are positional.",
        tests=(
            "test_shell_plugin::test_a_reference_in_shell_text_is_refused_with_a_patch_that_mends_it",
            "test_shell_plugin::test_arguments_are_handed_over_as_they_are",
        ),
        cases=(
            "c_safety: a reference inside a shell command is refused with a fix that moves it into env; args become positional",
        ),
    ),
    Promise(
        "safe.shell-command",
        "behaviour 13",
        "A command, or a variable that loads code, that a reference brings in does not run.",
        tests=(
            "test_shell_plugin::test_data_names_no_command",
            "test_shell_plugin::test_data_loads_no_code_into_a_process",
        ),
        cases=("c_safety: a command that a reference brings in does not run",),
    ),
    Promise(
        "safe.shell-tree",
        "behaviour 13",
        "The whole tree of processes ends with the timeout, with cancel and with the server.",
        tests=(
            "test_shell_plugin::test_when_its_time_is_up_all_of_it_ends",
            "test_shell_plugin::test_cancelling_ends_the_command",
            "test_shell_plugin::test_a_pipe_that_is_held_open_does_not_hold_the_step",
        ),
        cases=(
            "c_actions: a timeout ends the whole tree of processes, those in the background and in sessions of their own too",
            "c_actions: when the server is killed its commands stop too",
        ),
    ),
    Promise(
        "safe.shell-environment",
        "behaviour 13",
        "A child's environment is PATH, HOME, LANG, TMPDIR and what `env` gives.",
        tests=("test_shell_plugin::test_the_environment_is_small_and_has_nothing_of_ours",),
        cases=(
            "c_actions: a child's environment is PATH, HOME, LANG, TMPDIR and what env gives, its folder is cwd",
        ),
    ),
    Promise(
        "safe.shell-sandbox",
        "behaviour 13",
        "Commands run in the strongest isolation the machine offers, and `opcode doctor` says which.",
        gap=SANDBOX,
    ),
    Promise(
        "safe.fs-roots",
        "behaviour 13",
        "Paths stay inside the roots, without a race, and a refusal names the root that would be needed.",
        tests=(
            "test_fs_plugin::test_what_is_outside_is_denied_and_the_root_is_named",
            "test_fs_plugin::test_links_that_leave_are_refused",
            "test_fs_plugin::test_a_link_that_stays_inside_is_followed",
            "test_fs_plugin::test_a_link_that_flips_never_lets_anything_out",
            "test_fs_plugin::test_what_is_no_path_is_refused",
        ),
    ),
    Promise(
        "safe.fs-kinds",
        "behaviour 13",
        "Only regular files are opened, and nothing waits for a pipe.",
        tests=("test_fs_plugin::test_only_regular_files_are_opened_and_without_waiting",),
    ),
    Promise(
        "safe.fs-own-files",
        "behaviour 13",
        "The server's own files are refused under every name.",
        tests=("test_fs_plugin::test_the_servers_own_files_are_refused_under_every_name",),
    ),
    Promise(
        "safe.http-metadata",
        "behaviour 13",
        "Link-local and metadata addresses are refused however they are written.",
        tests=(
            "test_http_plugin::test_metadata_is_refused_however_it_is_written",
            "test_http_plugin::test_addresses_are_judged_by_what_they_carry",
        ),
        cases=(
            "c_safety: link-local and cloud metadata addresses are refused in every way of writing them",
        ),
    ),
    Promise(
        "safe.http-private",
        "behaviour 13",
        "A private host that a step's output or a redirect brings in is refused.",
        tests=(
            "test_http_plugin::test_a_host_from_a_step_reaches_nothing_private",
            "test_http_plugin::test_a_redirect_to_another_origin_reaches_nothing_private",
        ),
        cases=(
            "c_safety: a loopback host that a step's output or a redirect brings in is refused, one from the definition or an input is not",
        ),
    ),
    Promise(
        "safe.http-redirects",
        "behaviour 13",
        "Redirects are counted; on the same server the caller's headers stay, elsewhere nothing odd is followed.",
        tests=(
            "test_http_plugin::test_redirects_on_the_same_server_keep_the_headers",
            "test_http_plugin::test_redirects_are_counted_and_go_nowhere_else",
        ),
        cases=(
            "c_http: redirects are followed with the caller's headers on the same server, or not at all, or so many times",
        ),
    ),
    Promise(
        "safe.policy",
        "behaviour 13",
        "A plugin that is not allowed is never imported, its actions are refused, and each refusal names the rule.",
        tests=(
            "test_plugins_policy::test_what_policy_does_not_let_load_is_never_imported",
            "test_plugins_policy::test_each_refusal_names_its_rule",
            "test_plugins_policy::test_a_denied_action_cannot_be_used",
            "test_plugins_policy::test_a_denied_action_is_never_suggested",
            "test_plugins_policy::test_a_template_whose_action_was_denied_since_does_not_run",
            "test_settings::test_a_policy_written_with_a_quoted_dotted_key_is_not_silently_ignored",
        ),
    ),
    Promise(
        "safe.policy-adds-up",
        "behaviour 15",
        "What the environment and the file disable adds up.",
        tests=(
            "test_settings::test_what_file_and_environment_disable_adds_up",
            "test_plugins_policy::test_a_disabled_plugin_stays_away_whoever_asks",
        ),
    ),
    Promise(
        "safe.reserved-names",
        "behaviour 13",
        "A built-in's name cannot be taken by another plugin.",
        tests=(
            "test_plugins_policy::test_nobody_may_pose_as_a_built_in_plugin_installed_or_not",
            "test_plugins_policy::test_a_disabled_built_ins_action_is_nobody_elses",
            "test_plugins_policy::test_two_distributions_that_claim_one_name",
        ),
    ),
    Promise(
        "safe.terminal",
        "behaviour 13",
        "Text from outside does nothing to a terminal or to a log line.",
        tests=(
            "test_cli::test_text_from_outside_does_nothing_to_the_terminal",
            "test_mcp_stdio::test_the_log_is_json_lines_with_the_ids",
        ),
        cases=(
            "c_safety: control characters in names are refused and in messages cannot forge a log line",
        ),
    ),
    Promise(
        "safe.schemas",
        "behaviour 13",
        "A schema that points elsewhere is refused and nobody is asked; one that multiplies is bounded.",
        tests=(
            "test_assert_schema::test_a_schema_that_leads_elsewhere_is_refused_and_nobody_is_asked",
            "test_assert_schema::test_references_that_double_are_bounded_and_the_loop_stays_free",
            "test_plan_schemas::test_a_schema_whose_references_multiply_is_refused",
        ),
        cases=("c_safety: a schema that points elsewhere is refused without asking anybody",),
    ),
    Promise(
        "limit.definition",
        "behaviour 14",
        "A definition has at most 4 MiB, 10000 steps and 128 levels of JSON.",
        tests=(
            "test_plan_limits::test_more_steps_than_allowed_are_refused",
            "test_plan_limits::test_the_size_of_a_definition_is_limited_in_bytes",
            "test_plan_limits::test_the_depth_of_a_definition_is_limited",
            "test_plan_limits::test_problems_beyond_the_most_are_counted",
        ),
    ),
    Promise(
        "limit.expressions",
        "behaviour 14",
        "An expression has at most 4 KiB and 50 levels, and one second.",
        tests=(
            "test_cel_limits::test_sources_beyond_the_limits",
            "test_cel_limits::test_long_chains_and_deep_brackets",
            "test_cel_limits::test_time_and_memory_are_bounded",
            "test_plan_references::test_guards_that_cannot_be",
        ),
    ),
    Promise(
        "limit.depth",
        "behaviour 14",
        "JSON is nested 128 deep at most, and deeper text is refused before it is parsed.",
        tests=(
            "test_jsonio::test_nesting_is_allowed_up_to_the_limit",
            "test_jsonio::test_deeper_nesting_is_refused_before_it_is_parsed",
            "test_mcp_arguments::test_json_text_that_is_nested_too_deep_is_refused",
        ),
    ),
    Promise(
        "limit.patterns",
        "behaviour 14",
        "Patterns run in linear time.",
        tests=(
            "test_assert_actions::test_no_pattern_takes_for_ever",
            "test_assert_actions::test_a_pattern_re2_does_not_take_is_refused",
            "test_cel_limits::test_patterns_are_linear",
        ),
        cases=(
            "c_safety: patterns run on RE2, so none takes for ever, and what RE2 lacks is refused",
        ),
    ),
    Promise(
        "limit.params-outputs",
        "behaviour 14",
        "Resolved parameters of a step have at most 4 MiB, an output 32 MiB.",
        gap=UNPROVEN,
    ),
    Promise(
        "limit.events",
        "behaviour 14",
        "A workflow has at most 50000 events and 1000 waiting signals.",
        gap=UNPROVEN,
    ),
)

# The built-in actions

ACTION_FAMILIES = (
    Promise(
        "http.get",
        "actions http",
        "`http.get` answers with status, lower-case headers, the parsed body and its duration.",
        tests=(
            "test_http_plugin::test_an_answer_has_status_headers_and_the_parsed_body",
            "test_http_plugin::test_bodies_are_text_bytes_or_nothing",
            "test_http_plugin::test_a_body_that_is_not_what_it_says_is_text",
            "test_http_plugin::test_auth_becomes_a_header",
        ),
        cases=(
            "c_http: http.get answers with status, lower-case headers, the parsed body and the time it took, and adds its query",
        ),
    ),
    Promise(
        "http.limits",
        "actions http",
        "The timeout covers the whole exchange; more than 10 MiB decoded is an error.",
        tests=(
            "test_http_plugin::test_the_timeout_covers_a_body_that_drips",
            "test_http_plugin::test_a_body_is_refused_by_its_decoded_size",
        ),
        cases=(
            "c_http: the timeout covers the whole exchange, also a body that only drips in",
            "c_http: a body of more than 10 MiB is an error that names the limit, not a body cut short",
        ),
    ),
    Promise(
        "http.status",
        "actions http",
        "`fail_on_error_status` makes 4xx and 5xx failures that hold the response; `Retry-After` is honoured.",
        tests=("test_http_plugin::test_an_error_status_fails_when_told",),
        cases=(
            "c_http: a 404 is an ordinary answer, or, with fail_on_error_status, a failure that is not retried",
            "c_http: a 429 is retried, and not before its Retry-After is over",
        ),
    ),
    Promise(
        "http.errors",
        "actions http",
        "Errors hold no query, no credentials and no header value.",
        tests=(
            "test_http_plugin::test_errors_give_nothing_away",
            "test_http_plugin::test_what_cannot_be_sent_is_refused",
        ),
        cases=(
            "c_http: the text of a connection error holds no query, no credentials and no header value",
        ),
    ),
    Promise(
        "http.others",
        "actions http",
        "`http.request` and `http.post` send bodies in four encodings, POST with a stable `Idempotency-Key`.",
        gap=ACTIONS,
    ),
    Promise(
        "fs.read",
        "actions fs",
        "`fs.read` gives text, or base64 for other bytes, and refuses more than 16 MiB.",
        tests=(
            "test_fs_plugin::test_what_is_written_is_read",
            "test_fs_plugin::test_bytes_come_and_go_as_base64",
            "test_fs_plugin::test_a_file_that_is_too_large_is_refused",
        ),
        cases=(
            "c_fs: bytes that are not UTF-8 are read as base64, text as text, and base64 is written as bytes",
        ),
    ),
    Promise(
        "fs.write",
        "actions fs",
        "`fs.write` writes old or new and never half, other JSON as JSON, with mode and folders as told.",
        tests=(
            "test_fs_plugin::test_what_is_written_is_read",
            "test_fs_plugin::test_other_content_is_written_as_json",
            "test_fs_plugin::test_modes_and_folders",
        ),
        cases=(
            "c_fs: a mode is given in octal, a missing folder is NOT_FOUND unless create_dirs makes it",
            "c_fs: content that is no string is written as JSON, a string stays the string it is",
        ),
    ),
    Promise(
        "fs.others",
        "actions fs",
        "`fs.append`, `fs.delete`, `fs.list`, `fs.stat`, `fs.copy` and `fs.move` do what their table says.",
        gap=ACTIONS,
    ),
    Promise(
        "shell.exec",
        "actions shell",
        "`shell.exec` hands arguments over as they are, parses one JSON value, and exit codes are data.",
        tests=(
            "test_shell_plugin::test_arguments_are_handed_over_as_they_are",
            "test_shell_plugin::test_output_is_parsed_when_it_is_one_json_value",
            "test_shell_plugin::test_exit_codes_are_data_unless_told_otherwise",
            "test_shell_plugin::test_input_is_a_string_json_or_nothing",
        ),
        cases=(
            "c_actions: shell.exec hands each argument over as it is, numbers and booleans as text",
            "c_actions: stdout is parsed when all of it is a JSON object or array, or a scalar on one line, and is text otherwise",
            "c_actions: an exit code is data; fail_on_nonzero makes it a failure that shows the end of stderr",
            "c_actions: stdin takes a string as it is and other JSON as JSON; without it a child that reads gets the end at once",
        ),
    ),
    Promise(
        "shell.timeout",
        "actions shell",
        "Its own timeout ends the command and completes the step; the step's timeout fails it.",
        tests=("test_shell_plugin::test_when_its_time_is_up_all_of_it_ends",),
        cases=(
            "c_actions: the action's own timeout ends the command and the step completes; the step's timeout fails it",
        ),
    ),
    Promise(
        "shell.output-cap",
        "actions shell",
        "At most 10 MiB of each output is kept, and what was cut is counted.",
        tests=("test_shell_plugin::test_output_is_kept_to_a_cap_and_counted",),
    ),
    Promise(
        "shell.cannot-run",
        "actions shell",
        "A command that is not there is NOT_FOUND, one that cannot be run PERMISSION_DENIED.",
        tests=("test_shell_plugin::test_what_cannot_be_run_is_said",),
        cases=(
            "c_actions: a command that does not exist is NOT_FOUND, one that cannot be executed PERMISSION_DENIED",
        ),
    ),
    Promise(
        "crypto.hash",
        "actions crypto",
        "Hashes and HMACs are the published ones, over text as UTF-8 and other data as canonical JSON.",
        tests=(
            "test_crypto_actions::test_hash_gives_the_published_digests",
            "test_crypto_actions::test_hmac_gives_the_published_codes",
            "test_crypto_actions::test_other_data_is_hashed_as_canonical_json",
            "test_crypto_actions::test_hash_is_sha256_unless_told_otherwise",
            "test_jsonio::test_equal_objects_have_one_canonical_text",
        ),
        cases=(
            "c_actions: hashes and hmacs are the published ones, over text as UTF-8 and over other data as canonical JSON",
        ),
    ),
    Promise(
        "crypto.uuid",
        "actions crypto",
        "`crypto.uuid` gives a new version 4.",
        tests=("test_crypto_actions::test_uuid_is_of_version_4_and_never_the_same",),
    ),
    Promise(
        "assert.equals",
        "actions assert",
        "`assert.equals` compares deeply; a scalar from a reference equals its text; the difference says where.",
        tests=(
            "test_assert_actions::test_equals_passes_for_equal_values",
            "test_assert_actions::test_equals_fails_for_different_values",
            "test_assert_actions::test_a_scalar_that_a_reference_brings_in_equals_its_text",
            "test_assert_actions::test_the_difference_says_where_and_leaves_out_what_is_not_there",
        ),
        cases=(
            "c_actions: assert.equals compares deeply, 1 with 1.0 but not with true, and a referenced scalar with its text",
        ),
    ),
    Promise(
        "assert.others",
        "actions assert",
        "`assert.contains`, `assert.matches` and `assert.schema` pass with what they found and fail with where.",
        tests=(
            "test_assert_actions::test_contains_finds",
            "test_assert_actions::test_contains_fails_with_both",
            "test_assert_actions::test_matches_gives_what_it_found",
            "test_assert_actions::test_matches_fails_with_pattern_and_value",
            "test_assert_schema::test_valid_data_passes",
            "test_assert_schema::test_errors_lead_to_the_place_and_hold_no_value",
        ),
        cases=(
            "c_actions: assert.contains, assert.matches and assert.schema pass with what they found and fail with where",
        ),
    ),
    Promise(
        "workflow.emit",
        "actions workflow",
        "`workflow.emit` puts a named event into the log under each of its parameters' names.",
        tests=(
            "test_workflow_actions::test_emit_takes_each_of_its_names",
            "test_workflow_actions::test_emit_refuses_two_names_for_one_thing",
            "test_workflow_actions::test_emit_refuses_names_that_are_none",
        ),
        cases=(
            "c_actions: workflow.emit puts a named event into the log, under each of its parameter names",
        ),
    ),
    Promise(
        "workflow.fail-log",
        "actions workflow",
        "`workflow.fail` fails the workflow and nothing handles it; `workflow.log` writes a JSON line with the ids.",
        tests=(
            "test_workflow_actions::test_fail_ends_the_workflow_with_its_reason",
            "test_workflow_actions::test_log_writes_what_it_is_given",
            "test_mcp_stdio::test_the_log_is_json_lines_with_the_ids",
        ),
        cases=(
            "c_actions: workflow.fail fails the workflow with its reason and nothing handles it; workflow.log writes a JSON line with the ids",
        ),
    ),
    Promise(
        "workflow.others",
        "actions workflow",
        "`workflow.run` runs a child and `workflow.context` reads and updates the context.",
        gap=ACTIONS,
    ),
    Promise(
        "expr.eval",
        "actions",
        "`expr.eval` evaluates an Expr expression.",
        gap=ENGINES,
    ),
    Promise(
        "actions.strict",
        "behaviour 10",
        "Every action refuses unknown parameters and wrong types, at define and again when a reference brings one in.",
        tests=(
            "test_plan_params::test_what_it_does_not_take",
            "test_references_run::test_nothing_else_becomes_text",
            "test_crypto_actions::test_wrong_parameters_are_refused",
            "test_assert_actions::test_wrong_parameters_are_refused",
            "test_workflow_actions::test_log_refuses_wrong_parameters",
        ),
    ),
)

# Plugins, command line, repository

HOUSE = (
    Promise(
        "plugins.same-road",
        "architecture 1",
        "A stranger's action, step type and engine come in by the road of the built-in ones.",
        tests=(
            "test_plugins_discovery::test_a_strangers_plugin_comes_in_like_a_built_in_one",
            "test_plugins_discovery::test_a_plugin_may_bring_a_step_type_and_an_engine_which_is_made_when_first_asked_for",
            "test_third_party_plugin::test_it_is_found_with_its_distribution_and_version",
            "test_third_party_plugin::test_its_action_step_type_and_engine_run",
            "test_third_party_plugin::test_the_examples_own_tests_pass_there",
        ),
    ),
    Promise(
        "plugins.faults",
        "architecture",
        "A plugin with a fault is left out whole and recorded, and the others load.",
        tests=(
            "test_plugins_discovery::test_a_plugin_with_a_fault_is_left_out_and_recorded_and_the_others_work",
            "test_plugins_discovery::test_an_entry_point_to_nothing_is_left_out",
            "test_plugins_discovery::test_a_fault_after_a_registration_takes_the_registration_with_it",
            "test_plugins_discovery::test_a_failed_plugin_is_named_when_its_action_is_asked_for",
        ),
    ),
    Promise(
        "plugins.collisions",
        "architecture",
        "Two claimants of one name: the second is refused.",
        tests=(
            "test_plugins_discovery::test_an_action_that_is_taken_refuses_the_whole_plugin",
            "test_plugins_discovery::test_a_plugin_that_registers_a_name_twice_is_refused",
            "test_plugins_discovery::test_a_step_type_and_an_engine_that_are_taken_are_refused",
            "test_plugins_policy::test_two_distributions_that_claim_one_name",
        ),
    ),
    Promise(
        "plugins.records",
        "architecture",
        "`opcode plugins` says what became of every plugin that was found.",
        tests=("test_cli::test_plugins_are_listed_with_what_became_of_them",),
    ),
    Promise(
        "plugins.optional",
        "architecture 1",
        "A part of the built-in plugins is enough: what is not installed is unknown, and nothing else breaks.",
        tests=("test_third_party_plugin::test_what_is_not_installed_there_is_unknown_there",),
    ),
    Promise(
        "settings",
        "behaviour 13",
        "A setting that cannot be used ends the start with its name, its place and what to write.",
        tests=(
            "test_settings::test_every_variable",
            "test_settings::test_the_file",
            "test_settings::test_an_unknown_setting_is_refused_with_its_place_and_a_hint",
            "test_settings::test_a_value_of_the_wrong_type_is_refused_with_its_place",
            "test_settings::test_a_named_file_that_is_missing_is_refused",
            "test_cli::test_a_setting_that_cannot_be_ends_the_server_with_2",
        ),
    ),
    Promise(
        "cli.commands",
        "command line",
        "Every command explains itself, bad usage ends with 2, and `--json` is one document.",
        tests=(
            "test_cli::test_every_command_explains_itself",
            "test_cli::test_bad_usage_ends_with_2",
            "test_cli::test_run_for_machines_is_one_json_document",
            "test_cli::test_version_is_said_for_people_and_machines",
        ),
    ),
    Promise(
        "cli.validate",
        "command line",
        "`opcode validate` shows problems with line, column and hint.",
        tests=(
            "test_cli::test_problems_are_shown_with_line_column_and_hint",
            "test_cli::test_the_arguments_of_define_are_taken_too",
            "test_cli::test_what_is_no_json_is_refused_in_one_line",
            "test_cli_positions::test_every_pointer_leads_to_where_its_value_stands",
        ),
    ),
    Promise(
        "cli.run",
        "command line",
        "`opcode run` runs a definition, and a workflow that fails ends with 1.",
        tests=(
            "test_cli::test_a_good_definition_is_valid_and_runs",
            "test_cli::test_a_workflow_that_fails_ends_with_1",
            "test_cli::test_a_run_can_be_kept",
            "test_cli::test_inputs_that_cannot_be_read_are_refused",
        ),
    ),
    Promise(
        "cli.demo",
        "command line",
        "`opcode demo` runs a workflow on real files and shows what it cost.",
        tests=(
            "test_cli::test_the_demo_does_its_job_on_real_files",
            "test_cli::test_the_demo_shows_levels_timings_costs_and_what_is_stored",
        ),
    ),
    Promise(
        "docs.examples",
        "docs",
        "Every example of the documentation is true.",
        tests=(
            "test_docs_examples::test_code_in_a_page_is_the_code_of_the_example",
            "test_docs_examples::test_the_definitions_of_the_reference_are_accepted",
            "test_docs_examples::test_the_settings_of_the_reference_are_read",
            "test_docs_examples::test_links_inside_the_documentation_lead_somewhere",
        ),
    ),
    Promise(
        "layout",
        "decision 1",
        "The repository keeps its layout: no package `opcode`, plugins in lockstep, short modules, every exception with a reason.",
        tests=(
            "test_layout::test_the_stdlib_opcode_module_is_not_shadowed",
            "test_layout::test_the_opcode_folder_is_no_package_and_holds_no_tests",
            "test_layout::test_every_plugin_folder_is_a_workspace_source_of_the_same_version",
            "test_layout::test_siblings_are_required_by_one_range_and_by_no_other_plugin",
            "test_layout::test_a_module_is_short_and_says_what_it_is",
            "test_layout::test_every_exception_from_a_lint_rule_has_its_reason",
        ),
    ),
    Promise(
        "layout.words",
        "house rule",
        "The repository names no machine and no package index.",
        tests=(
            "test_repository_words::test_no_file_names",
            "test_layout::test_a_lock_pins_with_hashes_and_names_no_index",
        ),
    ),
)

PROMISES = (
    *DEFINITIONS,
    *RUNNING,
    *REFERENCES,
    *STEPS,
    *SIGNALS_AND_RECOVERY,
    *TOOLS,
    *SAFETY,
    *ACTION_FAMILIES,
    *HOUSE,
)
