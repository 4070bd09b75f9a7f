CREATE TABLE paykore_plans (
    name       TEXT    NOT NULL PRIMARY KEY,
    per_minute INTEGER NOT NULL CHECK (per_minute BETWEEN 1 AND 1000000)
);

-- Whoever changes a row, every instance hears of it: keygate's feed carries any topic.
CREATE TRIGGER paykore_plans_inserted AFTER INSERT ON paykore_plans BEGIN
    INSERT INTO keygate_changes (topic, item) VALUES ('plans', NEW.name);
END;

CREATE TRIGGER paykore_plans_updated AFTER UPDATE ON paykore_plans BEGIN
    INSERT INTO keygate_changes (topic, item) VALUES ('plans', NEW.name);
END;

CREATE TRIGGER paykore_plans_deleted AFTER DELETE ON paykore_plans BEGIN
    INSERT INTO keygate_changes (topic, item) VALUES ('plans', OLD.name);
END;
