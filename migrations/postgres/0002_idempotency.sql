-- Schema 2 of keygate's tables, for Postgres 13 and later: operations that are carried out once.
--
-- `PostgresStore` runs this itself, after 0001_keys.sql. To run it by hand, as a role that may
-- create tables:
--
--     psql --single-transaction --set ON_ERROR_STOP=1 --file 0002_idempotency.sql "$DATABASE_URL"
--
-- The role that serves requests needs
--
--     GRANT SELECT, INSERT, UPDATE, DELETE ON keygate_operations TO service;

CREATE TABLE keygate_operations (
    -- A hash of who asks, for what, under which idempotency key.
    id bytea PRIMARY KEY CHECK (octet_length(id) = 32),
    -- What must be the same in every request of it.
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    -- Of the one who carries it out, or has.
    token bytea NOT NULL CHECK (octet_length(token) = 16),
    lease_ends_at timestamptz NOT NULL,
    -- What a retry gets. NULL while it is carried out.
    answer bytea,
    -- From when on it is as if it had never been.
    ends_at timestamptz NOT NULL
);

-- For what is over to be swept out.
CREATE INDEX keygate_operations_over ON keygate_operations (ends_at);

UPDATE keygate_schema SET version = 2;
