-- How a tenant's requests meet deadlines, as JSON like its limits. Tenants from before are as configured.
ALTER TABLE tenants ADD COLUMN deadlines TEXT NOT NULL DEFAULT '{}';
