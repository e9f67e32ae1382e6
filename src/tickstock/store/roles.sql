-- name: make
-- Three roles without login: give them to the people and programs that sign in.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[{migrate_name}, {app_name}, {reader_name}] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        END IF;
    END LOOP;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I, %I, %I', current_database(),
                   {migrate_name}, {app_name}, {reader_name});
    EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO %I', current_database(),
                   {migrate_name});
END $$;
GRANT USAGE, CREATE ON SCHEMA public TO {migrate};
GRANT USAGE ON SCHEMA public TO {app}, {reader};
GRANT USAGE ON SCHEMA tickstock TO {app}, {reader};

-- name: own
-- What tickstock has made belongs to the role that migrates: only an owner may change a table. A
-- cache_entries table that another program has made stays its own.
DO $$
DECLARE
    ours  oid := (SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = 'tickstock');
    thing record;
BEGIN
    FOR thing IN
        SELECT format('%s %s', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END,
                      c.oid::regclass) AS named
        FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v')
          AND (n.nspname = 'tickstock' OR n.nspname = 'public' AND c.relowner = ours
               AND c.relname ~ '^(cache_entries$|procrastinate_|ohlcv_)')
        UNION ALL
        SELECT format('ROUTINE %s', p.oid::regprocedure)
        FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
        WHERE n.nspname = 'tickstock'
           OR n.nspname = 'public' AND p.proowner = ours AND p.proname ~ '^procrastinate_'
        UNION ALL
        SELECT format('TYPE %s', t.oid::regtype)
        FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
        WHERE n.nspname = 'public' AND t.typowner = ours AND t.typname ~ '^procrastinate_'
          AND (t.typtype = 'e' OR EXISTS (SELECT FROM pg_catalog.pg_class AS c
                                          WHERE c.oid = t.typrelid AND c.relkind = 'c'))
        UNION ALL
        SELECT 'SCHEMA tickstock'
    LOOP
        EXECUTE format('ALTER %s OWNER TO %I', thing.named, {migrate_name});
    END LOOP;
END $$;

-- name: grant_app
-- The role of workers, of the page and of people who organize and load. It cannot change the schema;
-- nor the past of universes and bars; nor who may sign in as what; nor what the audit log says
-- already, when, and by which role; nor what a receipt says.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA tickstock TO {app};
REVOKE INSERT, UPDATE, DELETE ON tickstock.migrations, tickstock.universe_revisions FROM {app};
REVOKE UPDATE, DELETE ON tickstock.universe_histories, tickstock.universe_spells,
    tickstock.bar_revisions, tickstock.bar_arrivals, tickstock.bar_checksums FROM {app};
REVOKE INSERT, UPDATE, DELETE ON tickstock.users, tickstock.audit_log FROM {app};
GRANT INSERT (who, action, subject) ON tickstock.audit_log TO {app};
REVOKE UPDATE, DELETE ON tickstock.receipts FROM {app};
GRANT UPDATE (revoked_at, revoked_by) ON tickstock.receipts TO {app};
GRANT EXECUTE ON FUNCTION tickstock.add_minute_months(date[]),
    tickstock.free_minute_month(date), tickstock.forget_receipts(timestamptz) TO {app};
GRANT SELECT, INSERT, UPDATE, DELETE ON public.cache_entries TO {app};
DO $$
DECLARE
    thing record;
BEGIN
    FOR thing IN
        SELECT CASE c.relkind WHEN 'S' THEN 'USAGE, SELECT ON SEQUENCE'
                              ELSE 'SELECT, INSERT, UPDATE, DELETE ON TABLE' END AS what, c.relname
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'S')
          AND (c.relname ~ '^procrastinate_' OR c.relname = 'cache_entries_id_seq')
    LOOP
        EXECUTE format('GRANT %s public.%I TO %I', thing.what, thing.relname, {app_name});
    END LOOP;
END $$;
ALTER DEFAULT PRIVILEGES FOR ROLE {migrate} IN SCHEMA tickstock
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app};

-- name: grant_reader
-- The role of those who only read: universes, bars, what is held, sessions, loads. It sees no user,
-- no session, no receipt and nothing of the audit log. A table of a later version is closed to it.
GRANT SELECT ON
    public.cache_entries, tickstock.migrations,
    tickstock.universe_facts, tickstock.universe_counts, tickstock.universe_revisions,
    tickstock.universe_histories, tickstock.universe_spells,
    tickstock.sessions, tickstock.closures, tickstock.instruments, tickstock.tickers,
    tickstock.listings, tickstock.identifiers, tickstock.listing_records, tickstock.listing_pages,
    tickstock.ticker_histories, tickstock.ticker_events_refused,
    tickstock.bars_day, tickstock.bars_hour, tickstock.bars_minute, tickstock.bar_revisions,
    tickstock.bar_arrivals, tickstock.bar_checksums, tickstock.bar_changes, tickstock.bar_files,
    tickstock.sealed_files, tickstock.sealed_bars,
    tickstock.iceberg_tables, tickstock.iceberg_namespace_properties,
    tickstock.quarantine, tickstock.doubts, tickstock.coverage,
    tickstock.holes, tickstock.splits, tickstock.dividends, tickstock.actions_known,
    tickstock.loads, tickstock.load_items, tickstock.load_actions, tickstock.calls, tickstock.losses,
    tickstock.rows_aside,
    tickstock.budgets, tickstock.account_limits, tickstock.workers, tickstock.schedules,
    tickstock.schedule_runs, tickstock.counters,
    tickstock.ohlcv_1min, tickstock.ohlcv_hourly, tickstock.ohlcv_daily, tickstock.ohlcv_weekly,
    tickstock.ohlcv_monthly
TO {reader};
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['ohlcv_1min', 'ohlcv_hourly', 'ohlcv_daily', 'ohlcv_weekly',
                                'ohlcv_monthly'] LOOP
        IF EXISTS (SELECT FROM pg_catalog.pg_views WHERE schemaname = 'public' AND viewname = name)
        THEN
            EXECUTE format('GRANT SELECT ON public.%I TO %I', name, {reader_name});
        END IF;
    END LOOP;
END $$;
