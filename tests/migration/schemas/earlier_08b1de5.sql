


CREATE SCHEMA tickstock;


CREATE FUNCTION tickstock.add_minute_months(months date[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'tickstock', 'pg_catalog'
    AS $$
DECLARE
    month date;
    name  text;
BEGIN
    FOR month IN SELECT DISTINCT date_trunc('month', m::timestamp)::date FROM unnest(months) AS m ORDER BY 1 LOOP
        name := 'bars_minute_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('tickstock.' || name) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(1768845156, 2);
        CONTINUE WHEN to_regclass('tickstock.' || name) IS NOT NULL;
        EXECUTE format('CREATE TABLE tickstock.%I (LIKE tickstock.bars_minute INCLUDING ALL)', name);
        EXECUTE format('ALTER TABLE tickstock.bars_minute ATTACH PARTITION tickstock.%I FOR VALUES FROM (%L) TO (%L)',
                       name, month || ' 00:00:00+00', (month + interval '1 month')::date || ' 00:00:00+00');
    END LOOP;
END $$;


CREATE FUNCTION tickstock.expression_of(environment text, type text, key text, value jsonb) RETURNS text
    LANGUAGE sql STABLE
    AS $_$
    SELECT f.expression FROM tickstock.universe_facts AS f
    WHERE (f.environment, f.type, f.key) = ($1, $2, $3)
      AND f.expression IS NOT NULL AND f.expression_md5 = md5($4::text)
$_$;


CREATE FUNCTION tickstock.has_no_lists(environment text) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET enable_seqscan TO 'off'
    SET random_page_cost TO '0.1'
    AS $_$
BEGIN
    RETURN EXISTS (SELECT FROM public.cache_entries AS c
                   WHERE c.environment = $1 AND jsonb_typeof(c.value) <> 'array'
                     AND c.type IN ('stock_universe', 'etf_universe', 'stock_etf_combo'));
END $_$;


CREATE FUNCTION tickstock.record_bar_arrivals() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'tickstock', 'pg_catalog'
    AS $$
DECLARE
    now_ constant timestamptz := clock_timestamp();
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO bar_arrivals (timeframe, sessions, instruments, at)
        SELECT timeframe, held, array_agg(instrument_id ORDER BY instrument_id), now_
        FROM new_rows WHERE NOT isempty(held) GROUP BY timeframe, held;
    ELSE
        INSERT INTO bar_arrivals (timeframe, sessions, instruments, at)
        SELECT timeframe, gained, array_agg(instrument_id ORDER BY instrument_id), now_
        FROM (SELECT instrument_id, timeframe, n.held - o.held AS gained
              FROM new_rows AS n JOIN old_rows AS o USING (instrument_id, timeframe)) AS g
        WHERE NOT isempty(gained) GROUP BY timeframe, gained;
    END IF;
    RETURN NULL;
END $$;


CREATE FUNCTION tickstock.record_universe_expression() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'tickstock', 'pg_catalog'
    AS $$
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


CREATE FUNCTION tickstock.record_universe_revision() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'tickstock', 'pg_catalog'
    AS $$
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


CREATE FUNCTION tickstock.record_universe_truncate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'tickstock', 'pg_catalog'
    AS $$
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




CREATE TABLE public.cache_entries (
    id bigint NOT NULL,
    type text NOT NULL,
    name text NOT NULL,
    key text NOT NULL,
    value jsonb NOT NULL,
    environment text DEFAULT 'DEFAULT'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);


CREATE FUNCTION tickstock.rows_with(pattern jsonb) RETURNS SETOF public.cache_entries
    LANGUAGE plpgsql STABLE
    SET enable_seqscan TO 'off'
    SET random_page_cost TO '0.1'
    AS $$
BEGIN
    RETURN QUERY SELECT * FROM public.cache_entries AS c
    WHERE c.value @> pattern AND c.type IN ('stock_universe', 'etf_universe', 'stock_etf_combo');
END $$;


CREATE FUNCTION tickstock.symbols_of(value jsonb) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
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
END $_$;


CREATE FUNCTION tickstock.touch_cache_entry() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;


ALTER TABLE public.cache_entries ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.cache_entries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE tickstock.bars_minute (
    instrument_id integer NOT NULL,
    at timestamp with time zone NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision NOT NULL,
    vwap double precision,
    trades integer
)
PARTITION BY RANGE (at);


CREATE TABLE tickstock.instruments (
    id integer NOT NULL,
    symbol text NOT NULL,
    listed date,
    delisted date,
    figi text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    gone_by date
);


CREATE VIEW tickstock.ohlcv_1min AS
 SELECT i.symbol,
    b.at AS "timestamp",
    b.open,
    b.high,
    b.low,
    b.close,
    b.volume
   FROM (tickstock.bars_minute b
     JOIN tickstock.instruments i ON ((i.id = b.instrument_id)));


CREATE VIEW public.ohlcv_1min AS
 SELECT symbol,
    "timestamp",
    open,
    high,
    low,
    close,
    volume
   FROM tickstock.ohlcv_1min;


CREATE TABLE tickstock.bars_day (
    instrument_id integer NOT NULL,
    at date NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision NOT NULL,
    vwap double precision,
    trades integer
);


CREATE VIEW tickstock.ohlcv_daily AS
 SELECT i.symbol,
    b.at AS date,
    b.open,
    b.high,
    b.low,
    b.close,
    b.volume
   FROM (tickstock.bars_day b
     JOIN tickstock.instruments i ON ((i.id = b.instrument_id)));


CREATE VIEW public.ohlcv_daily AS
 SELECT symbol,
    date,
    open,
    high,
    low,
    close,
    volume
   FROM tickstock.ohlcv_daily;


CREATE TABLE tickstock.bars_hour (
    instrument_id integer NOT NULL,
    at timestamp with time zone NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision NOT NULL,
    vwap double precision,
    trades integer
);


CREATE VIEW tickstock.ohlcv_hourly AS
 SELECT i.symbol,
    b.at AS "timestamp",
    b.open,
    b.high,
    b.low,
    b.close,
    b.volume
   FROM (tickstock.bars_hour b
     JOIN tickstock.instruments i ON ((i.id = b.instrument_id)));


CREATE VIEW public.ohlcv_hourly AS
 SELECT symbol,
    "timestamp",
    open,
    high,
    low,
    close,
    volume
   FROM tickstock.ohlcv_hourly;


CREATE VIEW tickstock.ohlcv_monthly AS
 SELECT symbol,
    (date_trunc('month'::text, (date)::timestamp without time zone))::date AS month_start,
    (array_agg(open ORDER BY date))[1] AS open,
    max(high) AS high,
    min(low) AS low,
    (array_agg(close ORDER BY date DESC))[1] AS close,
    sum(volume) AS volume
   FROM tickstock.ohlcv_daily
  GROUP BY symbol, ((date_trunc('month'::text, (date)::timestamp without time zone))::date);


CREATE VIEW public.ohlcv_monthly AS
 SELECT symbol,
    month_start,
    open,
    high,
    low,
    close,
    volume
   FROM tickstock.ohlcv_monthly;


CREATE VIEW tickstock.ohlcv_weekly AS
 SELECT symbol,
    (date_trunc('week'::text, (date)::timestamp without time zone))::date AS week_start,
    (array_agg(open ORDER BY date))[1] AS open,
    max(high) AS high,
    min(low) AS low,
    (array_agg(close ORDER BY date DESC))[1] AS close,
    sum(volume) AS volume
   FROM tickstock.ohlcv_daily
  GROUP BY symbol, ((date_trunc('week'::text, (date)::timestamp without time zone))::date);


CREATE VIEW public.ohlcv_weekly AS
 SELECT symbol,
    week_start,
    open,
    high,
    low,
    close,
    volume
   FROM tickstock.ohlcv_weekly;


CREATE TABLE tickstock.actions_known (
    instrument_id integer NOT NULL,
    kind text NOT NULL,
    through date NOT NULL,
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT actions_known_kind_check CHECK ((kind = ANY (ARRAY['splits'::text, 'dividends'::text])))
);


CREATE TABLE tickstock.audit_log (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    who text NOT NULL,
    action text NOT NULL,
    subject text DEFAULT ''::text NOT NULL
);


ALTER TABLE tickstock.audit_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tickstock.audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE tickstock.bar_arrivals (
    id bigint NOT NULL,
    timeframe text NOT NULL,
    sessions datemultirange NOT NULL,
    instruments integer[] NOT NULL,
    at timestamp with time zone NOT NULL
);


ALTER TABLE tickstock.bar_arrivals ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tickstock.bar_arrivals_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE tickstock.bar_revisions (
    instrument_id integer NOT NULL,
    timeframe text NOT NULL,
    at timestamp with time zone NOT NULL,
    open double precision,
    high double precision,
    low double precision,
    close double precision,
    volume double precision,
    vwap double precision,
    trades integer,
    replaced_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    call_id bigint
);


CREATE TABLE tickstock.budgets (
    vendor text NOT NULL,
    next_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    granted bigint DEFAULT 0 NOT NULL,
    throttled bigint DEFAULT 0 NOT NULL
);


CREATE TABLE tickstock.calls (
    id bigint NOT NULL,
    load_id uuid NOT NULL,
    "position" integer NOT NULL,
    kind text NOT NULL,
    timeframe text NOT NULL,
    symbol text DEFAULT ''::text NOT NULL,
    span daterange NOT NULL,
    cells integer NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    fence bigint DEFAULT 0 NOT NULL,
    worker text,
    lease_until timestamp with time zone,
    not_before timestamp with time zone,
    held integer,
    rows_new integer,
    rows_changed integer,
    pages integer,
    error_class text,
    error text,
    done_at timestamp with time zone,
    parent_id bigint,
    depth smallint DEFAULT 0 NOT NULL
);


ALTER TABLE tickstock.calls ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tickstock.calls_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE tickstock.closures (
    day date NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    by_hand boolean DEFAULT true NOT NULL
);


CREATE TABLE tickstock.counters (
    name text NOT NULL,
    label text NOT NULL,
    total bigint NOT NULL
);


CREATE TABLE tickstock.coverage (
    instrument_id integer NOT NULL,
    timeframe text NOT NULL,
    origin text NOT NULL,
    held datemultirange DEFAULT '{}'::datemultirange NOT NULL,
    bars bigint DEFAULT 0 NOT NULL,
    first_at timestamp with time zone,
    last_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


CREATE TABLE tickstock.dividends (
    id bigint NOT NULL,
    instrument_id integer NOT NULL,
    vendor_id text NOT NULL,
    origin text NOT NULL,
    ticker text NOT NULL,
    ex_dividend_date date NOT NULL,
    cash_amount double precision NOT NULL,
    currency text DEFAULT ''::text NOT NULL,
    kind text DEFAULT ''::text NOT NULL,
    declared date,
    recorded date,
    paid date,
    first_seen timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    superseded_at timestamp with time zone
);


ALTER TABLE tickstock.dividends ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tickstock.dividends_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE tickstock.doubts (
    instrument_id integer NOT NULL,
    timeframe text NOT NULL,
    at timestamp with time zone NOT NULL,
    reason text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


CREATE TABLE tickstock.flat_files (
    timeframe text NOT NULL,
    day date NOT NULL,
    etag text NOT NULL,
    bytes bigint NOT NULL,
    read_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    replaced_at timestamp with time zone
);


CREATE TABLE tickstock.holes (
    instrument_id integer NOT NULL,
    timeframe text NOT NULL,
    span daterange NOT NULL,
    cause text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone
);


ALTER TABLE tickstock.instruments ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tickstock.instruments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE tickstock.job_refusals (
    client_id text NOT NULL,
    job_type text NOT NULL,
    reason text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


CREATE TABLE tickstock.load_actions (
    load_id uuid NOT NULL,
    worker text NOT NULL,
    lease_until timestamp with time zone,
    state text DEFAULT 'running'::text NOT NULL,
    calls integer DEFAULT 0 NOT NULL,
    added integer DEFAULT 0 NOT NULL,
    corrected integer DEFAULT 0 NOT NULL,
    withdrawn integer DEFAULT 0 NOT NULL,
    message text DEFAULT ''::text NOT NULL,
    CONSTRAINT load_actions_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text, 'failed'::text])))
);


CREATE TABLE tickstock.load_items (
    load_id uuid NOT NULL,
    instrument_id integer NOT NULL,
    timeframe text NOT NULL,
    symbol text NOT NULL,
    span daterange NOT NULL,
    expected integer NOT NULL,
    held_before integer NOT NULL,
    spells datemultirange
);


CREATE TABLE tickstock.loads (
    id uuid NOT NULL,
    client_id text,
    title text NOT NULL,
    requested_by text DEFAULT ''::text NOT NULL,
    request jsonb NOT NULL,
    summary jsonb NOT NULL,
    vendor text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    state text DEFAULT 'submitted'::text NOT NULL,
    message text DEFAULT ''::text NOT NULL,
    report jsonb,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    cancel_at timestamp with time zone,
    parent_id uuid,
    paused_at timestamp with time zone,
    active_since timestamp with time zone
);


CREATE TABLE tickstock.migrations (
    part text NOT NULL,
    version text NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


CREATE TABLE tickstock.plans (
    token text NOT NULL,
    digest text NOT NULL,
    request jsonb NOT NULL,
    state jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL
);


CREATE TABLE tickstock.quarantine (
    id bigint NOT NULL,
    instrument_id integer NOT NULL,
    timeframe text NOT NULL,
    at timestamp with time zone NOT NULL,
    reason text NOT NULL,
    bar jsonb NOT NULL,
    call_id bigint,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


ALTER TABLE tickstock.quarantine ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tickstock.quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE tickstock.schedule_runs (
    environment text NOT NULL,
    name text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    missed integer DEFAULT 0 NOT NULL,
    worker text NOT NULL,
    lease_until timestamp with time zone,
    state text DEFAULT 'running'::text NOT NULL,
    load_id uuid,
    message text DEFAULT ''::text NOT NULL,
    ran_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT schedule_runs_state_check CHECK ((state = ANY (ARRAY['running'::text, 'submitted'::text, 'failed'::text])))
);


CREATE TABLE tickstock.schedules (
    environment text NOT NULL,
    name text NOT NULL,
    universe text NOT NULL,
    at time without time zone NOT NULL,
    after_close boolean NOT NULL,
    duration text NOT NULL,
    timeframes text NOT NULL,
    vendor text NOT NULL,
    created_by text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


CREATE TABLE tickstock.sessions (
    day date NOT NULL,
    opens timestamp with time zone NOT NULL,
    closes timestamp with time zone NOT NULL,
    by_hand boolean DEFAULT false NOT NULL,
    CONSTRAINT sessions_check CHECK ((opens < closes))
);


CREATE TABLE tickstock.sign_in_failures (
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    name text NOT NULL,
    address text NOT NULL
);


CREATE TABLE tickstock.sign_in_links (
    token_hash bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);


CREATE TABLE tickstock.splits (
    id bigint NOT NULL,
    instrument_id integer NOT NULL,
    vendor_id text NOT NULL,
    origin text NOT NULL,
    ticker text NOT NULL,
    execution_date date NOT NULL,
    split_from double precision NOT NULL,
    split_to double precision NOT NULL,
    kind text DEFAULT ''::text NOT NULL,
    first_seen timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    superseded_at timestamp with time zone
);


ALTER TABLE tickstock.splits ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tickstock.splits_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE tickstock.tickers (
    instrument_id integer NOT NULL,
    symbol text NOT NULL,
    valid daterange DEFAULT '(,)'::daterange NOT NULL,
    source text DEFAULT ''::text NOT NULL,
    CONSTRAINT tickers_valid_check CHECK ((NOT isempty(valid)))
);


CREATE TABLE tickstock.universe_counts (
    entry_id bigint NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    symbols integer
);


CREATE TABLE tickstock.universe_facts (
    environment text NOT NULL,
    type text NOT NULL,
    key text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    source text DEFAULT ''::text NOT NULL,
    expression text,
    expression_md5 text,
    base jsonb,
    base_name text,
    base_expression text,
    written_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


CREATE TABLE tickstock.universe_histories (
    id bigint NOT NULL,
    environment text NOT NULL,
    type text NOT NULL,
    key text NOT NULL,
    days daterange NOT NULL,
    known_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    by_role text DEFAULT SESSION_USER NOT NULL,
    application text DEFAULT COALESCE(current_setting('application_name'::text, true), ''::text) NOT NULL,
    source text DEFAULT ''::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    digest text NOT NULL,
    CONSTRAINT universe_histories_days_check CHECK (((NOT isempty(days)) AND (NOT lower_inf(days))))
);


ALTER TABLE tickstock.universe_histories ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tickstock.universe_histories_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE tickstock.universe_revisions (
    id bigint NOT NULL,
    environment text NOT NULL,
    type text NOT NULL,
    key text NOT NULL,
    action text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    by_role text DEFAULT SESSION_USER NOT NULL,
    application text DEFAULT ''::text NOT NULL,
    source text DEFAULT ''::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    old_name text,
    new_name text,
    old_value jsonb,
    new_value jsonb,
    old_expression text,
    new_expression text,
    transaction xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT universe_revisions_action_check CHECK ((action = ANY (ARRAY['insert'::text, 'update'::text, 'delete'::text])))
);


ALTER TABLE tickstock.universe_revisions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tickstock.universe_revisions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE tickstock.universe_spells (
    history_id bigint NOT NULL,
    symbol text NOT NULL,
    starts date NOT NULL,
    ends date DEFAULT 'infinity'::date NOT NULL,
    CONSTRAINT universe_spells_check CHECK ((starts < ends))
);


CREATE TABLE tickstock.users (
    id integer NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    password_hash text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'operator'::text, 'admin'::text])))
);


ALTER TABLE tickstock.users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tickstock.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


CREATE TABLE tickstock.web_sessions (
    token_hash bytea NOT NULL,
    user_id integer,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


CREATE TABLE tickstock.workers (
    name text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    vendor text DEFAULT ''::text NOT NULL,
    version text DEFAULT ''::text NOT NULL
);


ALTER TABLE ONLY public.cache_entries
    ADD CONSTRAINT cache_entries_pkey PRIMARY KEY (id);


ALTER TABLE ONLY public.cache_entries
    ADD CONSTRAINT cache_entries_type_key_environment_key UNIQUE (type, key, environment);


ALTER TABLE ONLY tickstock.actions_known
    ADD CONSTRAINT actions_known_pkey PRIMARY KEY (instrument_id, kind);


ALTER TABLE ONLY tickstock.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);


ALTER TABLE ONLY tickstock.bar_arrivals
    ADD CONSTRAINT bar_arrivals_pkey PRIMARY KEY (id);


ALTER TABLE ONLY tickstock.bar_revisions
    ADD CONSTRAINT bar_revisions_pkey PRIMARY KEY (instrument_id, timeframe, at, replaced_at);


ALTER TABLE ONLY tickstock.bars_day
    ADD CONSTRAINT bars_day_pkey PRIMARY KEY (instrument_id, at);


ALTER TABLE ONLY tickstock.bars_hour
    ADD CONSTRAINT bars_hour_pkey PRIMARY KEY (instrument_id, at);


ALTER TABLE ONLY tickstock.bars_minute
    ADD CONSTRAINT bars_minute_pkey PRIMARY KEY (instrument_id, at);


ALTER TABLE ONLY tickstock.budgets
    ADD CONSTRAINT budgets_pkey PRIMARY KEY (vendor);


ALTER TABLE ONLY tickstock.calls
    ADD CONSTRAINT calls_pkey PRIMARY KEY (id);


ALTER TABLE ONLY tickstock.closures
    ADD CONSTRAINT closures_pkey PRIMARY KEY (day);


ALTER TABLE ONLY tickstock.counters
    ADD CONSTRAINT counters_pkey PRIMARY KEY (name, label);


ALTER TABLE ONLY tickstock.coverage
    ADD CONSTRAINT coverage_pkey PRIMARY KEY (instrument_id, timeframe);


ALTER TABLE ONLY tickstock.dividends
    ADD CONSTRAINT dividends_pkey PRIMARY KEY (id);


ALTER TABLE ONLY tickstock.doubts
    ADD CONSTRAINT doubts_pkey PRIMARY KEY (instrument_id, timeframe, at, reason);


ALTER TABLE ONLY tickstock.flat_files
    ADD CONSTRAINT flat_files_pkey PRIMARY KEY (timeframe, day);


ALTER TABLE ONLY tickstock.holes
    ADD CONSTRAINT holes_pkey PRIMARY KEY (instrument_id, timeframe, span, cause);


ALTER TABLE ONLY tickstock.instruments
    ADD CONSTRAINT instruments_pkey PRIMARY KEY (id);


ALTER TABLE ONLY tickstock.job_refusals
    ADD CONSTRAINT job_refusals_pkey PRIMARY KEY (client_id);


ALTER TABLE ONLY tickstock.load_actions
    ADD CONSTRAINT load_actions_pkey PRIMARY KEY (load_id);


ALTER TABLE ONLY tickstock.load_items
    ADD CONSTRAINT load_items_pkey PRIMARY KEY (load_id, instrument_id, timeframe);


ALTER TABLE ONLY tickstock.loads
    ADD CONSTRAINT loads_client_id_key UNIQUE (client_id);


ALTER TABLE ONLY tickstock.loads
    ADD CONSTRAINT loads_pkey PRIMARY KEY (id);


ALTER TABLE ONLY tickstock.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (part, version);


ALTER TABLE ONLY tickstock.plans
    ADD CONSTRAINT plans_pkey PRIMARY KEY (token);


ALTER TABLE ONLY tickstock.quarantine
    ADD CONSTRAINT quarantine_instrument_id_timeframe_at_reason_key UNIQUE (instrument_id, timeframe, at, reason);


ALTER TABLE ONLY tickstock.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);


