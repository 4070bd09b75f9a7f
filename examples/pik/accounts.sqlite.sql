CREATE TABLE pik_accounts (
    id           TEXT    NOT NULL PRIMARY KEY,
    platform     TEXT,
    verified     BOOLEAN NOT NULL DEFAULT FALSE CHECK (verified IN (0, 1)),
    capabilities TEXT    NOT NULL DEFAULT '',
    production   TEXT    NOT NULL DEFAULT '0.00',
    sandbox      TEXT    NOT NULL DEFAULT '0.00'
);

-- Whoever changes what an account may do, every instance hears of it: keygate's feed carries any
-- topic. Balances are read afresh and tell nobody.
CREATE TRIGGER pik_accounts_inserted AFTER INSERT ON pik_accounts BEGIN
    INSERT INTO keygate_changes (topic, item) VALUES ('accounts', NEW.id);
END;

CREATE TRIGGER pik_accounts_updated
    AFTER UPDATE OF id, platform, verified, capabilities ON pik_accounts
BEGIN
    INSERT INTO keygate_changes (topic, item)
    SELECT 'accounts', OLD.id UNION SELECT 'accounts', NEW.id;
END;

CREATE TRIGGER pik_accounts_deleted AFTER DELETE ON pik_accounts BEGIN
    INSERT INTO keygate_changes (topic, item) VALUES ('accounts', OLD.id);
END;
