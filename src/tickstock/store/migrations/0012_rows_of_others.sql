-- 0012 rows of others: programs that were here before write NULL where a column has a default, and a
-- row that they write is never refused by what we have added to their table.

-- What an INSERT gave as NULL is what it would be had it said nothing; before NOT NULL is checked.
CREATE FUNCTION tickstock.complete_cache_entry() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.environment := coalesce(NEW.environment, 'DEFAULT');
    NEW.created_at := coalesce(NEW.created_at, clock_timestamp());
    NEW.updated_at := coalesce(NEW.updated_at, clock_timestamp());
    RETURN NEW;
END $$;

CREATE TRIGGER cache_entries_complete BEFORE INSERT ON public.cache_entries
    FOR EACH ROW WHEN (NEW.environment IS NULL OR NEW.created_at IS NULL OR NEW.updated_at IS NULL)
    EXECUTE FUNCTION tickstock.complete_cache_entry();

CREATE OR REPLACE FUNCTION tickstock.touch_cache_entry() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.environment := coalesce(NEW.environment, 'DEFAULT');
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;

-- A row without a key names no universe, and has no history.
CREATE OR REPLACE FUNCTION tickstock.record_universe_revision() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tickstock, pg_catalog AS $$
DECLARE
    types constant text[] := ARRAY['stock_universe', 'etf_universe', 'stock_etf_combo'];
    app   text := coalesce(current_setting('application_name', true), '');
    src   text := coalesce(current_setting('tickstock.source', true), '');
    why   text := coalesce(current_setting('tickstock.reason', true), '');
    moved boolean := TG_OP = 'UPDATE'
        AND (OLD.type, OLD.key, OLD.environment) IS DISTINCT FROM (NEW.type, NEW.key, NEW.environment);
    was   boolean := TG_OP <> 'INSERT'
        AND coalesce(OLD.type = ANY (types) AND OLD.key IS NOT NULL AND OLD.environment IS NOT NULL, false);
    is_   boolean := TG_OP <> 'DELETE'
        AND coalesce(NEW.type = ANY (types) AND NEW.key IS NOT NULL AND NEW.environment IS NOT NULL, false);
    named text;
BEGIN
    -- A row that moves to another type, key or environment ends in one place and begins in another.
    IF (TG_OP = 'DELETE' OR moved) AND was THEN
        INSERT INTO universe_revisions
            (environment, type, key, action, application, source, reason, old_name, old_value,
             old_expression)
        VALUES (OLD.environment, OLD.type, OLD.key, 'delete', app, src, why, OLD.name, OLD.value,
                expression_of(OLD.environment, OLD.type, OLD.key, OLD.value));
    END IF;
    IF (TG_OP = 'INSERT' OR moved) AND is_ THEN
        INSERT INTO universe_revisions
            (environment, type, key, action, application, source, reason, new_name, new_value,
             new_expression)
        VALUES (NEW.environment, NEW.type, NEW.key, 'insert', app, src, why, NEW.name, NEW.value,
                expression_of(NEW.environment, NEW.type, NEW.key, NEW.value));
    ELSIF TG_OP = 'UPDATE' AND NOT moved AND is_
          AND (OLD.name, OLD.value) IS DISTINCT FROM (NEW.name, NEW.value) THEN
        INSERT INTO universe_revisions
            (environment, type, key, action, application, source, reason,
             old_name, new_name, old_value, new_value, old_expression, new_expression)
        VALUES (NEW.environment, NEW.type, NEW.key, 'update', app, src, why,
                OLD.name, NEW.name, OLD.value, NEW.value,
                expression_of(OLD.environment, OLD.type, OLD.key, OLD.value),
                expression_of(NEW.environment, NEW.type, NEW.key, NEW.value));
    END IF;
    IF was OR is_ THEN
        named := coalesce(NEW.type, OLD.type) || ':' || coalesce(NEW.key, OLD.key);
        -- Nothing longer can be sent; no name at all stands for any of them.
        PERFORM pg_notify('tickstock_universe',
                          CASE WHEN octet_length(named) < 8000 THEN named ELSE '' END);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION tickstock.record_universe_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tickstock, pg_catalog AS $$
BEGIN
    INSERT INTO universe_revisions
        (environment, type, key, action, application, source, reason, old_name, old_value,
         old_expression)
    SELECT environment, type, key, 'delete',
           coalesce(current_setting('application_name', true), ''),
           coalesce(current_setting('tickstock.source', true), ''),
           coalesce(nullif(current_setting('tickstock.reason', true), ''), 'TRUNCATE'), name, value,
           expression_of(environment, type, key, value)
    FROM public.cache_entries
    WHERE type IN ('stock_universe', 'etf_universe', 'stock_etf_combo')
      AND key IS NOT NULL AND environment IS NOT NULL;
    PERFORM pg_notify('tickstock_universe', '');
    RETURN NULL;
END $$;
