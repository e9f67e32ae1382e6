"""The forty faults of the seed guide's code, and the tests that show that we do not have them.

The number of each row is that of the list which came with the guide. A row that names a test that
does not exist fails, so does a missing number.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ADOPTION = "migration/test_adoption.py"
BRIDGE = "contract/test_bridge.py"
DOORS = "acceptance/test_guide_doors.py"
DRAIN = "contract/test_drain.py"
LOAD = "acceptance/test_load_cli.py"
MESSAGES = "unit/test_job_messages.py"
PAGE = "contract/test_web_routes.py"
REQUEST = "unit/test_request.py"
FAULTS: dict[int, tuple[str, ...]] = {
    1: (
        f"{ADOPTION}::test_rows_that_collide_are_named_and_nothing_is_changed",
        f"{ADOPTION}::test_both_applications_can_write_afterwards",
    ),
    2: (
        f"{MESSAGES}::test_symbols_come_before_the_universe_and_that_before_the_file",
        f"{MESSAGES}::test_without_any_of_them_there_is_no_default",
        f"{BRIDGE}::test_the_words_of_clients_for_universes",
    ),
    3: (f"{LOAD}::test_the_guides_first_test_on_a_machine_with_nothing",),
    4: ("store/test_universes.py::test_combos_are_read_and_never_written",),
    5: (f"{DOORS}::test_5_21_the_scripts_do_what_the_readme_says",),
    6: (f"{LOAD}::test_a_csv_file_loads_the_same",),
    7: (f"{PAGE}::test_a_change_by_psql_reaches_an_open_page",),
    8: (f"{PAGE}::test_old_list_of_universes",),
    9: (f"{DOORS}::test_9_preserve_keeps_a_persons_name_and_symbols",),
    10: (f"{DOORS}::test_10_replace_stays_in_its_environment_and_types",),
    11: (f"{DOORS}::test_11_each_part_deletes_only_its_own_type",),
    12: (f"{DOORS}::test_12_13_an_error_is_raised_and_nothing_is_half_done",),
    13: (
        f"{DOORS}::test_12_13_an_error_is_raised_and_nothing_is_half_done",
        f"{DOORS}::test_13_an_error_ends_with_1_and_without_a_traceback",
    ),
    14: (f"{DOORS}::test_14_15_a_dry_run_reads_the_table_and_counts_what_the_run_then_does",),
    15: (f"{DOORS}::test_14_15_a_dry_run_reads_the_table_and_counts_what_the_run_then_does",),
    16: (f"{DOORS}::test_16_descriptions_are_kept",),
    17: (f"{DOORS}::test_5_21_the_scripts_do_what_the_readme_says",),
    18: (f"{DOORS}::test_18_masters_hold_everything_of_their_type",),
    19: (f"{DOORS}::test_19_no_universe_is_an_empty_placeholder",),
    20: (f"{DOORS}::test_20_definitions_can_be_a_persons_own",),
    21: (f"{DOORS}::test_5_21_the_scripts_do_what_the_readme_says",),
    22: (f"{DOORS}::test_22_scripts_are_thin_ascii_and_know_no_path",),
    23: (f"{DOORS}::test_23_no_connection_is_leaked",),
    24: (f"{DOORS}::test_24_the_environment_is_heeded",),
    25: (f"{DOORS}::test_25_27_what_is_no_universe_is_a_named_value_error",),
    26: (f"{DOORS}::test_26_a_database_that_is_down_is_not_empty",),
    27: (f"{DOORS}::test_25_27_what_is_no_universe_is_a_named_value_error",),
    28: (f"{DOORS}::test_28_the_address_goes_to_libpq_as_it_is",),
    29: (
        f"{PAGE}::test_a_file_outside_the_folder_is_not_told_from_one_that_is_not_there",
        f"{BRIDGE}::test_what_cannot_be_followed_is_answered_with_the_reason",
    ),
    30: (
        "unit/test_list_files.py::test_the_same_list_in_every_form",
        "unit/test_list_files.py::test_respelled_and_repeated_symbols_are_reported_with_their_lines",
    ),
    31: (
        f"{REQUEST}::test_impossible_years_are_refused",
        "unit/test_report.py::test_the_state",
        "unit/test_job_status.py::test_errors_are_told_when_the_load_has_ended",
    ),
    32: (
        f"{BRIDGE}::test_what_is_in_the_stream_waits_for_a_bridge_and_is_never_lost",
        f"{BRIDGE}::test_a_job_heard_many_times_by_two_bridges_is_one_load",
    ),
    33: (
        "unit/test_job_status.py::test_a_load_of_which_no_bars_were_asked_says_so",
        f"{BRIDGE}::test_a_cancel_takes_effect_long_before_the_load_would_end",
    ),
    34: (
        f"{REQUEST}::test_two_days_are_two_sessions_over_weekends_and_holidays",
        f"{REQUEST}::test_clients_years_are_their_choices",
    ),
    35: (
        f"{LOAD}::test_every_real_bar_comes_back_as_it_was_printed_in_any_zone",
        "unit/test_bars.py::test_a_week_is_named_by_its_monday_and_a_month_by_its_first",
    ),
    36: (
        f"{DRAIN}::test_an_empty_answer_is_a_gap_and_no_coverage",
        "unit/test_report.py::test_a_symbol_with_one_bad_timeframe_is_not_good",
    ),
    37: ("store/test_bars.py::test_a_changed_bar_keeps_its_predecessor",),
    38: (
        "contract/test_replay_faults.py::test_pages_are_asked_with_the_key_in_the_header_and_unadjusted",
    ),
    39: (
        f"{BRIDGE}::test_every_message_type_is_loaded_and_told_as_the_contract_says",
        f"{PAGE}::test_old_trigger_status_and_cancel",
    ),
    40: (f"{DOORS}::test_40_validate_fails_where_something_is_wrong",),
}


@functools.cache
def functions_in(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


@pytest.mark.parametrize("number", range(1, 41))
def test_each_fault_has_a_test(number: int) -> None:
    for name in FAULTS[number]:
        file, _, function = name.partition("::")
        assert function in functions_in(file), name
