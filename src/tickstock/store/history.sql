-- name: said_on
-- What was known at an instant about the members on a day. Statements are the revisions of the row,
-- each about its day and all after it, and the histories of sources, each about its own days: of
-- those that speak of the day the latest holds. Where none does, the list that a source ended with
-- is carried on; then, for a row older than our records, what its first change found; then the row. A
-- row that nobody has stamped is known since the database is ours.
WITH live AS (
    SELECT at AS known_at, new_value::text AS value, source
    FROM tickstock.universe_revisions
    WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
      AND at < %(until)s AND at <= %(known)s
    ORDER BY id DESC LIMIT 1
), told AS (
    SELECT id, known_at, days, source
    FROM tickstock.universe_histories
    WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
      AND days @> %(day)s::date AND known_at <= %(known)s
    ORDER BY id DESC LIMIT 1
), carried AS (
    SELECT id, known_at, days, source
    FROM tickstock.universe_histories
    WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
      AND upper(days) <= %(day)s AND known_at <= %(known)s
    ORDER BY upper(days) DESC, id DESC LIMIT 1
), said AS (
    SELECT 1 AS rank, 'source' AS kind, NULL AS value, id, days, known_at, source FROM told
    WHERE NOT EXISTS (SELECT FROM live WHERE live.known_at > told.known_at)
    UNION ALL
    SELECT 2, 'row', value, NULL, NULL, known_at, source FROM live
    UNION ALL
    SELECT 3, 'carried', NULL, id, days, known_at, source FROM carried
    UNION ALL
    (SELECT 4, 'row', old_value::text, NULL, NULL, NULL, '' FROM tickstock.universe_revisions
     WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
     ORDER BY id LIMIT 1)
    UNION ALL
    (SELECT 5, 'row', value::text, NULL, NULL, NULL, '' FROM public.cache_entries
     WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
       AND coalesce(updated_at, (SELECT min(applied_at) FROM tickstock.migrations))
           < least(%(until)s, %(known)s + interval '1 microsecond'))
    ORDER BY rank LIMIT 1
)
SELECT kind, value, source, known_at, upper(days) - 1 AS through,
       (SELECT string_agg(symbol, ' ') FROM tickstock.universe_spells
        WHERE history_id = said.id AND starts <= least(%(day)s, upper(said.days) - 1)
          AND ends > least(%(day)s, upper(said.days) - 1)) AS symbols
FROM said

-- name: today
-- The New York date by the clock of this server.
SELECT (clock_timestamp() AT TIME ZONE 'America/New_York')::date

-- name: known_days
-- Which days sources speak about, the latest statement last.
SELECT lower(days) AS first, upper(days) AS "end", known_at, source
FROM tickstock.universe_histories
WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
ORDER BY id

-- name: change_days
-- The New York dates on which the members may differ from the day before, within a half-open span.
SELECT day FROM (
    SELECT (at AT TIME ZONE 'America/New_York')::date AS day
    FROM tickstock.universe_revisions
    WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
      AND old_value IS DISTINCT FROM new_value
    UNION
    SELECT unnest(ARRAY[lower(days), upper(days)]) FROM tickstock.universe_histories
    WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
    UNION
    SELECT unnest(ARRAY[starts, ends])
    FROM tickstock.universe_spells AS s JOIN tickstock.universe_histories AS h ON h.id = s.history_id
    WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
) AS days
WHERE day >= %(start)s AND day < %(end)s
ORDER BY day

-- name: latest_digests
-- What was told last of each universe by each source, to be told once.
SELECT DISTINCT ON (type, key, source) type, key, source, digest
FROM tickstock.universe_histories
WHERE environment = %(environment)s AND type || ':' || key = ANY (%(refs)s)
ORDER BY type, key, source, id DESC

-- name: standing_digests
-- The histories recorded of universes about whose days nobody has told anything since.
SELECT h.type, h.key, h.source, h.digest
FROM tickstock.universe_histories AS h
WHERE h.environment = %(environment)s AND h.type || ':' || h.key = ANY (%(refs)s)
  AND NOT EXISTS (
      SELECT FROM tickstock.universe_histories AS l
      WHERE (l.environment, l.type, l.key) = (h.environment, h.type, h.key)
        AND l.id > h.id AND l.days && h.days)

-- name: record
-- A new statement about past members; nothing told before is touched.
INSERT INTO tickstock.universe_histories (environment, type, key, days, source, reason, digest)
VALUES (%(environment)s, %(type)s, %(key)s, daterange(%(start)s, %(end)s), %(source)s, %(reason)s,
        %(digest)s)
