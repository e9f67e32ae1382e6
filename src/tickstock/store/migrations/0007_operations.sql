-- Pausing, the pace of what is going on now, schedules, and figures for metrics.

-- While a load is paused none of its calls is claimed. `active_since` is when somebody last began
-- to work on it while nobody else did: the pace is counted from there.
ALTER TABLE tickstock.loads ADD COLUMN paused_at timestamptz, ADD COLUMN active_since timestamptz;

ALTER TABLE tickstock.workers ADD COLUMN vendor text NOT NULL DEFAULT '',
                              ADD COLUMN version text NOT NULL DEFAULT '';

-- Loads to be made again and again. With `after_close`, `at` is meant on a day that closes at 16:00
-- New York time, on session days only; without, it is the New York time of every day.
CREATE TABLE tickstock.schedules (
    environment text NOT NULL,
    name        text NOT NULL,
    universe    text NOT NULL,
    at          time NOT NULL,
    after_close boolean NOT NULL,
    duration    text NOT NULL,
    timeframes  text NOT NULL,
    vendor      text NOT NULL,
    created_by  text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (environment, name)
);

-- One row per due time that somebody took on: that is what makes it happen once. `missed` due times
-- before it are made up for by the same load. Who took it on has until `lease_until`.
CREATE TABLE tickstock.schedule_runs (
    environment text NOT NULL,
    name        text NOT NULL,
    due_at      timestamptz NOT NULL,
    missed      integer NOT NULL DEFAULT 0,
    worker      text NOT NULL,
    lease_until timestamptz,
    state       text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'submitted', 'failed')),
    load_id     uuid REFERENCES tickstock.loads ON DELETE SET NULL,
    message     text NOT NULL DEFAULT '',
    ran_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (environment, name, due_at),
    FOREIGN KEY (environment, name) REFERENCES tickstock.schedules ON DELETE CASCADE
);

-- Sums that workers add to every few seconds, for metrics alone. A worker that is killed takes the
-- last few seconds with it.
CREATE TABLE tickstock.counters (
    name  text NOT NULL,
    label text NOT NULL,
    total bigint NOT NULL,
    PRIMARY KEY (name, label)
);

-- A role that may only load must be able to begin a month of minutes.
ALTER FUNCTION tickstock.add_minute_months(date[]) SECURITY DEFINER;
REVOKE ALL ON FUNCTION tickstock.add_minute_months(date[]) FROM PUBLIC;