ALTER TABLE ONLY tickstock.schedule_runs
    ADD CONSTRAINT schedule_runs_pkey PRIMARY KEY (environment, name, due_at);


ALTER TABLE ONLY tickstock.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (environment, name);


ALTER TABLE ONLY tickstock.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (day);


ALTER TABLE ONLY tickstock.sign_in_links
    ADD CONSTRAINT sign_in_links_pkey PRIMARY KEY (token_hash);


ALTER TABLE ONLY tickstock.splits
    ADD CONSTRAINT splits_pkey PRIMARY KEY (id);


ALTER TABLE ONLY tickstock.tickers
    ADD CONSTRAINT tickers_pkey PRIMARY KEY (symbol, valid);


ALTER TABLE ONLY tickstock.universe_counts
    ADD CONSTRAINT universe_counts_pkey PRIMARY KEY (entry_id);


ALTER TABLE ONLY tickstock.universe_facts
    ADD CONSTRAINT universe_facts_pkey PRIMARY KEY (environment, type, key);


ALTER TABLE ONLY tickstock.universe_histories
    ADD CONSTRAINT universe_histories_pkey PRIMARY KEY (id);


ALTER TABLE ONLY tickstock.universe_revisions
    ADD CONSTRAINT universe_revisions_pkey PRIMARY KEY (id);


