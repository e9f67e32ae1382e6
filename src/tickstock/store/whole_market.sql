-- name: instrument
-- The instrument that stands for the whole market.
SELECT instrument_id FROM tickstock.tickers WHERE symbol = %(market)s

-- name: sessions
-- The days from which on, and up to which, whole sessions are held, as days since 1970.
SELECT (lower(r) - DATE '1970-01-01')::bigint AS start, (upper(r) - DATE '1970-01-01')::bigint AS "end"
FROM tickstock.coverage AS c, unnest(c.held) AS r
WHERE c.instrument_id = %(id)s AND c.timeframe = %(timeframe)s ORDER BY r

-- name: members
-- Who holds a bar of a session, under the ticker of that day, with its kind as it was told.
SELECT t.symbol, coalesce(nullif(i.kind, ''), l.kind, '') AS kind
FROM tickstock.coverage AS c
JOIN tickstock.instruments AS i ON i.id = c.instrument_id
JOIN tickstock.tickers AS t ON t.instrument_id = c.instrument_id AND t.valid @> %(day)s::date
LEFT JOIN tickstock.listings AS l ON l.symbol = t.symbol
WHERE c.timeframe = 'day' AND c.held @> %(day)s::date AND c.instrument_id <> %(id)s
ORDER BY t.symbol

-- name: sessions_then
-- The same as they were at a moment: without what arrived later.
SELECT (lower(r) - DATE '1970-01-01')::bigint AS start, (upper(r) - DATE '1970-01-01')::bigint AS "end"
FROM tickstock.coverage AS c, unnest(c.held - coalesce((
    SELECT range_agg(a.sessions) FROM tickstock.bar_arrivals AS a
    WHERE a.timeframe = c.timeframe AND a.at > %(known_at)s AND a.instruments @> ARRAY[c.instrument_id]
), '{}')) AS r
WHERE c.instrument_id = %(id)s AND c.timeframe = %(timeframe)s ORDER BY r

-- name: members_then
-- Who held a bar of a session at a moment, with its kind as the lists read by then had it. Of an
-- instrument that they did not tell of, the kind of who was listed under the ticker.
WITH later AS (
    SELECT DISTINCT unnest(instruments) AS id FROM tickstock.bar_arrivals
    WHERE timeframe = 'day' AND at > %(known_at)s AND sessions @> %(day)s::date
), told AS (
    SELECT symbol, is_active, kind, instrument_id, known_from FROM tickstock.listing_records
    WHERE known_from <= %(known_at)s AND kind <> ''
      AND (known_until IS NULL OR known_until > %(known_at)s)
), of_instruments AS (
    SELECT DISTINCT ON (instrument_id) instrument_id, kind FROM told
    WHERE instrument_id IS NOT NULL ORDER BY instrument_id, known_from DESC, is_active DESC
), of_tickers AS (
    SELECT DISTINCT ON (symbol) symbol, kind FROM told
    WHERE is_active ORDER BY symbol, known_from DESC
)
SELECT t.symbol, coalesce(i.kind, l.kind, '') AS kind
FROM tickstock.coverage AS c
JOIN tickstock.tickers AS t ON t.instrument_id = c.instrument_id AND t.valid @> %(day)s::date
LEFT JOIN of_instruments AS i ON i.instrument_id = c.instrument_id
LEFT JOIN of_tickers AS l ON l.symbol = t.symbol
WHERE c.timeframe = 'day' AND c.held @> %(day)s::date AND c.instrument_id <> %(id)s
  AND NOT EXISTS (SELECT FROM later WHERE later.id = c.instrument_id)
ORDER BY t.symbol

-- name: owners
-- Who had some tickers when, whether that was told, from when to when day bars are held, and under
-- which numbers it is known.
SELECT t.instrument_id, t.symbol, coalesce(lower(t.valid), '0001-01-01') AS since,
       coalesce(upper(t.valid), '9999-12-31') AS until, t.source <> '' AS is_recorded,
       (c.first_at AT TIME ZONE 'UTC')::date AS first,
       (c.last_at AT TIME ZONE 'UTC')::date + 1 AS "end",
       coalesce(i.figi, '') AS figi, coalesce(i.cik, '') AS cik
FROM tickstock.tickers AS t
JOIN tickstock.instruments AS i ON i.id = t.instrument_id
LEFT JOIN tickstock.coverage AS c
       ON c.instrument_id = t.instrument_id AND c.timeframe = 'day' AND c.bars > 0
WHERE t.symbol = ANY (%(symbols)s)
ORDER BY t.symbol, since

-- name: date_tickers
-- Other days of tickers, where another one was found to have had them.
UPDATE tickstock.tickers AS t
SET valid = daterange(nullif(n.since, '0001-01-01'), nullif(n.until, '9999-12-31'))
FROM unnest(%(ids)s::int[], %(symbols)s::text[], %(since)s::date[], %(until)s::date[])
     AS n(id, symbol, since, until)
WHERE t.instrument_id = n.id AND t.symbol = n.symbol
  AND t.valid && daterange(nullif(n.since, '0001-01-01'), nullif(n.until, '9999-12-31'))

-- name: take_back
-- A session of the whole market that is not believed is not held.
UPDATE tickstock.coverage SET held = held - %(days)s::datemultirange, updated_at = clock_timestamp()
WHERE instrument_id = %(id)s AND timeframe = %(timeframe)s
