-- The rights of Isoline's two roles, run as a superuser in Isoline's database, once.
-- isoline_owner migrates and owns the tables; isoline, the application, only uses them.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO isoline_owner;
GRANT USAGE ON SCHEMA public TO isoline;
ALTER DEFAULT PRIVILEGES FOR ROLE isoline_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO isoline;
ALTER DEFAULT PRIVILEGES FOR ROLE isoline_owner IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO isoline;
ALTER DEFAULT PRIVILEGES FOR ROLE isoline_owner
    REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE isoline_owner IN SCHEMA public
    GRANT EXECUTE ON FUNCTIONS TO isoline;
