"""The whole numbers with a name in the package: sizes with the tests that cross them, and others.

A size is one at whose edge something is cut and put together again: a block, page, batch or chunk.
It is an argument with a default, or set by the test; one test runs with it set to a few, so that
small inputs have many edges, and with inputs beyond the real one. `test_size_constants` fails for
a number that is on none of these lists.
"""

SIZES = {
    "loading.actions.GROUP": (
        "unit/test_actions_plan.py::test_every_due_ticker_is_asked_from_where_it_is_known"
    ),
    "loading.bits.BLOCK": (
        "unit/test_bits.py::test_full_rows_in_any_order_stay_in_theirs "
        "unit/test_bits.py::test_full_rows_beyond_one_block_in_any_order "
        "unit/test_bits.py::test_blocks_of_any_size_give_the_same "
        "acceptance/test_orders.py::test_the_order_of_loads_makes_no_difference"
    ),
    "loading.choice.SLAB_WINDOWS": "unit/test_choice.py::test_slabs_of_any_size_leave_nothing_out",
    "loading.cover.Sampling.edges": (
        "unit/test_cover.py::test_cutting_tiny_samples_again_and_again_ends_with_the_same_cost "
        "unit/test_cover.py::test_larger_pictures_agree_with_plain_flow_and_matching"
    ),
    "loading.cover.Sampling.least_per_row": (
        "unit/test_cover.py::test_cutting_tiny_samples_again_and_again_ends_with_the_same_cost"
    ),
    "loading.cover.Sampling.rounds": (
        "unit/test_cover.py::test_stopped_early_it_states_a_bound_that_holds"
    ),
    "model.Limits.base_bars": (
        "unit/test_choice.py::test_minute_bars_are_bounded_on_both_sides_by_brute_force"
    ),
    "service.export.BLOCK": "unit/test_read_in_pieces.py::test_the_hash_of_a_file",
    "store.database.KEPT": "store/test_database.py::test_threads_share_it",
    "store.universes.BATCH": (
        "store/test_universes.py::test_rows_are_added_changed_and_removed_in_batches"
    ),
    "store.universes.MANY": "store/test_universes.py::test_a_glob_over_many_universes",
    "store.universes.MANY_WRITES": (
        "store/test_universes.py::test_rows_are_added_changed_and_removed_in_batches"
    ),
    "universes.files.parquet.BATCH": "unit/test_read_in_pieces.py::test_a_parquet_file",
    "universes.files.xlsx._STEP": (
        "unit/test_read_in_pieces.py::test_a_workbook "
        "unit/test_read_in_pieces.py::test_a_workbook_of_more_than_a_piece"
    ),
    "vendors.actions.PAGE": (
        "contract/test_actions.py::test_pages_are_followed_each_through_the_gate"
    ),
    "vendors.body.STEP": "unit/test_wire.py::test_a_body_is_unpacked_from_any_pieces",
    "vendors.flatcsv.STEP": (
        "contract/test_flat_files.py::test_wanted_tickers_are_read_in_any_order_of_lines"
    ),
    "vendors.origin._TICKERS_A_LINE": "unit/test_wire.py::test_an_origin_survives_its_header",
    "worker.drain.Policy.attempts": (
        "contract/test_drain.py::test_attempts_are_limited_and_one_symbol_stops_no_other"
    ),
    "worker.drain.Policy.bars": (
        "contract/test_drain.py::test_no_more_bars_are_in_hand_than_there_is_room_for"
    ),
    "worker.drain.Policy.batch": (
        "contract/test_drain.py::test_what_passes_is_asked_again_and_the_load_completes"
    ),
    "worker.drain.Policy.batch_bars": (
        "contract/test_drain.py::test_no_more_bars_are_in_hand_than_there_is_room_for"
    ),
    "worker.drain.Policy.concurrency": (
        "contract/test_drain.py::test_what_passes_is_asked_again_and_the_load_completes"
    ),
    "worker.run.LOADS_AT_ONCE": (
        "contract/test_operations.py::test_with_one_place_an_urgent_load_gets_it_and_gives_it_back"
    ),
}
"""Tests by size, as FILE::TEST, with a space between."""

