-- keygate, schema 3 for SQLite 3.38 or newer: the requests of a key by the hour.
--
-- The crate runs this by itself, after 0002_idempotency.sql. By hand, in one transaction:
--
--     sqlite3 -bail keys.db 'BEGIN IMMEDIATE' '.read 0003_usage_hours.sql' 'COMMIT'
--
-- Nobody is told of what changes here.

-- Kept for two days.
CREATE TABLE keygate_usage_hours (
    key_id TEXT NOT NULL,
    -- Its beginning, in whole microseconds since 1970.
    hour INTEGER NOT NULL,
    requests INTEGER NOT NULL CHECK (requests >= 0),
    PRIMARY KEY (key_id, hour)
) STRICT, WITHOUT ROWID;

-- For what is old to be swept out.
CREATE INDEX keygate_usage_hours_old ON keygate_usage_hours (hour);

-- Figures go together: those of a key that is deleted, and those that an operator deletes.
CREATE TRIGGER keygate_usage_forgotten AFTER DELETE ON keygate_usage
BEGIN
    DELETE FROM keygate_usage_hours WHERE key_id = OLD.key_id;
END;

UPDATE keygate_schema SET version = 3;
