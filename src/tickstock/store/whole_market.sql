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

-- name: owners
-- Who had some tickers when, whether that was told, and from when to when day bars are held.
SELECT t.instrument_id, t.symbol, coalesce(lower(t.valid), '0001-01-01') AS since,
       coalesce(upper(t.valid), '9999-12-31') AS until, t.source <> '' AS is_recorded,
       (c.first_at AT TIME ZONE 'UTC')::date AS first,
       (c.last_at AT TIME ZONE 'UTC')::date + 1 AS "end"
FROM tickstock.tickers AS t
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
