CREATE TABLE tenants (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    suspended BIGINT NOT NULL,
    byok_only BIGINT NOT NULL,
    limits TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- The ids of tenants that were removed. Their money and usage stay, so nobody gets their id again.
CREATE TABLE former_tenants (
    id TEXT NOT NULL PRIMARY KEY
);

CREATE TABLE members (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (tenant, email)
);

-- A key keeps the id of its member when the member is removed. Its root is the first key of its line.
CREATE TABLE keys (
    id TEXT NOT NULL PRIMARY KEY,
    root TEXT NOT NULL,
    tenant TEXT REFERENCES tenants (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    member TEXT,
    role TEXT NOT NULL,
    hash TEXT NOT NULL,
    bindings TEXT NOT NULL,
    limits TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    revoked_ms BIGINT
);
CREATE INDEX keys_of_tenant ON keys (tenant, id);
CREATE INDEX keys_of_member ON keys (member, id);

CREATE TABLE credentials (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    provider TEXT NOT NULL,
    name TEXT NOT NULL,
    base_url TEXT,
    hint TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    version BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (tenant, provider)
);
CREATE INDEX credentials_of_tenant ON credentials (tenant, id);

-- What covers a key names the root of its line.
CREATE TABLE budgets (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id),
    covers TEXT NOT NULL,
    covered TEXT NOT NULL,
    period TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    by_operator BIGINT NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE INDEX budgets_of_tenant ON budgets (tenant, id);

-- One row. Whoever changes an account locks it first: changes are numbered in the order of commits.
CREATE TABLE counter (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    seq BIGINT NOT NULL
);
INSERT INTO counter (one, seq) VALUES (1, 0);

CREATE TABLE changes (
    seq BIGINT NOT NULL PRIMARY KEY,
    what TEXT NOT NULL,
    id TEXT NOT NULL
);
