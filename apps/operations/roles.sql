-- Isoline's two roles and its database, for psql as a superuser: psql -v database=isoline -f roles.sql
-- isoline_owner migrates and owns the tables; isoline, the application, may only use them.
-- May be run again: what is there stays.
\set ON_ERROR_STOP on
SELECT 'CREATE ROLE isoline_owner LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'isoline_owner')
\gexec
SELECT 'CREATE ROLE isoline LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'isoline')
\gexec
SELECT format('CREATE DATABASE %I OWNER isoline_owner', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec
\connect :"database"
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO isoline_owner;
GRANT USAGE ON SCHEMA public TO isoline;
ALTER DEFAULT PRIVILEGES FOR ROLE isoline_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO isoline;
ALTER DEFAULT PRIVILEGES FOR ROLE isoline_owner IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO isoline;
