-- No row here refers to a tenant: money and usage outlive it.
CREATE TABLE balances (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    credited BIGINT NOT NULL CHECK (credited >= 0)
);
CREATE INDEX balances_of_tenant ON balances (tenant, id);

CREATE TABLE top_ups (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    amount BIGINT NOT NULL,
    note TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (tenant, idempotency_key)
);

-- What is spent of an account in one window, and what is lent of it: all its leases, living and dead.
CREATE TABLE windows (
    account TEXT NOT NULL,
    start BIGINT NOT NULL,
    settled BIGINT NOT NULL CHECK (settled >= 0),
    leased BIGINT NOT NULL CHECK (leased >= 0),
    PRIMARY KEY (account, start)
);

-- What one node holds of it: granted to its present run, dead with an earlier one.
CREATE TABLE leases (
    account TEXT NOT NULL,
    start BIGINT NOT NULL,
    node TEXT NOT NULL,
    granted BIGINT NOT NULL CHECK (granted >= 0),
    dead BIGINT NOT NULL CHECK (dead >= 0),
    PRIMARY KEY (account, start, node)
);
CREATE INDEX leases_of_node ON leases (node);

CREATE TABLE nodes (
    node TEXT NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL,
    boot TEXT NOT NULL,
    seen_ms BIGINT NOT NULL
);

CREATE TABLE posted (
    node TEXT NOT NULL,
    log TEXT NOT NULL,
    next BIGINT NOT NULL,
    PRIMARY KEY (node, log)
);

-- The last operation of each node, so that one whose answer was lost can be asked for again.
CREATE TABLE operations (
    node TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    said TEXT NOT NULL
);

CREATE TABLE usage (
    day TEXT NOT NULL,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    requests BIGINT NOT NULL,
    input BIGINT NOT NULL,
    output BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    fee BIGINT NOT NULL,
    own_cost BIGINT NOT NULL,
    PRIMARY KEY (tenant, day, key, model)
);
