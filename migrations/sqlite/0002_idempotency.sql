-- keygate, schema 2 for SQLite 3.38 or newer: operations that are carried out once.
--
-- The crate runs this by itself, after 0001_keys.sql. By hand, in one transaction:
--
--     sqlite3 -bail keys.db 'BEGIN IMMEDIATE' '.read 0002_idempotency.sql' 'COMMIT'
--
-- Nobody is told of what changes here.

CREATE TABLE keygate_operations (
    -- A hash of who asks, for what, under which idempotency key.
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    -- What must be the same in every request of it.
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    -- Of the one who carries it out, or has.
    token BLOB NOT NULL CHECK (length(token) = 16),
    lease_ends_at INTEGER NOT NULL,
    -- What a retry gets. NULL while it is carried out.
    answer BLOB,
    -- From when on it is as if it had never been. Whole microseconds since 1970.
    ends_at INTEGER NOT NULL
) STRICT;

-- For what is over to be swept out.
CREATE INDEX keygate_operations_over ON keygate_operations (ends_at);

UPDATE keygate_schema SET version = 2;
