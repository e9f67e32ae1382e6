-- name: held
-- Held spans of instruments in one timeframe, as columns: instrument, first day and end, in days since
-- 1970. No row where there are none.
SELECT array_agg(c.instrument_id::bigint), array_agg((lower(r) - DATE '1970-01-01')::bigint),
       array_agg((upper(r) - DATE '1970-01-01')::bigint)
FROM tickstock.coverage AS c, unnest(c.held) AS r
WHERE c.timeframe = %(timeframe)s AND c.instrument_id = ANY (%(ids)s)
HAVING count(*) > 0

-- name: summaries
-- What is kept about each instrument's bars in one timeframe.
SELECT instrument_id, origin, bars, first_at, last_at, updated_at
FROM tickstock.coverage
WHERE timeframe = %(timeframe)s AND instrument_id = ANY (%(ids)s)

-- name: first_and_last
-- From the first to the last day of which a bar of an instrument is held, half-open.
SELECT instrument_id, timeframe, lower(range_merge(held)) AS start,
       upper(range_merge(held)) AS "end"
FROM tickstock.coverage
WHERE instrument_id = ANY (%(ids)s) AND NOT isempty(held)

-- name: standing_gaps
-- Answers that still stand about sessions that are not held.
SELECT instrument_id, lower(span) AS start, upper(span) AS "end", cause, detail, seen_at, expires_at
FROM tickstock.holes
WHERE timeframe = %(timeframe)s AND instrument_id = ANY (%(ids)s)
  AND (expires_at IS NULL OR expires_at > %(now)s)
ORDER BY instrument_id, span

-- name: standing_days
-- Days of answers that still stand about sessions that are not held, as columns, by cause.
SELECT cause, array_agg(instrument_id::bigint), array_agg((lower(span) - DATE '1970-01-01')::bigint),
       array_agg((upper(span) - DATE '1970-01-01')::bigint)
FROM tickstock.holes
WHERE timeframe = %(timeframe)s AND instrument_id = ANY (%(ids)s)
  AND (expires_at IS NULL OR expires_at > %(now)s)
GROUP BY cause

-- name: foreign_origins
-- Instruments that hold bars of another origin, or would get bars of two: real and synthetic are
-- never mixed.
WITH news AS (
    SELECT n.id, k.origin FROM unnest(%(ids)s::int[], %(kinds)s::bigint[]) AS n(id, kind)
    JOIN unnest(%(origins)s::text[]) WITH ORDINALITY AS k(origin, place) ON k.place = n.kind + 1
), held AS (
    SELECT c.instrument_id AS id, c.origin FROM tickstock.coverage AS c
    WHERE c.bars > 0 AND c.instrument_id = ANY (%(ids)s)
    UNION ALL SELECT id, origin FROM news
)
SELECT i.symbol, min(held.origin)
FROM news JOIN held USING (id) JOIN tickstock.instruments AS i ON i.id = news.id
WHERE (held.origin = 'synthetic') <> (news.origin = 'synthetic')
GROUP BY i.symbol ORDER BY i.symbol

-- name: add
-- Add held spans and counts; an answer that brought nothing new touches nothing. A row that was not as
-- a job left it stays marked as such: adding to it makes it no truer.
INSERT INTO tickstock.coverage AS c
    (instrument_id, timeframe, origin, held, bars, first_at, last_at, updated_at, written_origin, written_at)
SELECT id, %(timeframe)s, origin, held, bars, to_timestamp(first), to_timestamp(last),
       now_, origin, now_
FROM unnest(%(ids)s::int[], %(kinds)s::bigint[], %(bars)s::bigint[], %(first)s::bigint[],
            %(last)s::bigint[]) AS n(id, kind, bars, first, last)
JOIN (SELECT origin, held::datemultirange, place
      FROM unnest(%(origins)s::text[], %(held)s::text[]) WITH ORDINALITY AS k(origin, held, place)
     ) AS k ON k.place = n.kind + 1,
     clock_timestamp() AS now_
ON CONFLICT (instrument_id, timeframe) DO UPDATE
SET held = c.held + EXCLUDED.held, bars = c.bars + EXCLUDED.bars, origin = EXCLUDED.origin,
    first_at = least(c.first_at, EXCLUDED.first_at), last_at = greatest(c.last_at, EXCLUDED.last_at),
    updated_at = EXCLUDED.updated_at,
    written_origin = CASE WHEN (c.written_origin, c.written_at) = (c.origin, c.updated_at)
                          THEN EXCLUDED.origin ELSE c.written_origin END,
    written_at = CASE WHEN (c.written_origin, c.written_at) = (c.origin, c.updated_at)
                      THEN EXCLUDED.updated_at ELSE c.written_at END
WHERE EXCLUDED.bars > 0 OR NOT c.held @> EXCLUDED.held OR c.origin <> EXCLUDED.origin

-- name: clear_gaps
-- Take out what was said about the spans just asked for; what lies outside them stays said.
WITH asked AS (
    SELECT id, range_agg(daterange(DATE '1970-01-01' + start, DATE '1970-01-01' + "end")) AS spans
    FROM unnest(%(ids)s::int[], %(starts)s::int[], %(ends)s::int[]) AS a(id, start, "end")
    GROUP BY id
), gone AS (
    DELETE FROM tickstock.holes AS h USING asked
    WHERE h.instrument_id = asked.id AND h.timeframe = %(timeframe)s AND h.span && asked.spans
    RETURNING h.*, asked.spans AS cut
)
SELECT instrument_id, cause, detail, seen_at, expires_at, lower(rest) AS start, upper(rest) AS "end"
FROM gone, unnest(datemultirange(gone.span) - gone.cut) AS rest

-- name: add_gaps
-- Say why spans are not held.
INSERT INTO tickstock.holes (instrument_id, timeframe, span, cause, detail, seen_at, expires_at)
SELECT id, %(timeframe)s, daterange(DATE '1970-01-01' + start, DATE '1970-01-01' + "end"), cause,
       detail, coalesce(seen, clock_timestamp()), expires
FROM unnest(%(ids)s::int[], %(starts)s::int[], %(ends)s::int[], %(kinds)s::bigint[])
     AS n(id, start, "end", kind)
JOIN unnest(%(causes)s::text[], %(details)s::text[], %(seen)s::timestamptz[],
            %(expires)s::timestamptz[])
     WITH ORDINALITY AS k(cause, detail, seen, expires, place) ON k.place = n.kind + 1
ON CONFLICT (instrument_id, timeframe, span, cause) DO UPDATE
SET detail = EXCLUDED.detail, seen_at = EXCLUDED.seen_at, expires_at = EXCLUDED.expires_at

-- name: fingerprint
-- Another row for every state of coverage and gaps: all that changes them stamps what it leaves, and
-- what is only taken away changes their number.
SELECT (SELECT concat(count(*), ' ', max(updated_at)) FROM tickstock.coverage),
       (SELECT concat(count(*), ' ', max(seen_at)) FROM tickstock.holes)
