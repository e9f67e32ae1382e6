-- 0004 actions: splits and dividends as the vendor gave them, when bars arrived (so that a read can
-- be asked as of an earlier moment), and views with plain names for readers of SQL.

-- ---------------------------------------------------------------------- splits and dividends
-- One row per form of a record. A correction or a withdrawal ends the old row and, if there is
-- a new form, adds it: what was known at T is first_seen <= T < superseded_at.
CREATE TABLE tickstock.splits (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instrument_id  integer NOT NULL REFERENCES tickstock.instruments,
    vendor_id      text NOT NULL,
    origin         text NOT NULL,
    ticker         text NOT NULL,
    execution_date date NOT NULL,
    split_from     double precision NOT NULL,
    split_to       double precision NOT NULL,
    kind           text NOT NULL DEFAULT '',
    first_seen     timestamptz NOT NULL DEFAULT clock_timestamp(),
    superseded_at  timestamptz
);
CREATE INDEX splits_of_instrument ON tickstock.splits (instrument_id, execution_date);
CREATE UNIQUE INDEX splits_in_force ON tickstock.splits (instrument_id, vendor_id)
    WHERE superseded_at IS NULL;

-- `cash_amount` is per share as it was on the ex-dividend date, in `currency`.
CREATE TABLE tickstock.dividends (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instrument_id    integer NOT NULL REFERENCES tickstock.instruments,
    vendor_id        text NOT NULL,
    origin           text NOT NULL,
    ticker           text NOT NULL,
    ex_dividend_date date NOT NULL,
    cash_amount      double precision NOT NULL,
    currency         text NOT NULL DEFAULT '',
    kind             text NOT NULL DEFAULT '',
    declared         date,
    recorded         date,
    paid             date,
    first_seen       timestamptz NOT NULL DEFAULT clock_timestamp(),
    superseded_at    timestamptz
);
CREATE INDEX dividends_of_instrument ON tickstock.dividends (instrument_id, ex_dividend_date);
CREATE UNIQUE INDEX dividends_in_force ON tickstock.dividends (instrument_id, vendor_id)
    WHERE superseded_at IS NULL;

-- Until which New York date all splits, or all dividends, of an instrument were asked for.
CREATE TABLE tickstock.actions_known (
    instrument_id integer NOT NULL REFERENCES tickstock.instruments,
    kind          text NOT NULL CHECK (kind IN ('splits', 'dividends')),
    through       date NOT NULL,
    asked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (instrument_id, kind)
);

-- The splits and dividends of a load: who asks for them, and what came of it.
CREATE TABLE tickstock.load_actions (
    load_id     uuid PRIMARY KEY REFERENCES tickstock.loads ON DELETE CASCADE,
    worker      text NOT NULL,
    lease_until timestamptz,
    state       text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
    calls       integer NOT NULL DEFAULT 0,
    added       integer NOT NULL DEFAULT 0,
    corrected   integer NOT NULL DEFAULT 0,
    withdrawn   integer NOT NULL DEFAULT 0,
    message     text NOT NULL DEFAULT ''
);

-- ---------------------------------------------------------------------- as of an earlier moment
-- A revision without prices says that until `replaced_at` there was no bar, in a session that
-- counted as held: a minute that came late.
ALTER TABLE tickstock.bar_revisions
    ALTER open DROP NOT NULL, ALTER high DROP NOT NULL, ALTER low DROP NOT NULL,
    ALTER close DROP NOT NULL, ALTER volume DROP NOT NULL;

-- Which sessions became held when: one row per write and set of sessions, for all instruments that
-- gained just these. A time in every bar would cost 8 bytes a bar, a row per instrument and
-- write about 90 bytes; this is 4 bytes per instrument and write.
CREATE TABLE tickstock.bar_arrivals (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    timeframe   text NOT NULL,
    sessions    datemultirange NOT NULL,
    instruments integer[] NOT NULL,
    at          timestamptz NOT NULL
);
CREATE INDEX bar_arrivals_by_time ON tickstock.bar_arrivals (timeframe, at);

-- What is held already is known since its coverage was last written, at the latest.
INSERT INTO tickstock.bar_arrivals (timeframe, sessions, instruments, at)
SELECT timeframe, held, array_agg(instrument_id ORDER BY instrument_id), updated_at
FROM tickstock.coverage WHERE NOT isempty(held) GROUP BY timeframe, held, updated_at;

-- Of the rows before and after the planner knows nothing, and would compare each with each: 0.8 s
-- for 5,000 instruments, against 5 ms.
CREATE FUNCTION tickstock.record_bar_arrivals() RETURNS trigger
LANGUAGE plpgsql SET search_path = tickstock, pg_catalog SET enable_nestloop = off AS $$
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

CREATE TRIGGER coverage_begins AFTER INSERT ON tickstock.coverage
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tickstock.record_bar_arrivals();
CREATE TRIGGER coverage_grows AFTER UPDATE ON tickstock.coverage
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION tickstock.record_bar_arrivals();

-- ---------------------------------------------------------------------- views for readers of SQL
-- Raw bars under the names and columns that readers of such tables expect.
CREATE VIEW tickstock.ohlcv_1min AS
    SELECT i.symbol, b.at AS "timestamp", b.open, b.high, b.low, b.close, b.volume
    FROM tickstock.bars_minute AS b JOIN tickstock.instruments AS i ON i.id = b.instrument_id;
CREATE VIEW tickstock.ohlcv_hourly AS
    SELECT i.symbol, b.at AS "timestamp", b.open, b.high, b.low, b.close, b.volume
    FROM tickstock.bars_hour AS b JOIN tickstock.instruments AS i ON i.id = b.instrument_id;
CREATE VIEW tickstock.ohlcv_daily AS
    SELECT i.symbol, b.at AS date, b.open, b.high, b.low, b.close, b.volume
    FROM tickstock.bars_day AS b JOIN tickstock.instruments AS i ON i.id = b.instrument_id;
-- Weeks begin on Monday.
CREATE VIEW tickstock.ohlcv_weekly AS
    SELECT symbol, date_trunc('week', date::timestamp)::date AS week_start,
           (array_agg(open ORDER BY date))[1] AS open, max(high) AS high, min(low) AS low,
           (array_agg(close ORDER BY date DESC))[1] AS close, sum(volume) AS volume
    FROM tickstock.ohlcv_daily GROUP BY symbol, date_trunc('week', date::timestamp)::date;
CREATE VIEW tickstock.ohlcv_monthly AS
    SELECT symbol, date_trunc('month', date::timestamp)::date AS month_start,
           (array_agg(open ORDER BY date))[1] AS open, max(high) AS high, min(low) AS low,
           (array_agg(close ORDER BY date DESC))[1] AS close, sum(volume) AS volume
    FROM tickstock.ohlcv_daily GROUP BY symbol, date_trunc('month', date::timestamp)::date;

-- The same in "public", except where a table or view of another program has the name.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['ohlcv_1min', 'ohlcv_hourly', 'ohlcv_daily', 'ohlcv_weekly',
                                'ohlcv_monthly'] LOOP
        IF to_regclass('public.' || name) IS NULL
           AND has_schema_privilege('public', 'CREATE') THEN
            EXECUTE format('CREATE VIEW public.%I AS SELECT * FROM tickstock.%I', name, name);
        END IF;
    END LOOP;
END $$;
