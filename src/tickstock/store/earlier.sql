-- name: from_foundation
-- The first form of 0001 knew neither counts nor TRUNCATE, and less of a universe's facts. Bars had
-- foreign keys.
CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT * FROM tickstock.universe_facts;
DROP TABLE tickstock.universe_facts;
CREATE TABLE tickstock.universe_facts (
    environment text NOT NULL,
    type        text NOT NULL,
    key         text NOT NULL,
    description text NOT NULL DEFAULT '',
    source      text NOT NULL DEFAULT '',
    expression  text,
    expression_md5 text,
    base        jsonb,
    base_name   text,
    base_expression text,
    written_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (environment, type, key)
);
INSERT INTO tickstock.universe_facts
    (environment, type, key, description, source, expression, base, base_name)
SELECT environment, type, key, description, source, expression, base, base_name FROM kept;
CREATE TABLE tickstock.universe_counts (
    entry_id   bigint PRIMARY KEY,
    updated_at timestamptz NOT NULL,
    symbols    integer
);
CREATE FUNCTION tickstock.record_universe_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tickstock, pg_catalog AS $$
BEGIN
    INSERT INTO universe_revisions
        (environment, type, key, action, application, source, reason, old_name, old_value)
    SELECT environment, type, key, 'delete',
           coalesce(current_setting('application_name', true), ''),
           coalesce(current_setting('tickstock.source', true), ''),
           coalesce(nullif(current_setting('tickstock.reason', true), ''), 'TRUNCATE'), name, value
    FROM public.cache_entries
    WHERE type IN ('stock_universe', 'etf_universe', 'stock_etf_combo');
    PERFORM pg_notify('tickstock_universe', '');
    RETURN NULL;
END $$;

CREATE TRIGGER cache_entries_truncate BEFORE TRUNCATE ON public.cache_entries
    FOR EACH STATEMENT EXECUTE FUNCTION tickstock.record_universe_truncate();
ALTER TABLE tickstock.bars_day DROP CONSTRAINT bars_day_instrument_id_fkey;
ALTER TABLE tickstock.bars_hour DROP CONSTRAINT bars_hour_instrument_id_fkey;
ALTER TABLE tickstock.bars_minute DROP CONSTRAINT bars_minute_instrument_id_fkey;

-- name: from_foreign_keys
-- Bars had foreign keys, which are checked row by row.
ALTER TABLE tickstock.bars_day DROP CONSTRAINT bars_day_instrument_id_fkey;
ALTER TABLE tickstock.bars_hour DROP CONSTRAINT bars_hour_instrument_id_fkey;
ALTER TABLE tickstock.bars_minute DROP CONSTRAINT bars_minute_instrument_id_fkey;

-- name: from_words
-- Only comments were other ones.
SELECT

-- name: from_nested_loops
-- The planner compared each row before with each after.
ALTER FUNCTION tickstock.record_bar_arrivals() SET enable_nestloop = off;

-- name: from_symbols
-- How universes are found by a symbol was changed four times; all but the last had indexes and
-- functions that are not needed, and lacked some that are.
DROP INDEX IF EXISTS public.cache_entries_symbols, public.cache_entries_texts,
    public.cache_entries_values, public.cache_entries_no_lists;
CREATE OR REPLACE FUNCTION tickstock.symbols_of(value jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    items jsonb := value;
    found text[];
BEGIN
    IF jsonb_typeof(value) = 'string' THEN
        items := (value #>> '{}')::jsonb;
    ELSIF jsonb_typeof(value) = 'object' THEN
        items := CASE WHEN value ? 'symbols' THEN value -> 'symbols'
                      WHEN value ? 'value' THEN value -> 'value'
                      WHEN value ? 'stocks' THEN value -> 'stocks'
                      WHEN value ? 'etfs' THEN value -> 'etfs'
                      WHEN value ? 'holdings' THEN value -> 'holdings' END;
    END IF;
    IF jsonb_typeof(items) IS DISTINCT FROM 'array' THEN
        RETURN '{}';
    END IF;
    IF items @? '$[*] ? (@.type() != "string")' THEN
        found := ARRAY(SELECT CASE jsonb_typeof(item)
                                  WHEN 'string' THEN item #>> '{}'
                                  WHEN 'object' THEN coalesce(item ->> 'ticker', item ->> 'symbol') END
                       FROM jsonb_array_elements(items) AS item);
    ELSE
        found := ARRAY(SELECT jsonb_array_elements_text(items));
    END IF;
    IF array_position(found, NULL) IS NOT NULL
       OR 64 < (SELECT max(length(symbol)) FROM unnest(found) AS symbol) THEN
        RETURN '{}';
    END IF;
    RETURN found;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN '{}';
END $$;

CREATE OR REPLACE FUNCTION tickstock.names(value jsonb, symbol text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN value IS NULL THEN false
        WHEN jsonb_typeof(value) = 'array' AND value ? symbol THEN true
        WHEN jsonb_typeof(value) = 'array' AND NOT value @? '$[*] ? (@.type() != "string")' THEN false
        ELSE symbol = ANY (tickstock.symbols_of(value))
    END
$$;

CREATE INDEX cache_entries_values ON public.cache_entries USING gin (value jsonb_path_ops)
    WHERE type IN ('stock_universe', 'etf_universe', 'stock_etf_combo');
CREATE INDEX cache_entries_no_lists ON public.cache_entries (environment, jsonb_typeof(value))
    WHERE type IN ('stock_universe', 'etf_universe', 'stock_etf_combo')
      AND jsonb_typeof(value) <> 'array';

CREATE OR REPLACE FUNCTION tickstock.has_no_lists(environment text) RETURNS boolean
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET random_page_cost = 0.1 AS $$
BEGIN
    RETURN EXISTS (SELECT FROM public.cache_entries AS c
                   WHERE c.environment = $1 AND jsonb_typeof(c.value) <> 'array'
                     AND c.type IN ('stock_universe', 'etf_universe', 'stock_etf_combo'));
END $$;

CREATE OR REPLACE FUNCTION tickstock.rows_with(pattern jsonb) RETURNS SETOF public.cache_entries
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET random_page_cost = 0.1 AS $$
BEGIN
    RETURN QUERY SELECT * FROM public.cache_entries AS c
    WHERE c.value @> pattern AND c.type IN ('stock_universe', 'etf_universe', 'stock_etf_combo');
END $$;
