"""The whole numbers with a name in the package: sizes with the tests that cross them, and others.

A size is one at whose edge something is cut and put together again: a block, page, batch or chunk.
It is an argument with a default, or set by the test; one test runs with it set to a few, so that
small inputs have many edges, and with inputs beyond the real one. `test_size_constants` fails for
a number that is on none of these lists.
"""

SIZES = {
    "loading.actions.GROUP": "unit/test_actions_plan.py::test_every_due_ticker_is_asked_from_where_it_is_known",
    "loading.bits.BLOCK": "unit/test_bits.py::test_full_rows_in_any_order_stay_in_theirs unit/test_bits.py::test_full_rows_beyond_one_block_in_any_order unit/test_bits.py::test_blocks_of_any_size_give_the_same acceptance/test_orders.py::test_the_order_of_loads_makes_no_difference",
    "loading.choice.SLAB_WINDOWS": "unit/test_choice.py::test_slabs_of_any_size_leave_nothing_out",
    "loading.cover.Sampling.edges": "unit/test_cover.py::test_cutting_tiny_samples_again_and_again_ends_with_the_same_cost unit/test_cover.py::test_larger_pictures_agree_with_plain_flow_and_matching",
    "loading.cover.Sampling.least_per_row": "unit/test_cover.py::test_cutting_tiny_samples_again_and_again_ends_with_the_same_cost",
    "loading.cover.Sampling.rounds": "unit/test_cover.py::test_stopped_early_it_states_a_bound_that_holds",
    "model.Limits.base_bars": "unit/test_choice.py::test_minute_bars_are_bounded_on_both_sides_by_brute_force",
    "model.Limits.bars_per_answer": "unit/test_planner.py::test_every_missing_cell_is_brought_by_calls_within_their_limits",
    "model.Limits.longest_days": "unit/test_planner.py::test_every_missing_cell_is_brought_by_calls_within_their_limits",
    "service.export.BLOCK": "unit/test_read_in_pieces.py::test_the_hash_of_a_file",
    "store.database.KEPT": "store/test_database.py::test_threads_share_it",
    "store.universes.BATCH": "store/test_universes.py::test_rows_are_added_changed_and_removed_in_batches",
    "store.universes.MANY": "store/test_universes.py::test_a_glob_over_many_universes",
    "store.universes.MANY_WRITES": "store/test_universes.py::test_rows_are_added_changed_and_removed_in_batches",
    "universes.files.parquet.BATCH": "unit/test_read_in_pieces.py::test_a_parquet_file",
    "universes.files.xlsx._STEP": "unit/test_read_in_pieces.py::test_a_workbook unit/test_read_in_pieces.py::test_a_workbook_of_more_than_a_piece",
    "vendors.body.STEP": "unit/test_wire.py::test_a_body_is_unpacked_from_any_pieces",
    "vendors.flatfiles.flatcsv.STEP": "contract/test_flat_files.py::test_wanted_tickers_are_read_in_any_order_of_lines",
    "vendors.massive.actions.PAGE": "contract/test_actions.py::test_pages_are_followed_each_through_the_gate",
    "vendors.origin._TICKERS_A_LINE": "unit/test_wire.py::test_an_origin_survives_its_header",
    "worker.drain.Policy.attempts": "contract/test_drain.py::test_attempts_are_limited_and_one_symbol_stops_no_other",
    "worker.drain.Policy.bars": "contract/test_drain.py::test_no_more_bars_are_in_hand_than_there_is_room_for",
    "worker.drain.Policy.batch": "contract/test_drain.py::test_what_passes_is_asked_again_and_the_load_completes",
    "worker.drain.Policy.batch_bars": "contract/test_drain.py::test_no_more_bars_are_in_hand_than_there_is_room_for",
    "worker.drain.Policy.concurrency": "contract/test_drain.py::test_what_passes_is_asked_again_and_the_load_completes",
    "worker.slices.PLACES": "contract/test_operations.py::test_with_one_place_an_urgent_load_gets_it_and_gives_it_back",
}
"""Tests by size, as FILE::TEST, with a space between."""

