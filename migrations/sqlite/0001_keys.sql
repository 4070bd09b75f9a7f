-- keygate, schema 1 for SQLite 3.38 or newer.
--
-- The crate runs this by itself. Where it must not, run it by hand in one transaction, before the
-- service starts; it then finds the schema and writes nothing:
--
--     sqlite3 -bail keys.db 'BEGIN IMMEDIATE' '.read 0001_keys.sql' 'COMMIT'
--
-- Times are whole microseconds since 1970. A key ends at once by
--
--     sqlite3 -bail -cmd '.timeout 2000' keys.db \
--         "UPDATE keygate_keys SET revoked_at = unixepoch() * 1000000 WHERE id = 'key_…'"
--
-- The shell does not wait for another's lock unless it is told to.

CREATE TABLE keygate_schema (
    version INTEGER NOT NULL,
    -- The oldest binary that can work with this schema, by the schema that it was written for.
    oldest_reader INTEGER NOT NULL
) STRICT;

INSERT INTO keygate_schema (version, oldest_reader) VALUES (1, 1);

CREATE TABLE keygate_keys (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    -- SHA-256 of the key's text, or with a pepper its HMAC. The text itself is nowhere.
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    kind TEXT NOT NULL CHECK (kind IN ('secret', 'publishable')),
    mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
    -- A JSON array of names: SELECT id FROM keygate_keys, json_each(scopes) WHERE value = 'links:read'
    scopes TEXT NOT NULL CHECK (json_valid(scopes) AND json_type(scopes) = 'array'),
    account TEXT NOT NULL,
    plan TEXT,
    -- So many requests in a period, and so many at once.
    quota_count INTEGER CHECK (quota_count > 0),
    quota_period_ns INTEGER CHECK (quota_period_ns > 0),
    quota_burst INTEGER CHECK (quota_burst > 0),
    -- The first key of a rotation, the one before and the one after this.
    lineage TEXT NOT NULL,
    replaces TEXT,
    replaced_by TEXT,
    -- From 1970 to the end of the year 9999.
    created_at INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 253402300799999999),
    not_before INTEGER CHECK (not_before BETWEEN 0 AND 253402300799999999),
    expires_at INTEGER CHECK (expires_at BETWEEN 0 AND 253402300799999999),
    revoked_at INTEGER CHECK (revoked_at BETWEEN 0 AND 253402300799999999),
    revoked_reason TEXT,
    -- The number of the last change to this row. The triggers set it.
    version INTEGER NOT NULL DEFAULT 0,
    CHECK ((quota_count IS NULL) = (quota_period_ns IS NULL)),
    CHECK ((quota_count IS NULL) = (quota_burst IS NULL))
) STRICT;

-- One for each way in which the list of keys is asked for, in its order.
CREATE INDEX keygate_keys_newest ON keygate_keys (created_at DESC, id DESC);
CREATE INDEX keygate_keys_by_account ON keygate_keys (account, created_at DESC, id DESC);
CREATE INDEX keygate_keys_by_mode ON keygate_keys (mode, created_at DESC, id DESC);
CREATE INDEX keygate_keys_revoked ON keygate_keys (created_at DESC, id DESC)
    WHERE revoked_at IS NOT NULL;

CREATE TABLE keygate_usage (
    key_id TEXT NOT NULL PRIMARY KEY,
    requests INTEGER NOT NULL CHECK (requests >= 0),
    last_used_at INTEGER NOT NULL CHECK (last_used_at >= 0)
) STRICT, WITHOUT ROWID;

-- The last batch of usage of each node, so that one that is sent again counts once.
CREATE TABLE keygate_usage_nodes (
    node INTEGER NOT NULL PRIMARY KEY,
    sequence INTEGER NOT NULL,
    written_at INTEGER NOT NULL
) STRICT;

-- Every change in the order of the commits, without gaps. An application adds lines for tables of
-- its own by triggers like those below, under topics of its own.
CREATE TABLE keygate_changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    -- For the topic `keys` the hash of the key in hexadecimal.
    item TEXT NOT NULL
) STRICT;

-- Whoever is further behind than this has missed something, sees the gap, and reads all anew.
CREATE TRIGGER keygate_changes_pruned AFTER INSERT ON keygate_changes
BEGIN
    DELETE FROM keygate_changes WHERE seq <= NEW.seq - 10000;
END;

CREATE TRIGGER keygate_keys_inserted AFTER INSERT ON keygate_keys
BEGIN
    INSERT INTO keygate_changes (topic, item) VALUES ('keys', lower(hex(NEW.hash)));
    UPDATE keygate_keys SET version = (SELECT max(seq) FROM keygate_changes) WHERE id = NEW.id;
END;

-- All columns but `version`, which the trigger sets itself.
CREATE TRIGGER keygate_keys_updated AFTER UPDATE OF
    id, name, hint, hash, kind, mode, scopes, account, plan,
    quota_count, quota_period_ns, quota_burst, lineage, replaces, replaced_by,
    created_at, not_before, expires_at, revoked_at, revoked_reason
ON keygate_keys
BEGIN
    INSERT INTO keygate_changes (topic, item)
        SELECT 'keys', lower(hex(OLD.hash)) WHERE OLD.hash IS NOT NEW.hash;
    INSERT INTO keygate_changes (topic, item) VALUES ('keys', lower(hex(NEW.hash)));
    UPDATE keygate_keys SET version = (SELECT max(seq) FROM keygate_changes) WHERE id = NEW.id;
END;

CREATE TRIGGER keygate_keys_deleted AFTER DELETE ON keygate_keys
BEGIN
    INSERT INTO keygate_changes (topic, item) VALUES ('keys', lower(hex(OLD.hash)));
    DELETE FROM keygate_usage WHERE key_id = OLD.id;
END;

-- INSERT OR REPLACE and UPDATE OR REPLACE delete the rows in their way without the trigger above.
CREATE TRIGGER keygate_keys_replaced_by_insert BEFORE INSERT ON keygate_keys
BEGIN
    INSERT INTO keygate_changes (topic, item)
        SELECT 'keys', lower(hex(hash)) FROM keygate_keys WHERE id = NEW.id OR hash = NEW.hash;
END;

CREATE TRIGGER keygate_keys_replaced_by_update BEFORE UPDATE OF id, hash ON keygate_keys
BEGIN
    INSERT INTO keygate_changes (topic, item)
        SELECT 'keys', lower(hex(hash)) FROM keygate_keys
        WHERE (id = NEW.id OR hash = NEW.hash) AND id <> OLD.id;
END;
