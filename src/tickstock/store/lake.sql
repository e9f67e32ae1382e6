-- name: take_turn
-- Whether nobody else publishes now; if so, nobody does until this transaction ends.
SELECT pg_try_advisory_xact_lock(%(space)s, %(what)s)

-- name: moment
-- Which database this is, the oldest transaction that is not seen here as it ended, and the time.
SELECT tickstock.bar_database() AS database, pg_snapshot_xmin(pg_current_snapshot())::text AS watermark,
       now() AS at

-- name: enrol
-- From here on changes of day bars are kept for this table: committed before the snapshot that it is
-- published from. What was noted of it in another database counts for nothing.
INSERT INTO tickstock.bar_files AS f (place, timeframe, database, watermark, years, names)
VALUES (%(place)s, %(timeframe)s, tickstock.bar_database(), pg_snapshot_xmin(pg_current_snapshot()),
        '{}', '{}')
ON CONFLICT (place, timeframe) DO UPDATE
SET folded_at = excluded.folded_at, database = excluded.database,
    watermark = CASE WHEN f.database = excluded.database THEN f.watermark ELSE excluded.watermark END,
    years = CASE WHEN f.database = excluded.database THEN f.years ELSE excluded.years END,
    names = CASE WHEN f.database = excluded.database THEN f.names ELSE excluded.names END

-- name: last_mark
-- What a table was like when it was marked last, once for each span of years that was written since.
SELECT f.years, f.names, f.watermark::text, c.first, c.last
FROM tickstock.bar_files AS f
LEFT JOIN LATERAL (
    SELECT DISTINCT extract(year FROM first)::int AS first, extract(year FROM last)::int AS last
    FROM tickstock.bar_changes
    WHERE transaction >= f.watermark AND timeframe = f.timeframe
) AS c ON true
WHERE f.place = %(place)s AND f.timeframe = %(timeframe)s AND f.database = tickstock.bar_database()

-- name: mark
-- The table has what transactions before the watermark left, in these files.
UPDATE tickstock.bar_files
SET watermark = %(watermark)s::text::xid8, years = %(years)s, names = %(names)s,
    folded_at = clock_timestamp()
WHERE place = %(place)s AND timeframe = %(timeframe)s AND database = tickstock.bar_database()

-- name: strike
-- The table is no more.
DELETE FROM tickstock.bar_files WHERE place = %(place)s AND timeframe = %(timeframe)s

-- name: instruments
-- Every instrument.
SELECT id AS instrument, symbol, kind, figi, cik, listed, delisted, gone_by AS delisted_before
FROM tickstock.instruments ORDER BY id

-- name: tickers
-- Every dated ticker; `until` is the first day on which it is no longer the instrument's. A day that
-- no calendar has is none.
SELECT instrument_id AS instrument, symbol,
       CASE WHEN isfinite(lower(valid)) THEN lower(valid) END AS since,
       CASE WHEN isfinite(upper(valid)) THEN upper(valid) END AS until
FROM tickstock.tickers ORDER BY instrument_id, since NULLS FIRST, symbol

-- name: splits
-- The splits in force.
SELECT instrument_id AS instrument, ticker AS symbol, execution_date AS date, split_from, split_to, kind
FROM tickstock.splits WHERE superseded_at IS NULL AND isfinite(execution_date)
ORDER BY instrument_id, execution_date, id
