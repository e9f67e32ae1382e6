-- name: listen
-- Wait for notifications of one channel.
LISTEN {channel}

-- name: stop_listening
-- Wait for none any more: behind a pooler the session goes on, for others.
UNLISTEN *

-- name: notify
-- Notify all who listen to a channel.
SELECT pg_notify(%(channel)s, '')

-- name: backend
-- The process of the server that answers.
SELECT pg_backend_pid()
-- name: pulse
-- Whether the database answers.
SELECT 1
