CREATE TABLE paykore_plans (
    name       text    PRIMARY KEY,
    per_minute integer NOT NULL CHECK (per_minute BETWEEN 1 AND 1000000)
);

-- Whoever changes a row, every instance hears of it: keygate's feed carries any topic.
CREATE CONSTRAINT TRIGGER paykore_plans_told AFTER INSERT OR UPDATE OR DELETE ON paykore_plans
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION keygate_tell('plans', 'name');

CREATE TRIGGER paykore_plans_emptied AFTER TRUNCATE ON paykore_plans
    FOR EACH STATEMENT EXECUTE FUNCTION keygate_tell('plans');
