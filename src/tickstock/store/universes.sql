-- name: fetch
-- Rows of universes with what is kept beside them; `refs` NULL for all of the environment. The
-- expression is in force while the value is the one that was written with it. A version is text,
-- because a timestamp that another program wrote need not fit what Python calls one. In a table that
-- was taken over every column may be NULL; what has no key is no universe.
SELECT c.type, c.key, coalesce(c.name, ''), coalesce(c.value::text, 'null'),
       concat(c.id, ' ', extract(epoch FROM c.updated_at)) AS version,
       coalesce(extract(epoch FROM f.written_at)::text, '') AS facts_version,
       CASE WHEN f.expression IS NOT NULL AND f.expression_md5 = md5(c.value::text)
            THEN f.expression END AS expression,
       coalesce(f.description, ''), coalesce(f.source, ''),
       CASE WHEN c.updated_at BETWEEN '0002-01-01' AND '9998-12-31' THEN c.updated_at END
FROM public.cache_entries AS c
LEFT JOIN tickstock.universe_facts AS f USING (environment, type, key)
WHERE c.environment = %(environment)s AND c.type = ANY (%(types)s) AND c.key IS NOT NULL
  AND (%(refs)s::text[] IS NULL OR c.type || ':' || c.key = ANY (%(refs)s))

-- name: fetch_one
-- `fetch` for one universe, by its unique key.
SELECT coalesce(c.name, ''), coalesce(c.value::text, 'null'),
       CASE WHEN f.expression IS NOT NULL AND f.expression_md5 = md5(c.value::text)
            THEN f.expression END,
       coalesce(f.description, ''), coalesce(f.source, ''),
       CASE WHEN c.created_at BETWEEN '0002-01-01' AND '9998-12-31' THEN c.created_at END,
       CASE WHEN c.updated_at BETWEEN '0002-01-01' AND '9998-12-31' THEN c.updated_at END
FROM public.cache_entries AS c
LEFT JOIN tickstock.universe_facts AS f USING (environment, type, key)
WHERE c.environment = %(environment)s AND c.type = %(type)s AND c.key = %(key)s

-- name: fetch_facts
-- What is kept beside rows, also beside deleted ones; `refs` NULL for all of the environment.
SELECT f.type, f.key, f.description, f.source,
       CASE WHEN f.expression IS NOT NULL AND f.expression_md5 = md5(c.value::text)
            THEN f.expression END,
       f.base::text, f.base_name, f.base_expression
FROM tickstock.universe_facts AS f
LEFT JOIN public.cache_entries AS c USING (environment, type, key)
WHERE f.environment = %(environment)s
  AND (%(refs)s::text[] IS NULL OR f.type || ':' || f.key = ANY (%(refs)s))

-- name: versions
-- The versions of the rows that a plan was made from, to see whether they have moved.
SELECT c.type, c.key, concat(c.id, ' ', extract(epoch FROM c.updated_at)),
       coalesce(extract(epoch FROM f.written_at)::text, '')
FROM public.cache_entries AS c
LEFT JOIN tickstock.universe_facts AS f USING (environment, type, key)
WHERE c.environment = %(environment)s AND c.type = ANY (%(types)s) AND c.key IS NOT NULL
  AND (%(refs)s::text[] IS NULL OR c.type || ':' || c.key = ANY (%(refs)s))

-- name: foreign
-- The rows that another program made and TickStock never wrote: their last beginning is older than our
-- records or of a session without our reasons, and no organize has written facts beside them since.
SELECT c.type, c.key
FROM public.cache_entries AS c
LEFT JOIN tickstock.universe_facts AS f USING (environment, type, key)
LEFT JOIN LATERAL (
    SELECT r.at, r.source <> '' OR r.reason <> '' OR starts_with(r.application, %(ours)s) AS is_ours
    FROM tickstock.universe_revisions AS r
    WHERE (r.environment, r.type, r.key) = (c.environment, c.type, c.key) AND r.action = 'insert'
    ORDER BY r.id DESC LIMIT 1
) AS made ON true
WHERE c.environment = %(environment)s AND c.type = ANY (%(types)s) AND c.key IS NOT NULL
  AND NOT coalesce(made.is_ours, false)
  AND NOT (f.base IS NOT NULL AND f.written_at >= coalesce(made.at, '-infinity'))

