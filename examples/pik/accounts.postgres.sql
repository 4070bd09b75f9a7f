CREATE TABLE pik_accounts (
    id           text    PRIMARY KEY,
    platform     text,
    verified     boolean NOT NULL DEFAULT FALSE,
    capabilities text    NOT NULL DEFAULT '',
    production   text    NOT NULL DEFAULT '0.00',
    sandbox      text    NOT NULL DEFAULT '0.00'
);

-- Whoever changes what an account may do, every instance hears of it: keygate's feed carries any
-- topic. Balances are read afresh and tell nobody.
CREATE CONSTRAINT TRIGGER pik_accounts_told
    AFTER INSERT OR DELETE OR UPDATE OF id, platform, verified, capabilities ON pik_accounts
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION keygate_tell('accounts', 'id');

CREATE TRIGGER pik_accounts_emptied AFTER TRUNCATE ON pik_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION keygate_tell('accounts');