RETURNING id

-- name: record_intervals
-- Its intervals; an end of NULL is a member still.
INSERT INTO tickstock.universe_spells (history_id, symbol, starts, ends)
SELECT %(id)s, symbol, starts, coalesce(ends, 'infinity')
FROM unnest(%(symbols)s::text[], %(starts)s::date[], %(ends)s::date[]) AS s(symbol, starts, ends)

-- name: log
-- Changes of one universe's row and histories recorded of it, the latest first. Of a value only what
-- joined and left is given, NULL where it is the same.
SELECT id, at, action, by_role, application, source, reason, old_name, new_name,
       old_expression, new_expression,
       CASE WHEN old_value IS DISTINCT FROM new_value THEN ARRAY(
           SELECT unnest(tickstock.symbols_of(new_value))
           EXCEPT ALL SELECT unnest(tickstock.symbols_of(old_value)) ORDER BY 1) END AS joined,
       CASE WHEN old_value IS DISTINCT FROM new_value THEN ARRAY(
           SELECT unnest(tickstock.symbols_of(old_value))
           EXCEPT ALL SELECT unnest(tickstock.symbols_of(new_value)) ORDER BY 1) END AS "left",
       NULL::daterange AS days
FROM tickstock.universe_revisions
WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
UNION ALL
SELECT id, known_at, 'history', by_role, application, source, reason, NULL, NULL, NULL, NULL,
       NULL, NULL, days
FROM tickstock.universe_histories
WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
ORDER BY at DESC, id DESC
LIMIT %(limit)s

-- name: blame_one
-- The last revision by which a symbol came in, also where it has left since. From the latest back, and
-- of the lists only looking whether they name it.
SELECT %(symbol)s::text AS symbol, action = 'insert' AS began, id, at, by_role, application, source,
       reason
FROM tickstock.universe_revisions
WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
  AND tickstock.names(new_value, %(symbol)s) AND NOT tickstock.names(old_value, %(symbol)s)
ORDER BY id DESC LIMIT 1

-- name: blame
-- For each symbol, the last revision by which whom it names came in, also where it has left since. A
-- list may name it as it was `written` then, on days from `since` to `until`; that a list names it by
-- another of its tickers is no coming in.
WITH names AS (
    SELECT * FROM unnest(%(symbols)s::text[], %(written)s::text[], %(since)s::date[],
                         %(until)s::date[]) AS n(symbol, written, since, until)
)
SELECT DISTINCT ON (symbol) symbol, action = 'insert' AS began, id, at, by_role, application, source,
       reason
FROM tickstock.universe_revisions AS r,
     LATERAL (SELECT n.symbol FROM unnest(tickstock.symbols_of(new_value)) AS s
              JOIN names AS n ON n.written = s
               AND (r.at AT TIME ZONE 'America/New_York')::date >= n.since
               AND (r.at AT TIME ZONE 'America/New_York')::date < n.until
              EXCEPT
              SELECT n.symbol FROM unnest(tickstock.symbols_of(old_value)) AS s
              JOIN names AS n ON n.written = s) AS joined
WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
ORDER BY symbol, id DESC

-- name: intervals_through
-- The intervals of symbols in the latest history recorded, and the end of the days that it speaks about.
SELECT s.symbol, s.starts, least(s.ends, '9999-12-31') AS ends, upper(h.days) AS until, h.source,
       h.known_at
FROM (SELECT * FROM tickstock.universe_histories
      WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
      ORDER BY id DESC LIMIT 1) AS h
JOIN tickstock.universe_spells AS s ON s.history_id = h.id
WHERE s.symbol = ANY (%(written)s)

-- name: containing
-- The universes whose row names a symbol: values that contain one of the patterns in which it can
-- stand there, and lists encoded twice, which have to be read. Patterns of objects are tried only
-- where there is a row that is no list.
SELECT c.type, c.key
FROM (
    SELECT pattern FROM unnest(%(patterns)s::jsonb[]) AS p(pattern)
    WHERE jsonb_typeof(pattern) = 'array' OR (SELECT tickstock.has_no_lists(%(environment)s))
) AS p, tickstock.rows_with(p.pattern) AS c
WHERE c.environment = %(environment)s AND c.key IS NOT NULL
  AND (c.value @> jsonb_build_array(%(symbol)s::text)
       OR tickstock.symbols_of(c.value) @> ARRAY[%(symbol)s])