ALTER TABLE ONLY tickstock.universe_spells
    ADD CONSTRAINT universe_spells_pkey PRIMARY KEY (history_id, symbol, starts);


ALTER TABLE ONLY tickstock.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


ALTER TABLE ONLY tickstock.web_sessions
    ADD CONSTRAINT web_sessions_pkey PRIMARY KEY (token_hash);


ALTER TABLE ONLY tickstock.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (name);


CREATE INDEX cache_entries_no_lists ON public.cache_entries USING btree (environment, jsonb_typeof(value)) WHERE ((type = ANY (ARRAY['stock_universe'::text, 'etf_universe'::text, 'stock_etf_combo'::text])) AND (jsonb_typeof(value) <> 'array'::text));


CREATE INDEX cache_entries_values ON public.cache_entries USING gin (value jsonb_path_ops) WHERE (type = ANY (ARRAY['stock_universe'::text, 'etf_universe'::text, 'stock_etf_combo'::text]));


CREATE INDEX bar_arrivals_by_time ON tickstock.bar_arrivals USING btree (timeframe, at);


CREATE INDEX calls_claimable ON tickstock.calls USING btree (load_id, "position") WHERE (state = ANY (ARRAY['waiting'::text, 'leased'::text]));


CREATE INDEX calls_of_load ON tickstock.calls USING btree (load_id, "position");


