-- A key of the plan `scale` has its own quota; until it does, it has this one.
INSERT INTO paykore_plans (name, per_minute) VALUES
    ('starter', 300),
    ('growth', 1000),
    ('scale', 1000);