-- name: exists
-- Whether there is such a row.
SELECT EXISTS (
    SELECT FROM public.cache_entries
    WHERE environment = %(environment)s AND type = %(type)s AND key = %(key)s
)

-- name: keys
-- The names of all universes, and the expressions in force.
SELECT c.type, c.key,
       CASE WHEN f.expression IS NOT NULL AND f.expression_md5 = md5(c.value::text)
            THEN f.expression END
FROM public.cache_entries AS c
LEFT JOIN tickstock.universe_facts AS f USING (environment, type, key)
WHERE c.environment = %(environment)s AND c.type = ANY (%(types)s) AND c.key IS NOT NULL

-- name: elsewhere
-- Other environments that have such a row.
SELECT DISTINCT environment FROM public.cache_entries
WHERE type = %(type)s AND key = %(key)s ORDER BY environment

-- name: list
-- All universes with their kept counts. `counted` is false where the row is newer than its count;
-- values are not touched for the others, which is what makes this quick.
SELECT c.id, c.type, c.key, coalesce(c.name, ''), n.symbols, n.entry_id IS NOT NULL AS counted,
       CASE WHEN f.expression IS NOT NULL AND f.expression_md5 = md5(c.value::text)
            THEN f.expression END,
       coalesce(f.description, ''), coalesce(f.source, ''),
       CASE WHEN c.updated_at BETWEEN '0002-01-01' AND '9998-12-31' THEN c.updated_at END
FROM public.cache_entries AS c
LEFT JOIN tickstock.universe_facts AS f USING (environment, type, key)
LEFT JOIN tickstock.universe_counts AS n ON n.entry_id = c.id
     AND n.updated_at = coalesce(c.updated_at, '-infinity')
WHERE c.environment = %(environment)s AND c.type = ANY (%(types)s) AND c.key IS NOT NULL
ORDER BY c.type, coalesce(c.name, ''), c.key

-- name: fingerprint
-- Another number for every state of what `list` tells: each version of a row has a place and a
-- transaction of its own. Quicker than to read it all, and nothing has to tell of a change. Without
-- the counts, which follow from the rows: who reads the list keeps them, and would read it again.
SELECT (SELECT bit_xor(hashtextextended(ctid::text || xmin::text, 1)) FROM public.cache_entries),
       (SELECT bit_xor(hashtextextended(ctid::text || xmin::text, 2)) FROM tickstock.universe_facts)

-- name: names
-- What people call these universes.
SELECT type || ':' || key, name FROM public.cache_entries
WHERE environment = %(environment)s AND type || ':' || key = ANY (%(refs)s) AND name <> ''

-- name: values_to_count
-- Values, and the versions they are of. A row that was never stamped is older than any. In one order
-- for all readers: two of them keep their counts at the same time.
SELECT id, coalesce(updated_at, '-infinity')::text, type, key, coalesce(value::text, 'null')
FROM public.cache_entries
WHERE id = ANY (%(ids)s) ORDER BY id

-- name: keep_counts
-- Counts of these versions of rows; an older transaction cannot spoil a newer row's count, since
-- a count is good for one version only.
INSERT INTO tickstock.universe_counts (entry_id, updated_at, symbols)
SELECT * FROM unnest(%(ids)s::bigint[], %(versions)s::timestamptz[], %(counts)s::int[])
ON CONFLICT (entry_id) DO UPDATE SET updated_at = EXCLUDED.updated_at, symbols = EXCLUDED.symbols

-- name: lock
-- Writers of universes take turns, until the end of their transactions.
SELECT pg_advisory_xact_lock(%(space)s, hashtext(%(environment)s))

-- name: say_why
-- What the trigger writes into the history of every row that this transaction changes.
SELECT set_config('tickstock.source', %(source)s, true),
       set_config('tickstock.reason', %(reason)s, true)

