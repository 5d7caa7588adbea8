"""The audit log is written once. Whoever changes a line is refused, by the table itself.

One change is left open: forgetting an actor's name when a person is erased (BAK-6).
"""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION accounts_auditevent_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.actor_name = ''
       AND to_jsonb(NEW) - 'actor_name' = to_jsonb(OLD) - 'actor_name' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'The audit log is append-only.' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION accounts_auditevent_append_only();
"""

BACKWARDS = """
DROP TRIGGER append_only ON accounts_auditevent;
DROP FUNCTION accounts_auditevent_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_audit_invitations_mail")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