CREATE UNIQUE INDEX dividends_in_force ON tickstock.dividends USING btree (instrument_id, vendor_id) WHERE (superseded_at IS NULL);


CREATE INDEX dividends_of_instrument ON tickstock.dividends USING btree (instrument_id, ex_dividend_date);


CREATE INDEX job_refusals_by_age ON tickstock.job_refusals USING btree (created_at);


CREATE INDEX loads_by_age ON tickstock.loads USING btree (created_at DESC);


CREATE INDEX loads_of_clients ON tickstock.loads USING btree (finished_at) WHERE (client_id IS NOT NULL);


CREATE INDEX loads_open ON tickstock.loads USING btree (created_at) WHERE (finished_at IS NULL);


CREATE INDEX sign_in_failures_by_age ON tickstock.sign_in_failures USING btree (at);


CREATE UNIQUE INDEX splits_in_force ON tickstock.splits USING btree (instrument_id, vendor_id) WHERE (superseded_at IS NULL);


CREATE INDEX splits_of_instrument ON tickstock.splits USING btree (instrument_id, execution_date);


CREATE INDEX tickers_of_instrument ON tickstock.tickers USING btree (instrument_id);


CREATE INDEX universe_histories_of ON tickstock.universe_histories USING btree (environment, type, key, id);


