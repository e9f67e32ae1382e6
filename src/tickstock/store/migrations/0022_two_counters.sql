-- 0022 two counters: what the vendor refused, and how often a worker was lost with a call, and which
-- those were; a fence for splits and dividends. Not additive: programs before this one count an
-- attempt with each claim, and cannot read the cause `poison`.
ALTER TABLE tickstock.calls ADD COLUMN lost smallint NOT NULL DEFAULT 0;
UPDATE tickstock.calls SET attempt = greatest(attempt - 1, 0) WHERE state = 'leased';
ALTER TABLE tickstock.load_actions
    ADD COLUMN fence bigint NOT NULL DEFAULT 0,
    ADD COLUMN lost smallint NOT NULL DEFAULT 0,
    DROP CONSTRAINT load_actions_state_check,
    ADD CONSTRAINT load_actions_state_check
        CHECK (state IN ('waiting', 'running', 'done', 'failed'));
CREATE TABLE tickstock.losses (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    load_id     uuid NOT NULL REFERENCES tickstock.loads ON DELETE CASCADE,
    call_id     bigint,
    worker      text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX losses_of_load ON tickstock.losses (load_id, call_id);
CREATE INDEX losses_by_time ON tickstock.losses (at);