-- name: insert_rows
-- New rows; one that somebody else has made meanwhile is left out of the answer.
WITH wanted AS (
    SELECT * FROM json_to_recordset(%(rows)s::json)
        AS w(type text, key text, name text, value jsonb, symbols int, version text)
), made AS (
    INSERT INTO public.cache_entries (type, key, name, value, environment)
    SELECT type, key, name, value, %(environment)s FROM wanted
    ON CONFLICT (type, key, environment) DO NOTHING
    RETURNING id, type, key, updated_at
), counted AS (
    INSERT INTO tickstock.universe_counts (entry_id, updated_at, symbols)
    SELECT m.id, m.updated_at, w.symbols FROM made AS m JOIN wanted AS w USING (type, key)
    ON CONFLICT (entry_id)
    DO UPDATE SET updated_at = EXCLUDED.updated_at, symbols = EXCLUDED.symbols
)
SELECT count(*) FROM made

-- name: update_rows
-- Rows that are still the versions the plan was made from.
WITH wanted AS (
    SELECT * FROM json_to_recordset(%(rows)s::json)
        AS w(type text, key text, name text, value jsonb, symbols int, version text)
), made AS (
    UPDATE public.cache_entries AS c SET name = w.name, value = w.value
    FROM wanted AS w
    WHERE c.environment = %(environment)s AND c.type = w.type AND c.key = w.key
      AND concat(c.id, ' ', extract(epoch FROM c.updated_at)) = w.version
    RETURNING c.id, c.updated_at, w.symbols
), counted AS (
    INSERT INTO tickstock.universe_counts (entry_id, updated_at, symbols)
    SELECT id, updated_at, symbols FROM made
    ON CONFLICT (entry_id)
    DO UPDATE SET updated_at = EXCLUDED.updated_at, symbols = EXCLUDED.symbols
)
SELECT count(*) FROM made

-- name: delete_rows
-- Rows that are still the versions the plan was made from.
WITH gone AS (
    DELETE FROM public.cache_entries AS c
    USING json_to_recordset(%(rows)s::json) AS w(type text, key text, version text)
    WHERE c.environment = %(environment)s AND c.type = w.type AND c.key = w.key
      AND concat(c.id, ' ', extract(epoch FROM c.updated_at)) = w.version
    RETURNING c.id
), uncounted AS (
    DELETE FROM tickstock.universe_counts USING gone WHERE entry_id = gone.id
)
SELECT count(*) FROM gone

-- name: write_facts
-- What is kept beside rows; after the rows, because the expression is tied to the value written.
-- A deleted row's expression stays tied to its last value, so that bringing that back revives it.
INSERT INTO tickstock.universe_facts AS f
    (environment, type, key, description, source, expression, expression_md5,
     base, base_name, base_expression)
SELECT %(environment)s, w.type, w.key, w.description, w.source, w.expression,
       CASE WHEN w.expression IS NOT NULL THEN md5(c.value::text) END,
       CASE WHEN jsonb_typeof(w.base) = 'array' THEN w.base END, w.base_name, w.base_expression
FROM json_to_recordset(%(rows)s::json)
    AS w(type text, key text, description text, source text, expression text,
         base jsonb, base_name text, base_expression text)
LEFT JOIN public.cache_entries AS c
    ON c.environment = %(environment)s AND c.type = w.type AND c.key = w.key
ON CONFLICT (environment, type, key) DO UPDATE SET
    description = EXCLUDED.description, source = EXCLUDED.source,
    expression = EXCLUDED.expression,
    expression_md5 = coalesce(EXCLUDED.expression_md5, f.expression_md5),
    base = EXCLUDED.base, base_name = EXCLUDED.base_name,
    base_expression = EXCLUDED.base_expression, written_at = clock_timestamp()

-- name: expect_many
-- Until the end of the transaction, sort new symbols into the index in large portions: of 5 million
-- in portions of 32 MB that takes 1.5 seconds instead of 2.7.
SELECT set_config('work_mem', '64MB', true), set_config('gin_pending_list_limit', '32MB', true)

-- name: sort_in
-- Sort in what is still waiting for that, because every reader of the index goes through it. Who does
-- not own the index leaves it to the server.
SELECT gin_clean_pending_list(oid) FROM pg_class
WHERE oid = 'public.cache_entries_values'::regclass AND pg_has_role(relowner, 'USAGE')

-- name: count_rows
-- Let the planner know how many rows there are now; who does not own the table only gets a warning.
ANALYZE public.cache_entries (type, key, environment, value)