UNCROSSED = {
    "loading.flow.FIRST_PARTS": "parts in which the first paths are looked for",
    "bridge.mirror.PART": "statuses that are read and written together; an argument of Mirror",
    "bridge.stream.BATCH": "messages that are read from the stream at once",
    "vendors.flatfiles.source.FILES_AT_ONCE": "files that are read side by side",
    "vendors.massive.reference.CONSTITUENTS_PAGE": "records on a page of the vendor's",
    "vendors.massive.reference.TICKERS_PAGE": "records on a page of the vendor's",
    "vendors.massive.wire.BASE_BARS": "bars that one answer of the vendor's is made of at most",
    "web.bars.TABLE_LINES": "bars in the table of the page",
    "web.jobs.PAGE_LINES": "loads on a page of the list; the next page begins with the time of the last",
}
"""Sizes that no test crosses yet."""

NO_SIZES = {
    "service.passwords.AT_ONCE": "hashes at a time; more wait",
    "service.passwords.WAITING": "people who may wait for one",
    "universes.days.OPEN_FROM": "a year beyond all",
    "universes.files.holdings._ABOVE": "lines that are looked at for a header",
    "universes.files.sources.base.Source.columns": "a count, or a value that is not set",
    "universes.files.table.PREAMBLE": "lines that are looked at for a header",
    "universes.files.table._LOOKED_AT": "lines that are looked at for a header",
    "universes.files.table._PROSE": "characters: longer is prose",
    "universes.files.table._Table.short": "a count, or a value that is not set",
    "universes.files.xlsx._LOOKED_AT": "rows that are looked at for a table",
    "web.connections.SPARE_FILES": "file descriptors",
    "cli.output.ENDLESS": "characters: a width that nothing reaches",
    "store.programs._PIECE": "bytes that the standard library copies at once",
    "bridge.mirror.EXPIRES": "seconds",
    "cli.app.INTERRUPTED": "exit code",
    "cli.app.USAGE_ERROR": "exit code",
    "cli.changes.NOT_AGREED": "exit code",
    "crosscheck.PLAIN_DENOMINATOR": "what counts as a plain ratio",
    "loading.actions.FEWEST_TO_DOUBT": "records: below, nothing is doubted",
    "loading.actions.PAGE": "the vendor's page, for estimates",
    "loading.cover.FORCING_ROUNDS": "rounds of a loop that may stop any time",
    "loading.entitlement.NEVER": "a day beyond all",
    "loading.entitlement.PROBE": "sessions that a probe asks for",
    "loading.prices.BYTES_PER_SECOND": "an estimate",
    "loading.priority.HUGE": "a priority",
    "loading.priority.MIDDLING": "a priority",
    "loading.priority.QUICK": "a priority",
    "loading.priority.URGENT": "a priority",
    "loading.request.LoadRequest.pad": "days; none unless asked for",
    "loading.truncation.LONG": "sessions: a run so long is suspicious",
    "loading.truncation.MANY": "symbols: fewer are no mass to judge by",
    "logs.KEPT_FILES": "files of the log",
    "service.doctor.LITTLE_DISK": "bytes free: below, a warning",
    "service.doctor.NO_DISK": "bytes free: below, a failure",
    "service.doctor.OLDEST_SERVER": "a version",
    "service.plans.TOKEN_LENGTH": "characters of a token",
    "sessions.SATURDAY": "a weekday",
    "loading.lengths.Lengths.works": "days; a count",
    "loading.lengths.NEVER": "a value that is not set",
    "loading.lengths.TWICE": "attempts",
    "loading.plausible.CONFIRMATIONS": "a limit of calls that are made twice",
    "loading.plausible.Empties.asked_again": "a count",
    "loading.plausible.FULL_MINUTES": "a unit",
    "loading.plausible.LEAST_MARKET": "tickers: a smaller market has no usual size",
    "loading.plausible.LEAST_SIZES": "sessions: fewer tell nothing",
    "loading.plausible.NEAR": "sessions on each side by which one is judged",
    "loading.plausible.SURE_FROM": "sessions: fewer tell little",
    "store.embedded.LOG_BYTES": "a limit: what is beyond is refused or not shown, and nothing is put together from parts",
    "store.history.FEW": "names that are written out",
    "store.pgbinary.FLOAT8_ARRAY": "a type's number",
    "store.pgbinary.INT8_ARRAY": "a type's number",
    "store.pgbinary._ARRAY_HEADER": "bytes of a header",
    "store.locks.BARS": "a number of a lock",
    "store.locks.CREATION": "a number of a lock",
    "store.locks.MIGRATION": "a number of a lock",
    "store.locks.MINUTE_MONTHS": "a number of a lock",
    "store.locks.PAUSES": "a number of a lock",
    "store.locks.SINGLE": "a number of a lock",
    "store.locks.UNIVERSES": "a number of a lock",
    "universes.files.delimited.LOOKED_AT": "lines that are looked at for a header",
    "universes.files.holdings.PREAMBLE": "lines that are looked at for a header",
    "universes.files.holdings._PROSE": "characters: longer is prose",
    "universes.files.holdings._SHORT": "characters",
    "universes.files.structured._MISSES": "lines: after so many without a symbol it is none of these",
    "universes.findings.JSON_VERSION": "a version",
    "universes.plan.OrganizePlan.least": "symbols: a smaller universe is not guarded",
    "universes.similar._FIRST": "names that are told",
    "universes.similar._SEED": "a seed",
    "universes.similar._WORDS": "bits of a sketch",
    "universes.sources.LEAST_HELD": "members: fewer tell nothing",
    "vendors.flatfiles.flatcsv.NOON": "seconds",
    "vendors.flatfiles.flatcsv.SAMPLE": "lines that are looked at for another form",
    "vendors.tables.FEW_ASIDE": "rows that any answer may lack",
    "vendors.http.Bounds.pages": "a limit: what is beyond is refused or not shown, and nothing is put together from parts",
    "vendors.http.Bounds.unpacked_bytes": "a limit: what is beyond is refused or not shown, and nothing is put together from parts",
    "vendors.http._NOTE_BYTES": "a limit: what is beyond is refused or not shown, and nothing is put together from parts",
    "vendors.newyork.DAY": "a unit",
    "vendors.replay.answers._SESSION_END": "an hour",
    "vendors.replay.faults.Fault.megabytes": "of a fault that tests order",
    "vendors.replay.faults.Fault.seed": "a seed",
    "vendors.replay.faults.Sending.status": "an HTTP status",
    "vendors.synthetic.source._FULL_SESSION": "seconds",
    "vendors.synthetic.source._HOLD": "days after which invented prices return",
    "web.app.QUICK": "gzip's level",
    "web.candles.LINES": "lines of a grid",
    "web.candles.RIGHT": "pixels",
    "web.historical.PICKER_LINES": "a limit: what is beyond is refused or not shown, and nothing is put together from parts",
    "worker.drain.THREADS": "threads",
    "worker.engine.CONNECTIONS": "connections",
    "worker.engine.FIRST": "a priority",
    "worker.room.MARKET_BARS": "an estimate",
}
"""What the others are."""

SAID_BY_ITS_NAME = {
    "a limit: what is beyond is refused or not shown, and nothing is put together from parts": (
        r"_?(MAX|MOST|LONGEST|LARGEST|SHORTEST)(_\w+)?"
    ),
    "lines or names that are shown; the rest is counted": (
        r"_?(MAX_)?SHOWN(_\w+)?|NAMED|NEWEST|RECENT"
    ),
    "a unit, a time or a number of lines on paper": (
        r"_?\w*(SECONDS|_MS|DAYS|_BITS|NANOSECONDS|WIDTH|HEIGHT|PAD|YEAR|YEARS)|PORT"
    ),
    "an estimate": (r"\w+_BYTES_PER_SECOND|BAR_BYTES|MARKET_DAY_BYTES|KILOBYTE"),
    "attempts": (r"\w*(TRIES|ATTEMPTS|CLASHES)\w*|throttle_rounds"),
    "a count, or a value that is not set": (
        r"(Changes|JobStatus|Met|Dates|Tally|CoverageView|ActionAnswer|Answer|Lease|Drain)\..*"
    ),
}
"""What a name says by itself: a number whose name, or class and name, is of this form
is no size."""
