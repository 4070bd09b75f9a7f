-- Schema 3 of keygate's tables, for Postgres 13 and later: the requests of a key by the hour.
--
-- `PostgresStore` runs this itself, after 0002_idempotency.sql. To run it by hand, as a role that
-- may create tables:
--
--     psql --single-transaction --set ON_ERROR_STOP=1 --file 0003_usage_hours.sql "$DATABASE_URL"
--
-- The role that serves requests needs
--
--     GRANT SELECT, INSERT, UPDATE, DELETE ON keygate_usage_hours TO service;

-- The function must find these tables whatever the `search_path` of its caller.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- Kept for two days. Written as often as `keygate_usage`, and with as much room.
CREATE TABLE keygate_usage_hours (
    key_id text COLLATE "C" NOT NULL,
    -- Its beginning.
    hour timestamptz NOT NULL,
    requests bigint NOT NULL,
    PRIMARY KEY (key_id, hour)
) WITH (fillfactor = 50);

-- For what is old to be swept out.
CREATE INDEX keygate_usage_hours_old ON keygate_usage_hours (hour);

-- Figures go together: those of a key that is deleted, and those that an operator deletes.
CREATE FUNCTION keygate_forget_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM keygate_usage_hours WHERE key_id = OLD.key_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER keygate_usage_forgotten AFTER DELETE ON keygate_usage
    FOR EACH ROW EXECUTE FUNCTION keygate_forget_hours();

UPDATE keygate_schema SET version = 3;
