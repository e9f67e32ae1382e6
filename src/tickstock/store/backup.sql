-- name: write_one_way
-- However long it takes, values and names are written one way.
SET LOCAL lock_timeout = 0;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL search_path = pg_catalog;
SET LOCAL extra_float_digits = 1;
SET LOCAL DateStyle = 'ISO';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL bytea_output = 'hex';

-- name: export
-- A name under which pg_dump sees the same moment.
SELECT pg_export_snapshot()

-- name: tables
-- Every table of the database, with its partitions as one.
SELECT n.nspname, c.relname
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY 1, 2

-- name: fingerprint
-- Rows of a table, and a number that any other content changes, in whatever order the rows lie.
SELECT count(*), coalesce(sum(('x' || left(h, 16))::bit(64)::bigint::numeric), 0),
       coalesce(sum(('x' || right(h, 16))::bit(64)::bigint::numeric), 0)
FROM (SELECT md5(t::text) AS h FROM {table} AS t) AS hashed

-- name: definitions
-- What the database consists of beside rows: columns, constraints, indexes, views, functions,
-- triggers. Constraints that are NOT NULL alone have names since 18, which a restore may change; the
-- columns say as much.
SELECT count(*), md5(coalesce(string_agg(d, E'\n' ORDER BY d COLLATE "C"), '')) FROM (
    SELECT concat_ws(' ', 'column', n.nspname, c.relname, c.relkind, a.attname,
                     format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                     a.attgenerated, pg_get_expr(e.adbin, e.adrelid)) AS d
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef AS e ON e.adrelid = c.oid AND e.adnum = a.attnum
    WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    UNION ALL
    SELECT concat_ws(' ', 'constraint', n.nspname, conrelid::regclass, conname,
                     pg_get_constraintdef(k.oid))
    FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_namespace AS n ON n.oid = k.connamespace
    WHERE k.contype <> 'n' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    UNION ALL
    SELECT indexdef FROM pg_catalog.pg_indexes
    WHERE schemaname <> 'information_schema' AND schemaname !~ '^pg_'
    UNION ALL
    SELECT concat_ws(' ', 'view', schemaname, viewname, definition) FROM pg_catalog.pg_views
    WHERE schemaname <> 'information_schema' AND schemaname !~ '^pg_'
    UNION ALL
    SELECT pg_get_functiondef(p.oid)
    FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    UNION ALL
    SELECT concat_ws(' ', tgenabled, pg_get_triggerdef(oid)) FROM pg_catalog.pg_trigger
    WHERE NOT tgisinternal
) AS described

-- name: may_create
-- Whether the user may make a database.
SELECT rolsuper OR rolcreatedb FROM pg_catalog.pg_roles WHERE rolname = current_user

-- name: likeness
-- Encoding and locale of the database: its provider's names differ from version to version.
SELECT pg_encoding_to_char(encoding), datcollate, datctype,
       CASE datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
FROM pg_catalog.pg_database AS d WHERE datname = current_database()

-- name: create_scratch
-- An empty database of the same encoding and locale; `like` is for its provider.
CREATE DATABASE {name} TEMPLATE template0 ENCODING {encoding} LC_COLLATE {collate}
LC_CTYPE {ctype} LOCALE_PROVIDER {provider} {like}

-- name: drop_scratch
-- The end of the scratch database.
DROP DATABASE IF EXISTS {name} WITH (FORCE)
