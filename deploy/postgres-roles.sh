#!/bin/sh
# Run by the postgres image on its first start: Isoline's roles and database, then the roles' passwords.
set -eu
psql --username "$POSTGRES_USER" --dbname postgres --set database=isoline --file /isoline/roles.sql
psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 \
    --set application="$DATABASE_PASSWORD" --set owner="$DATABASE_OWNER_PASSWORD" <<'SQL'
ALTER ROLE isoline PASSWORD :'application';
ALTER ROLE isoline_owner PASSWORD :'owner';
SQL