CREATE INDEX universe_revisions_by_time ON tickstock.universe_revisions USING btree (environment, at);


CREATE INDEX universe_revisions_of ON tickstock.universe_revisions USING btree (environment, type, key, id);


CREATE INDEX universe_spells_of_symbol ON tickstock.universe_spells USING btree (symbol);


CREATE UNIQUE INDEX users_by_name ON tickstock.users USING btree (lower(name));


CREATE INDEX web_sessions_of_user ON tickstock.web_sessions USING btree (user_id);


CREATE TRIGGER cache_entries_history AFTER INSERT OR DELETE OR UPDATE ON public.cache_entries FOR EACH ROW EXECUTE FUNCTION tickstock.record_universe_revision();


CREATE TRIGGER cache_entries_touch BEFORE UPDATE ON public.cache_entries FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION tickstock.touch_cache_entry();


CREATE TRIGGER cache_entries_truncate BEFORE TRUNCATE ON public.cache_entries FOR EACH STATEMENT EXECUTE FUNCTION tickstock.record_universe_truncate();


CREATE TRIGGER coverage_begins AFTER INSERT ON tickstock.coverage REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tickstock.record_bar_arrivals();


CREATE TRIGGER coverage_grows AFTER UPDATE ON tickstock.coverage REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tickstock.record_bar_arrivals();


