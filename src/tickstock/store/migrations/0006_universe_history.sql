-- 0006 universe history: dated membership from sources, the expression beside every revision, a way
-- from a symbol to the universes that hold it, and what became of instruments.

-- ---------------------------------------------------------------------- revisions
-- The expression in force before and after a change. `transaction` lets a change of the expression
-- join the change of the row that it belongs to.
ALTER TABLE tickstock.universe_revisions
    ADD COLUMN old_expression text,
    ADD COLUMN new_expression text,
    ADD COLUMN transaction xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX universe_revisions_by_time ON tickstock.universe_revisions (environment, at);

-- The expression kept beside a row, where it is in force for this value of the row.
CREATE FUNCTION tickstock.expression_of(environment text, type text, key text, value jsonb)
RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT f.expression FROM tickstock.universe_facts AS f
    WHERE (f.environment, f.type, f.key) = ($1, $2, $3)
      AND f.expression IS NOT NULL AND f.expression_md5 = md5($4::text)
$$;

CREATE OR REPLACE FUNCTION tickstock.record_universe_revision() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tickstock, pg_catalog AS $$
DECLARE
    types constant text[] := ARRAY['stock_universe', 'etf_universe', 'stock_etf_combo'];
    app   text := coalesce(current_setting('application_name', true), '');
    src   text := coalesce(current_setting('tickstock.source', true), '');
    why   text := coalesce(current_setting('tickstock.reason', true), '');
    moved boolean := TG_OP = 'UPDATE'
        AND (OLD.type, OLD.key, OLD.environment) IS DISTINCT FROM (NEW.type, NEW.key, NEW.environment);
BEGIN
    -- A row that moves to another type, key or environment ends in one place and begins in another.
    IF (TG_OP = 'DELETE' OR moved) AND OLD.type = ANY (types) THEN
        INSERT INTO universe_revisions
            (environment, type, key, action, application, source, reason, old_name, old_value,
             old_expression)
        VALUES (OLD.environment, OLD.type, OLD.key, 'delete', app, src, why, OLD.name, OLD.value,
                expression_of(OLD.environment, OLD.type, OLD.key, OLD.value));
    END IF;
    IF (TG_OP = 'INSERT' OR moved) AND NEW.type = ANY (types) THEN
        INSERT INTO universe_revisions
            (environment, type, key, action, application, source, reason, new_name, new_value,
             new_expression)
        VALUES (NEW.environment, NEW.type, NEW.key, 'insert', app, src, why, NEW.name, NEW.value,
                expression_of(NEW.environment, NEW.type, NEW.key, NEW.value));
    ELSIF TG_OP = 'UPDATE' AND NOT moved AND NEW.type = ANY (types)
          AND (OLD.name, OLD.value) IS DISTINCT FROM (NEW.name, NEW.value) THEN
        INSERT INTO universe_revisions
            (environment, type, key, action, application, source, reason,
             old_name, new_name, old_value, new_value, old_expression, new_expression)
        VALUES (NEW.environment, NEW.type, NEW.key, 'update', app, src, why,
                OLD.name, NEW.name, OLD.value, NEW.value,
                expression_of(OLD.environment, OLD.type, OLD.key, OLD.value),
                expression_of(NEW.environment, NEW.type, NEW.key, NEW.value));
    END IF;
    IF (TG_OP <> 'INSERT' AND OLD.type = ANY (types)) OR (TG_OP <> 'DELETE' AND NEW.type = ANY (types)) THEN
        PERFORM pg_notify('tickstock_universe', coalesce(NEW.type, OLD.type) || ':' || coalesce(NEW.key, OLD.key));
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
    WHERE type IN ('stock_universe', 'etf_universe', 'stock_etf_combo');
    PERFORM pg_notify('tickstock_universe', '');
    RETURN NULL;
END $$;

-- An expression is written after the row that it gives: it joins the revision which that row made
-- in this transaction, or, where the row has not moved, makes a revision of its own.
CREATE FUNCTION tickstock.record_universe_expression() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tickstock, pg_catalog AS $$
DECLARE
    before text;
    row public.cache_entries%ROWTYPE;
    latest bigint;
BEGIN
    -- `at >= now()` as well: numbers of transactions begin anew in a restored database.
    SELECT id INTO latest FROM universe_revisions AS r
    WHERE (r.environment, r.type, r.key) = (NEW.environment, NEW.type, NEW.key)
      AND transaction = pg_current_xact_id() AND at >= now()
    ORDER BY id DESC LIMIT 1;
    IF FOUND THEN
        UPDATE universe_revisions SET new_expression = NEW.expression
        WHERE id = latest AND action <> 'delete';
        RETURN NULL;
    END IF;
    SELECT * INTO row FROM public.cache_entries AS c
    WHERE (c.environment, c.type, c.key) = (NEW.environment, NEW.type, NEW.key);
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.expression_md5 = md5(row.value::text) THEN
        before := OLD.expression;
    END IF;
    IF before IS NOT DISTINCT FROM NEW.expression THEN
        RETURN NULL;
    END IF;
    INSERT INTO universe_revisions
        (environment, type, key, action, application, source, reason,
         old_name, new_name, old_value, new_value, old_expression, new_expression)
    VALUES (NEW.environment, NEW.type, NEW.key, 'update',
            coalesce(current_setting('application_name', true), ''),
            coalesce(current_setting('tickstock.source', true), ''),
            coalesce(current_setting('tickstock.reason', true), ''),
            row.name, row.name, row.value, row.value, before, NEW.expression);
    RETURN NULL;
