-- name: taken_names
-- What bears the names under which readers of SQL look for bars and does not show ours: tables, and
-- views that do not read the view of the same name in our schema.
SELECT name, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                            WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind
FROM unnest(%(names)s::text[]) WITH ORDINALITY AS n(name, place)
JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass('public.' || name)
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_rewrite AS r
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
    WHERE r.ev_class = c.oid AND d.refobjid = to_regclass('tickstock.' || name)
)
ORDER BY place
