-- Schema 1 of keygate's tables, for Postgres 13 and later.
--
-- `PostgresStore` runs this itself. To run it by hand, as a role that may create tables:
--
--     psql --single-transaction --set ON_ERROR_STOP=1 --file 0001_keys.sql "$DATABASE_URL"
--
-- Everything is created in the default schema, the first of the `search_path`. The functions do
-- what they do in their owner's name, so that the role that serves requests needs no more than
--
--     GRANT SELECT ON keygate_schema, keygate_clock TO service;
--     GRANT SELECT, INSERT, UPDATE ON keygate_keys TO service;
--     GRANT SELECT, INSERT, UPDATE, DELETE ON keygate_usage, keygate_usage_nodes TO service;
--
-- and that a role with nothing but `SELECT, UPDATE ON keygate_keys` can revoke a key.

-- The functions must find these tables whatever the `search_path` of their caller.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- Which version these tables are, and the oldest version whose readers can still use them.
CREATE TABLE keygate_schema (
    is_the_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_the_only_row),
    version bigint NOT NULL,
    oldest_reader bigint NOT NULL
);

CREATE TABLE keygate_keys (
    -- Lists are ordered by it, and pages cut by it, byte by byte.
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    hint text NOT NULL,
    -- SHA-256 of the key's text, or its HMAC. The text itself is stored nowhere.
    hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    kind text NOT NULL CHECK (kind IN ('secret', 'publishable')),
    mode text NOT NULL CHECK (mode IN ('live', 'test')),
    scopes text[] NOT NULL,
    account text NOT NULL,
    plan text,
    -- The key's own quota: requests, the nanoseconds in which they come back, the most at once.
    quota_count bigint,
    quota_period_ns bigint,
    quota_burst bigint,
    -- The first key of its rotations, the one before and the one after.
    lineage text NOT NULL,
    replaces text,
    replaced_by text,
    created_at timestamptz NOT NULL,
    not_before timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_reason text,
    -- Greater after each change, also of those typed into psql.
    version bigint NOT NULL,
    CONSTRAINT keygate_keys_quota_check
        CHECK (num_nulls(quota_count, quota_period_ns, quota_burst) IN (0, 3)),
    -- `infinity` is none of them: a key that never ends has no `expires_at`.
    CONSTRAINT keygate_keys_times_check CHECK (
        least(created_at, not_before, expires_at, revoked_at) >= '1970-01-01 00:00+00'
        AND greatest(created_at, not_before, expires_at, revoked_at) < '10000-01-01 00:00+00')
);

-- For the lists: all keys, those of an account, a mode or a status; newest first.
CREATE INDEX keygate_keys_created ON keygate_keys (created_at, id);
CREATE INDEX keygate_keys_account ON keygate_keys (account, created_at, id);
CREATE INDEX keygate_keys_mode ON keygate_keys (mode, created_at, id);
CREATE INDEX keygate_keys_valid ON keygate_keys (created_at, id) WHERE revoked_at IS NULL;
CREATE INDEX keygate_keys_revoked ON keygate_keys (created_at, id) WHERE revoked_at IS NOT NULL;

