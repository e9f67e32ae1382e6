-- The job engine keeps who of its workers is alive; this says which of them a worker process is.
ALTER TABLE tickstock.workers ADD COLUMN engine_id bigint;