CREATE TRIGGER universe_facts_history_insert AFTER INSERT ON tickstock.universe_facts FOR EACH ROW WHEN ((new.expression IS NOT NULL)) EXECUTE FUNCTION tickstock.record_universe_expression();


CREATE TRIGGER universe_facts_history_update AFTER UPDATE ON tickstock.universe_facts FOR EACH ROW WHEN (((old.expression IS DISTINCT FROM new.expression) OR (old.expression_md5 IS DISTINCT FROM new.expression_md5))) EXECUTE FUNCTION tickstock.record_universe_expression();


ALTER TABLE ONLY tickstock.actions_known
    ADD CONSTRAINT actions_known_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES tickstock.instruments(id);


ALTER TABLE ONLY tickstock.bar_revisions
    ADD CONSTRAINT bar_revisions_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES tickstock.instruments(id);


ALTER TABLE ONLY tickstock.calls
    ADD CONSTRAINT calls_load_id_fkey FOREIGN KEY (load_id) REFERENCES tickstock.loads(id) ON DELETE CASCADE;


ALTER TABLE ONLY tickstock.coverage
    ADD CONSTRAINT coverage_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES tickstock.instruments(id);


ALTER TABLE ONLY tickstock.dividends
    ADD CONSTRAINT dividends_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES tickstock.instruments(id);