END $$;

CREATE TRIGGER universe_facts_history_insert AFTER INSERT ON tickstock.universe_facts
    FOR EACH ROW WHEN (NEW.expression IS NOT NULL)
    EXECUTE FUNCTION tickstock.record_universe_expression();
CREATE TRIGGER universe_facts_history_update AFTER UPDATE ON tickstock.universe_facts
    FOR EACH ROW WHEN ((OLD.expression, OLD.expression_md5) IS DISTINCT FROM (NEW.expression, NEW.expression_md5))
    EXECUTE FUNCTION tickstock.record_universe_expression();

-- ---------------------------------------------------------------------- from symbol to universes
-- The symbols of a stored value in any shape that is read; none where it is in no such shape.
CREATE FUNCTION tickstock.symbols_of(value jsonb) RETURNS text[]
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

-- Whether a stored value names a symbol; false for none. `?` finds it in a plain list without taking
-- that apart.
CREATE FUNCTION tickstock.names(value jsonb, symbol text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN value IS NULL THEN false
        WHEN jsonb_typeof(value) = 'array' AND value ? symbol THEN true
        WHEN jsonb_typeof(value) = 'array' AND NOT value @? '$[*] ? (@.type() != "string")' THEN false
        ELSE symbol = ANY (tickstock.symbols_of(value))
    END
$$;

-- Over the values as they are, not over symbols_of: half the work at every write, and nothing that
-- could refuse what another program writes. Lists encoded twice are text to it, and few; with the
-- other values that are no plain list they are found by a small index.
CREATE INDEX cache_entries_values ON public.cache_entries USING gin (value jsonb_path_ops)
    WHERE type IN ('stock_universe', 'etf_universe', 'stock_etf_combo');
CREATE INDEX cache_entries_no_lists ON public.cache_entries (environment, jsonb_typeof(value))
    WHERE type IN ('stock_universe', 'etf_universe', 'stock_etf_combo')
      AND jsonb_typeof(value) <> 'array';

-- Whether there are rows that are no plain list. Costs as in rows_with, which follows.
CREATE FUNCTION tickstock.has_no_lists(environment text) RETURNS boolean
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET random_page_cost = 0.1 AS $$
BEGIN
    RETURN EXISTS (SELECT FROM public.cache_entries AS c
                   WHERE c.environment = $1 AND jsonb_typeof(c.value) <> 'array'
                     AND c.type IN ('stock_universe', 'etf_universe', 'stock_etf_combo'));
END $$;

-- The rows whose value contains a pattern. A function, so that each pattern is planned by itself, and
-- with its own idea of costs: the planner does not know what reading long values takes, and after
-- many writes it shies at the list of what is still to be sorted into the index.
CREATE FUNCTION tickstock.rows_with(pattern jsonb) RETURNS SETOF public.cache_entries
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET random_page_cost = 0.1 AS $$
BEGIN
    RETURN QUERY SELECT * FROM public.cache_entries AS c
    WHERE c.value @> pattern AND c.type IN ('stock_universe', 'etf_universe', 'stock_etf_combo');
END $$;

-- ---------------------------------------------------------------------- dated membership
-- What a source says about the members of a universe on the days `days`. Never changed: a correction
-- is a further row, and of those that were known at a time and speak of a day the latest one holds.
-- The revisions of the row are the same kind of statement, each about its own day and all after it.
CREATE TABLE tickstock.universe_histories (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    environment text NOT NULL,
    type        text NOT NULL,
    key         text NOT NULL,
    days        daterange NOT NULL CHECK (NOT isempty(days) AND NOT lower_inf(days)),
    known_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    by_role     text NOT NULL DEFAULT session_user,
    application text NOT NULL DEFAULT coalesce(current_setting('application_name', true), ''),
    source      text NOT NULL DEFAULT '',
    reason      text NOT NULL DEFAULT '',
    digest      text NOT NULL
);
CREATE INDEX universe_histories_of ON tickstock.universe_histories (environment, type, key, id);

-- A symbol is a member from `starts` up to, and without, `ends`.
CREATE TABLE tickstock.universe_spells (
    history_id bigint NOT NULL REFERENCES tickstock.universe_histories ON DELETE CASCADE,
    symbol     text NOT NULL,
    starts     date NOT NULL,
    ends       date NOT NULL DEFAULT 'infinity',
    CHECK (starts < ends),
    PRIMARY KEY (history_id, symbol, starts)
);
CREATE INDEX universe_spells_of_symbol ON tickstock.universe_spells (symbol);

-- ---------------------------------------------------------------------- instruments
-- `gone_by`: found to be no longer listed on that day, where the last day is not known. `source`
-- says where a ticker's dates come from.
ALTER TABLE tickstock.instruments ADD COLUMN gone_by date;
ALTER TABLE tickstock.tickers ADD COLUMN source text NOT NULL DEFAULT '';