UNION
SELECT type, key FROM public.cache_entries
WHERE environment = %(environment)s AND key IS NOT NULL AND jsonb_typeof(value) = 'string'
  AND jsonb_typeof(value) <> 'array'
  AND type IN ('stock_universe', 'etf_universe', 'stock_etf_combo')
  AND tickstock.symbols_of(value) @> ARRAY[%(symbol)s]
ORDER BY type, key

-- name: containing_then
-- The universes that may have named a symbol on a day: rows whose first change after it found it
-- there, histories that name it, and those of the rows given, which name it today, that have not
-- changed since. `dated` where a history was told of the universe: its statements must be weighed.
WITH changed AS (
    SELECT DISTINCT ON (type, key) type, key, old_value
    FROM tickstock.universe_revisions
    WHERE environment = %(environment)s AND at >= %(until)s
    ORDER BY type, key, id
), found AS (
    SELECT c.type, c.key
    FROM public.cache_entries AS c
    JOIN unnest(%(types)s::text[], %(keys)s::text[]) AS u(type, key) USING (type, key)
    WHERE c.environment = %(environment)s
      AND coalesce(c.updated_at, (SELECT min(applied_at) FROM tickstock.migrations)) < %(until)s
      AND NOT EXISTS (SELECT FROM changed WHERE (changed.type, changed.key) = (c.type, c.key))
    UNION
    SELECT type, key FROM changed
    WHERE old_value IS NOT NULL
      AND (old_value @> jsonb_build_array(%(symbol)s::text)
           OR (jsonb_typeof(old_value) <> 'array' OR jsonb_typeof(old_value -> 0) <> 'string')
              AND tickstock.symbols_of(old_value) @> ARRAY[%(symbol)s])
    UNION
    SELECT h.type, h.key
    FROM tickstock.universe_spells AS s JOIN tickstock.universe_histories AS h ON h.id = s.history_id
    WHERE s.symbol = %(symbol)s AND h.environment = %(environment)s AND s.starts <= %(day)s
)
SELECT f.type, f.key,
       EXISTS (SELECT FROM tickstock.universe_histories AS h
               WHERE (h.environment, h.type, h.key) = (%(environment)s, f.type, f.key)) AS dated
FROM found AS f
ORDER BY type, key

-- name: containing_once
-- Universes of which a change took one of some symbols, or of which a history was told that names one;
-- under which symbol, and the last day on which it was in: NULL where it is told to be in still.
SELECT r.type, r.key, s.symbol, (r.at AT TIME ZONE 'America/New_York')::date AS until
FROM tickstock.universe_revisions AS r, unnest(%(symbols)s::text[]) AS s(symbol)
WHERE r.environment = %(environment)s
  AND tickstock.symbols_of(r.old_value) @> ARRAY[s.symbol]
  AND NOT coalesce(tickstock.symbols_of(r.new_value) @> ARRAY[s.symbol], false)
UNION ALL
SELECT h.type, h.key, s.symbol, CASE WHEN s.ends < 'infinity' THEN s.ends - 1 END
FROM tickstock.universe_spells AS s JOIN tickstock.universe_histories AS h ON h.id = s.history_id
WHERE s.symbol = ANY (%(symbols)s) AND h.environment = %(environment)s

-- name: expression_at
-- The expression in force after the last change up to an instant; no row before the first change.
SELECT action <> 'delete', new_expression FROM tickstock.universe_revisions
WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s AND at <= %(known)s
ORDER BY id DESC LIMIT 1

-- name: keys_at
-- The universes that there were at an instant, with the expressions in force.
SELECT type, key, new_expression FROM (
    SELECT DISTINCT ON (type, key) type, key, action, new_expression
    FROM tickstock.universe_revisions
    WHERE environment = %(environment)s AND at <= %(known)s
    ORDER BY type, key, id DESC
) AS last WHERE action <> 'delete'

-- name: state_after
-- Name, value and expression that a revision left; a value of NULL where it deleted the row.
SELECT new_name AS name, new_value::text AS value, new_expression AS expression
FROM tickstock.universe_revisions
WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s AND id = %(id)s

-- name: state_at
-- The same for the last revision up to an instant.
SELECT new_name AS name, new_value::text AS value, new_expression AS expression
FROM tickstock.universe_revisions
WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s AND at <= %(at)s
ORDER BY id DESC LIMIT 1

-- name: state_before_last
-- Name, value and expression before the last revision; a value of NULL where that one began the row.
SELECT old_name AS name, old_value::text AS value, old_expression AS expression
FROM tickstock.universe_revisions
WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
ORDER BY id DESC LIMIT 1