ALTER TABLE ONLY tickstock.doubts
    ADD CONSTRAINT doubts_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES tickstock.instruments(id);


ALTER TABLE ONLY tickstock.holes
    ADD CONSTRAINT holes_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES tickstock.instruments(id);


ALTER TABLE ONLY tickstock.load_actions
    ADD CONSTRAINT load_actions_load_id_fkey FOREIGN KEY (load_id) REFERENCES tickstock.loads(id) ON DELETE CASCADE;


ALTER TABLE ONLY tickstock.load_items
    ADD CONSTRAINT load_items_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES tickstock.instruments(id);


ALTER TABLE ONLY tickstock.load_items
    ADD CONSTRAINT load_items_load_id_fkey FOREIGN KEY (load_id) REFERENCES tickstock.loads(id) ON DELETE CASCADE;


ALTER TABLE ONLY tickstock.loads
    ADD CONSTRAINT loads_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES tickstock.loads(id) ON DELETE SET NULL;


ALTER TABLE ONLY tickstock.quarantine
    ADD CONSTRAINT quarantine_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES tickstock.instruments(id);


ALTER TABLE ONLY tickstock.schedule_runs
    ADD CONSTRAINT schedule_runs_environment_name_fkey FOREIGN KEY (environment, name) REFERENCES tickstock.schedules(environment, name) ON DELETE CASCADE;


