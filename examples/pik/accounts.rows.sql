-- The platform of the demo keys with a bakery, a florist and a newcomer, and another one's customer.
INSERT INTO pik_accounts (id, platform, verified, capabilities, production, sandbox) VALUES
    ('acct_platform', NULL,                  TRUE,  'payment_links:read payment_links:write wallet:read', '12500.00', '1000.00'),
    ('acct_bakery',   'acct_platform',       TRUE,  'payment_links:read payment_links:write wallet:read', '480.50',   '50.00'),
    ('acct_florist',  'acct_platform',       TRUE,  'wallet:read',                                        '99.90',    '25.00'),
    ('acct_newcomer', 'acct_platform',       FALSE, 'payment_links:read payment_links:write wallet:read', '0.00',     '0.00'),
    ('acct_stranger', 'acct_other_platform', TRUE,  'payment_links:read payment_links:write wallet:read', '7.00',     '7.00');
