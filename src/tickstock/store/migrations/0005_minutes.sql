-- 0005 minutes: minute bars in a partition a month, plans that can be performed as they were shown,
-- calls that take another's place, doubtful bars, versions of flat files.

-- ---------------------------------------------------------------------- minute bars by month
ALTER TABLE tickstock.bars_minute RENAME TO bars_minute_whole;
ALTER INDEX tickstock.bars_minute_pkey RENAME TO bars_minute_whole_pkey;

CREATE TABLE tickstock.bars_minute (
    instrument_id integer NOT NULL,
    at     timestamptz NOT NULL,
    open   double precision NOT NULL,
    high   double precision NOT NULL,
    low    double precision NOT NULL,
    close  double precision NOT NULL,
    volume double precision NOT NULL,
    vwap   double precision,
    trades integer,
    PRIMARY KEY (instrument_id, at)
) PARTITION BY RANGE (at);

-- Makes the partitions of these months (UTC; any day of each) where there are none yet. A partition
-- is made beside the table and attached, which keeps no reader or writer of others waiting.
CREATE FUNCTION tickstock.add_minute_months(months date[]) RETURNS void
LANGUAGE plpgsql SET search_path = tickstock, pg_catalog AS $$
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

SELECT tickstock.add_minute_months(array_agg(DISTINCT (at AT TIME ZONE 'UTC')::date))
FROM tickstock.bars_minute_whole;
INSERT INTO tickstock.bars_minute SELECT * FROM tickstock.bars_minute_whole ORDER BY instrument_id, at;

CREATE OR REPLACE VIEW tickstock.ohlcv_1min AS
    SELECT i.symbol, b.at AS "timestamp", b.open, b.high, b.low, b.close, b.volume
    FROM tickstock.bars_minute AS b JOIN tickstock.instruments AS i ON i.id = b.instrument_id;
DROP TABLE tickstock.bars_minute_whole;

-- ---------------------------------------------------------------------- plans
-- A plan that was shown: what was asked, and in figures the state that it was made from, so that
-- what has moved since can be named.
CREATE TABLE tickstock.plans (
    token      text PRIMARY KEY,
    digest     text NOT NULL,
    request    jsonb NOT NULL,
    state      jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL
);

-- ---------------------------------------------------------------------- loads
-- The only days that are wanted of an instrument, where a universe is loaded as it was.
ALTER TABLE tickstock.load_items ADD COLUMN spells datemultirange;

-- A call may be followed by calls for parts of it: an answer that looks cut off is asked again in
-- part, a refused range in halves. They stand at the same position; `depth` bounds their number.
ALTER TABLE tickstock.calls
    ADD COLUMN parent_id bigint,
    ADD COLUMN depth smallint NOT NULL DEFAULT 0,
    DROP CONSTRAINT calls_load_id_position_key;
CREATE INDEX calls_of_load ON tickstock.calls (load_id, position);

-- ---------------------------------------------------------------------- doubtful bars
-- Bars that are kept and shown, and that somebody should look at.
CREATE TABLE tickstock.doubts (
    instrument_id integer NOT NULL REFERENCES tickstock.instruments,
    timeframe     text NOT NULL,
    at            timestamptz NOT NULL,
    reason        text NOT NULL,
    detail        text NOT NULL DEFAULT '',
    seen_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (instrument_id, timeframe, at, reason)
);

-- ---------------------------------------------------------------------- flat files
-- Which version of each file was read last, and when another one was found in its place.
CREATE TABLE tickstock.flat_files (
    timeframe   text NOT NULL,
    day         date NOT NULL,
    etag        text NOT NULL,
    bytes       bigint NOT NULL,
    read_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    replaced_at timestamptz,
    PRIMARY KEY (timeframe, day)
);