-- How keys are used. Never a change of a key: nothing here tells anybody anything. The rows are
-- written every second, so there is room in each page for their next versions.
CREATE TABLE keygate_usage (
    key_id text COLLATE "C" PRIMARY KEY,
    requests bigint NOT NULL,
    last_used_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- The last batch that each node has written, so that one sent twice counts once.
CREATE TABLE keygate_usage_nodes (
    node bigint PRIMARY KEY,
    sequence bigint NOT NULL,
    written_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- How many changes have been told. Whoever tells one takes this row's lock until the commit, so
-- that the numbers have no gap and their order is that of the commits.
CREATE TABLE keygate_clock (
    is_the_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_the_only_row),
    version bigint NOT NULL
) WITH (fillfactor = 10);

INSERT INTO keygate_clock (version) VALUES (0);

CREATE SEQUENCE keygate_versions;

-- The channel of this schema: another schema of the same database is told of on another one.
CREATE FUNCTION keygate_channel() RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT 'keygate_' || relnamespace FROM pg_class WHERE oid = 'keygate_clock'::regclass
$$;

-- Tells every node, once this transaction has committed, that an item of a topic has changed;
-- without an item, that anything may have.
--
-- The clock's lock is held until the end of the transaction: call this as late as can be, from a
-- trigger that is `INITIALLY DEFERRED`.
CREATE FUNCTION keygate_notify(topic text, item text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    counter text := 'keygate.told_' || md5(current_schema() || ' ' || topic);
    told int := coalesce(nullif(current_setting(counter, true), ''), '0');
    number bigint;
    message text;
BEGIN
    -- A bulk change is told as one of anything: nobody could follow it item by item.
    IF told > 1000 THEN
        RETURN;
    ELSIF told = 1000 THEN
        item := NULL;
    END IF;
    PERFORM set_config(counter, (told + 1)::text, true);
    UPDATE keygate_clock SET version = version + 1 RETURNING version INTO number;
    IF number IS NULL THEN
        RAISE EXCEPTION 'keygate_clock has lost its row: INSERT INTO keygate_clock (version) VALUES (0)';
    END IF;
    message := json_build_object('number', number, 'topic', topic, 'item', item);
    -- Postgres takes no longer ones.
    IF octet_length(message) > 7999 THEN
        message := json_build_object('number', number, 'topic', topic, 'item', NULL);
    END IF;
    PERFORM pg_notify(keygate_channel(), message);
END
$$;

-- For triggers on tables of the application's own. The arguments are the topic and the column that
-- names the item:
--
--     CREATE CONSTRAINT TRIGGER accounts_told AFTER INSERT OR UPDATE OR DELETE ON accounts
--         DEFERRABLE INITIALLY DEFERRED
--         FOR EACH ROW EXECUTE FUNCTION keygate_tell('accounts', 'id');
--     CREATE TRIGGER accounts_emptied AFTER TRUNCATE ON accounts
--         FOR EACH STATEMENT EXECUTE FUNCTION keygate_tell('accounts');
CREATE FUNCTION keygate_tell() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    before text;
    after text;
BEGIN
    IF TG_LEVEL = 'STATEMENT' THEN
        PERFORM keygate_notify(TG_ARGV[0], NULL);
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        before := to_jsonb(OLD) ->> TG_ARGV[1];
        PERFORM keygate_notify(TG_ARGV[0], before);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        after := to_jsonb(NEW) ->> TG_ARGV[1];
        IF TG_OP = 'INSERT' OR after IS DISTINCT FROM before THEN
            PERFORM keygate_notify(TG_ARGV[0], after);
        END IF;
    END IF;
    RETURN NULL;
END
$$;

-- A number of its own for each change: who has read a row can write it if it is still the same.
CREATE FUNCTION keygate_number_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    NEW.version := nextval('keygate_versions');
    RETURN NEW;
END
$$;

CREATE TRIGGER keygate_keys_version BEFORE INSERT OR UPDATE ON keygate_keys
    FOR EACH ROW EXECUTE FUNCTION keygate_number_version();

CREATE FUNCTION keygate_tell_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM keygate_usage WHERE key_id = OLD.id;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM keygate_notify('keys', encode(OLD.hash, 'hex'));
    END IF;
    IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND NEW.hash <> OLD.hash THEN
        PERFORM keygate_notify('keys', encode(NEW.hash, 'hex'));
    END IF;
    RETURN NULL;
END
$$;

-- Deferred to the commit: a transaction that somebody leaves open holds up no other change.
CREATE CONSTRAINT TRIGGER keygate_keys_told AFTER INSERT OR UPDATE OR DELETE ON keygate_keys
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION keygate_tell_key();

CREATE FUNCTION keygate_tell_no_keys() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM keygate_usage;
    PERFORM keygate_notify('keys', NULL);
    RETURN NULL;
END
$$;

CREATE TRIGGER keygate_keys_emptied AFTER TRUNCATE ON keygate_keys
    FOR EACH STATEMENT EXECUTE FUNCTION keygate_tell_no_keys();

-- Also for what logical replication writes here.
ALTER TABLE keygate_keys
    ENABLE ALWAYS TRIGGER keygate_keys_version,
    ENABLE ALWAYS TRIGGER keygate_keys_told,
    ENABLE ALWAYS TRIGGER keygate_keys_emptied;

INSERT INTO keygate_schema (version, oldest_reader) VALUES (1, 1);