UNCROSSED = {
    "bridge.mirror.PART": "statuses that are read and written together; an argument of Mirror",
    "bridge.stream.BATCH": "messages that are read from the stream at once",
    "vendors.flatfiles.FILES_AT_ONCE": "files that are read side by side",
    "vendors.reference.CONSTITUENTS_PAGE": "records on a page of the vendor's",
    "vendors.reference.TICKERS_PAGE": "records on a page of the vendor's",
    "vendors.wire.BASE_BARS": "bars that one answer of the vendor's is made of at most",
    "web.bars.TABLE_LINES": "bars in the table of the page",
    "web.jobs.PAGE_LINES": (
        "loads on a page of the list; the next page begins with the time of the last"
    ),
}
"""Sizes that no test crosses yet."""

NO_SIZES = {
    "actions.ActionAnswer.pages": "a count",
    "adjust.KEY_BITS": "bits of a key that hold the day",
    "adjust.STALE_DAYS": "days",
    "bars.NEXT_DAYS": "days",
    "bridge.cancels.MOST": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "bridge.inbox.MOST_BYTES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "bridge.inbox.MOST_MESSAGES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "bridge.inbox.MOST_TURNED_AWAY": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "bridge.intake.PATIENT_ATTEMPTS": "attempts",
    "bridge.messages.LONGEST_ANSWERED_ID": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "bridge.messages.LONGEST_ID": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "bridge.messages.LONGEST_REASON": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "bridge.messages.MOST_BYTES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "bridge.messages.MOST_SYMBOLS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "bridge.messages.SHOWN_SYMBOLS": "lines or names that are shown; the rest is counted",
    "bridge.mirror.EXPIRES": "seconds",
    "bridge.news.MOST": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "service.job_status.JobStatus.ohlcv_records_loaded": "a count, or a value that is not set",
    "service.job_status.JobStatus.processed_symbols": "a count, or a value that is not set",
    "service.job_status.JobStatus.symbols_failed": "a count, or a value that is not set",
    "service.job_status.JobStatus.symbols_loaded": "a count, or a value that is not set",
    "service.job_status.JobStatus.total_symbols": "a count, or a value that is not set",
    "service.job_status.SHOWN_ERRORS": "lines or names that are shown; the rest is counted",
    "cli.app.INTERRUPTED": "exit code",
    "cli.app.USAGE_ERROR": "exit code",
    "cli.changes.NOT_AGREED": "exit code",
    "cli.doctor.WIDTH": "characters",
    "cli.export.SHOWN": "lines or names that are shown; the rest is counted",
    "cli.history.MAX_BYTES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "cli.history.SHOWN": "lines or names that are shown; the rest is counted",
    "cli.holdings.SHOWN_FINDINGS": "lines or names that are shown; the rest is counted",
    "cli.holdings.SHOWN_SYMBOLS": "lines or names that are shown; the rest is counted",
    "cli.imports.SHOWN": "lines or names that are shown; the rest is counted",
    "cli.jobs.SHOWN_FAILURES": "lines or names that are shown; the rest is counted",
    "cli.missing.SHOWN": "lines or names that are shown; the rest is counted",
    "cli.serve.PORT": "a port",
    "cli.verify.SHOWN": "lines or names that are shown; the rest is counted",
    "crosscheck.NEAR_DAYS": "days",
    "crosscheck.PLAIN_DENOMINATOR": "what counts as a plain ratio",
    "identity.MAX_SHOWN": "lines or names that are shown; the rest is counted",
    "loading.actions.FEWEST_TO_DOUBT": "records: below, nothing is doubted",
    "loading.actions.PAGE": "the vendor's page, for estimates",
    "loading.cover.FORCING_ROUNDS": "rounds of a loop that may stop any time",
    "loading.cover.INFINITE": "the greatest capacity",
    "loading.entitlement.Met.first": "a count, or a value that is not set",
    "loading.entitlement.Met.last": "a count, or a value that is not set",
    "loading.entitlement.Met.newest": "a count, or a value that is not set",
    "loading.entitlement.Met.refused_tickers": "a count, or a value that is not set",
    "loading.entitlement.Met.too_early": "a count, or a value that is not set",
    "loading.entitlement.NEVER": "a day beyond all",
    "loading.entitlement.PROBE": "sessions that a probe asks for",
    "loading.gains.DAY_SECONDS": "a unit",
    "loading.moved.NAMED": "lines or names that are shown; the rest is counted",
    "loading.prices.BAR_BYTES": "an estimate",
    "loading.prices.BYTES_PER_SECOND": "an estimate",
    "loading.prices.KILOBYTE": "a unit",
    "loading.prices.MARKET_DAY_BYTES": "an estimate",
    "loading.priority.HUGE": "a priority",
    "loading.priority.MIDDLING": "a priority",
    "loading.priority.QUICK": "a priority",
    "loading.priority.URGENT": "a priority",
    "loading.request.LoadRequest.pad": "days; none unless asked for",
    "loading.request.MOST_PAD": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "loading.request.MOST_YEARS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "loading.truncation.LONG": "sessions: a run so long is suspicious",
    "loading.truncation.MANY": "symbols: fewer are no mass to judge by",
    "loading.truncation.MOST_DEPTH": "how often an answer is asked again in parts",
    "loading.truncation.MOST_YEARS": "years that are tried",
    "logs.KEPT_FILES": "files of the log",
    "logs.MAX_BYTES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "logs.SHORTEST_SECRET": "characters",
    "model.Answer.bytes": "a count, or a value that is not set",
    "model.Answer.pages": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "service.access.LONGEST_PASSWORD": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "service.access.SHORTEST_PASSWORD": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "service.access.TRIES": "attempts",
    "service.access.TRIES_PER_NAME": "attempts",
    "service.charts.MOST_BARS": "the most that a chart takes",
    "service.doctor.LITTLE_DISK": "bytes free: below, a warning",
    "service.doctor.NAMED": "lines or names that are shown; the rest is counted",
    "service.doctor.NO_DISK": "bytes free: below, a failure",
    "service.doctor.OLDEST_SERVER": "a version",
    "service.holdings.CoverageView.unasked": "a count",
    "service.plans.TOKEN_LENGTH": "characters of a token",
    "service.verify.DAY_SECONDS": "a unit",
    "sessions.SATURDAY": "a weekday",
    "store.actions.Changes.added": "a count, or a value that is not set",
    "store.actions.Changes.calls": "a count, or a value that is not set",
    "store.actions.Changes.corrected": "a count, or a value that is not set",
    "store.actions.Changes.withdrawn": "a count, or a value that is not set",
    "store.adoption._SHOWN": "lines or names that are shown; the rest is counted",
    "store.bar_history.DAY_BITS": "bits of a key that hold the day",
    "store.bars.DAY_SECONDS": "a unit",
    "store.bars.LOCK_SPACE": "a number of a lock",
    "store.database.CONNECT_SECONDS": "seconds",
    "store.embedded.LOG_BYTES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "store.history.FEW": "names that are written out",
    "store.ledger.Lease.depth": "a count, or a value that is not set",
    "store.ledger.Tally.lately": "a count, or a value that is not set",
    "store.pgbinary.EPOCH_DAYS": "an epoch",
    "store.pgbinary.FLOAT8_ARRAY": "a type's number",
    "store.pgbinary.INT8_ARRAY": "a type's number",
    "store.pgbinary._ARRAY_HEADER": "bytes of a header",
    "store.place.LONGEST_SOCKET": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "store.universes.LOCK_SPACE": "a number of a lock",
    "universes.catalog.MAX_BYTES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.catalog.MAX_SHOWN": "lines or names that are shown; the rest is counted",
    "universes.evaluate.MAX_STEPS": "steps that are explained",
    "universes.files.dated.Dates.former": "a count, or a value that is not set",
    "universes.files.dated.Dates.on": "a count, or a value that is not set",
    "universes.files.dated.Dates.since": "a count, or a value that is not set",
    "universes.files.dated.Dates.until": "a count, or a value that is not set",
    "universes.files.decode.MAX_LINE": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.files.delimited.LOOKED_AT": "lines that are looked at for a header",
    "universes.files.delimited.MAX_CELLS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.files.holdings.PREAMBLE": "lines that are looked at for a header",
    "universes.files.holdings._PROSE": "characters: longer is prose",
    "universes.files.holdings._SHORT": "characters",
    "universes.files.imported.MAX_BYTES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.files.imported.MAX_PROBLEMS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.files.imported.MAX_REMARKS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.files.imported.MAX_ROWS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.files.imported.MAX_SYMBOLS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.files.imported.SHOWN": "lines or names that are shown; the rest is counted",
    "universes.files.structured.MAX_TOML": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.files.structured._MISSES": (
        "lines: after so many without a symbol it is none of these"
    ),
    "universes.files.xlsx.MAX_CELLS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.files.xlsx.MAX_COLUMNS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.files.xlsx.MAX_ELEMENTS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.files.xlsx.MAX_UNPACKED": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.findings.JSON_VERSION": "a version",
    "universes.guard.MAX_DROPPED": "symbols that a change may lose unasked",
    "universes.key.MAX_KEY": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.key.MAX_NAME": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.parsing.MAX_DEPTH": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.parsing.MAX_LENGTH": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.parsing._WIDTH": "characters that are shown",
    "universes.plan.OrganizePlan.least": "symbols: a smaller universe is not guarded",
    "universes.plan.SHOWN": "lines or names that are shown; the rest is counted",
    "universes.similar._FIRST": "names that are told",
    "universes.similar._SEED": "a seed",
    "universes.similar._WORDS": "bits of a sketch",
    "universes.sources.LEAST_HELD": "members: fewer tell nothing",
    "universes.spells.MAX_SHOWN": "lines or names that are shown; the rest is counted",
    "universes.symbol.LONGEST_TYPED_ROOT": "characters",
    "universes.symbol.MAX_LENGTH": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.symbol._SHOWN_FAULTS": "lines or names that are shown; the rest is counted",
    "universes.value.MAX_TEXT": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "universes.value._SHOWN_FAULTS": "lines or names that are shown; the rest is counted",
    "vendors.actions._LONGEST_ID": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "vendors.actions._LONGEST_TICKER": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "vendors.answers._SESSION_END": "an hour",
    "vendors.faults.Fault.megabytes": "of a fault that tests order",
    "vendors.faults.Fault.seed": "a seed",
    "vendors.faults.Sending.status": "an HTTP status",
    "vendors.faults._DAY_MS": "a unit",
    "vendors.faults._HOUR_MS": "a unit",
    "vendors.files.LARGEST": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "vendors.flatcsv.LONGEST_TICKER": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "vendors.flatcsv.MOST_BYTES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "vendors.flatcsv.NANOSECONDS": "a unit",
    "vendors.flatcsv._MOST_TRADES": "the greatest of its type",
    "vendors.massive.Bounds.pages": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "vendors.massive.Bounds.throttle_rounds": "attempts",
    "vendors.massive.Bounds.unpacked_bytes": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "vendors.massive._NOTE_BYTES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "vendors.newyork.DAY": "a unit",
    "vendors.reference._LONGEST_TICKER": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "vendors.synthetic._FULL_SESSION": "seconds",
    "vendors.synthetic._HOLD": "days after which invented prices return",
    "vendors.wire._LONGEST_NEXT": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "vendors.wire._LONGEST_TICKER": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "vendors.wire._MOST_TRADES": "the greatest of its type",
    "web.api.MOST_CHANGES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "web.api.MOST_JOBS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "web.app.LARGEST_BODY": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "web.app.QUICK": "gzip's level",
    "web.candles.HEIGHT": "pixels",
    "web.candles.LINES": "lines of a grid",
    "web.candles.MOST": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "web.candles.PAD": "pixels",
    "web.candles.RIGHT": "pixels",
    "web.candles.WIDTH": "pixels",
    "web.coverage.MOST_CELLS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "web.coverage.MOST_MONTHS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "web.coverage.MOST_SESSIONS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "web.door.YEAR": "seconds",
    "web.historical.PICKER_LINES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "web.historical.RECENT": "loads that are shown",
    "web.imports.LARGEST_BODY": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "web.imports.LARGEST_FILE": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "web.imports.SHOWN": "lines or names that are shown; the rest is counted",
    "web.old_routes.NEWEST": "loads that are shown",
    "web.server.PARTING_SECONDS": "seconds",
    "web.universes.MOST_CHANGES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "web.universes.MOST_LINES": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "web.visit.LARGEST_FIELD": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "web.visit.MOST_FIELDS": (
        "a limit: what is beyond is refused or not shown, and nothing is put together from parts"
    ),
    "worker.drain.CLASHES": "attempts",
    "worker.drain.Drain._uncommitted": "a count, or a value that is not set",
    "worker.drain.Drain.committed": "a count, or a value that is not set",
    "worker.drain.THREADS": "threads",
    "worker.finish.CLASHES": "attempts",
    "worker.room.MARKET_BARS": "an estimate",
    "worker.run.QUEUE_CONNECTIONS": "connections",
}
"""What the others are."""