ALTER TABLE ONLY tickstock.schedule_runs
    ADD CONSTRAINT schedule_runs_load_id_fkey FOREIGN KEY (load_id) REFERENCES tickstock.loads(id) ON DELETE SET NULL;


ALTER TABLE ONLY tickstock.splits
    ADD CONSTRAINT splits_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES tickstock.instruments(id);


ALTER TABLE ONLY tickstock.tickers
    ADD CONSTRAINT tickers_instrument_id_fkey FOREIGN KEY (instrument_id) REFERENCES tickstock.instruments(id) ON DELETE CASCADE;


ALTER TABLE ONLY tickstock.universe_spells
    ADD CONSTRAINT universe_spells_history_id_fkey FOREIGN KEY (history_id) REFERENCES tickstock.universe_histories(id) ON DELETE CASCADE;


ALTER TABLE ONLY tickstock.web_sessions
    ADD CONSTRAINT web_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES tickstock.users(id) ON DELETE CASCADE;


REVOKE ALL ON FUNCTION tickstock.add_minute_months(months date[]) FROM PUBLIC;



INSERT INTO tickstock.migrations (part, version, name, checksum) VALUES
    ('tickstock', '0001', 'start', '904560189a7bd8d8755e9ca90da18ea5a31d0cba4834718d5c456e07bd0449b2'),
    ('tickstock', '0002', 'sign_in', '0beefedd05a3364cd21b3f9d69905c5b94fcd11d7ceb176e91056653b5417160'),
    ('tickstock', '0003', 'bridge', 'acffcf6de20f60943be713b28c2e17c5aa03b77408be6ec82de61f44b9312b86'),
    ('tickstock', '0004', 'actions', '0eb627e5cea8e6ab18c3cb3a745ac1bacfe7e9ada31a4f2acc812ae0885ed279'),
    ('tickstock', '0005', 'minutes', '283ac84731f053321139febe35f97041b8cc84e4526230352f0467fc604babff'),
    ('tickstock', '0006', 'universe_history', 'a25cc8047ec87db2bd7c9e4a0c24e10b68e7143a4903e1ea565cbf5c65161e9b'),
    ('tickstock', '0007', 'operations', 'dcfba3b342dfc774f00c9e9efcbc8b266f20817fc27837dff2492b1307480fde');
