"""/teams/{team}/members/… and /invitations."""

from __future__ import annotations

from apps.accounts.models import Invitation, Membership, Team, User
from apps.accounts.roles import Role


def test_a_role_is_changed(client_of, alice: User, bob: User, team: Team):
    answer = client_of(alice).patch(f"/api/v1/teams/lab/members/{bob.public_id}", {"role": "admin"})
    assert (answer.status_code, answer.json()["role"]) == (200, "admin")


def test_a_member_changes_nobody(client_of, bob: User, vera: User, team: Team):
    answer = client_of(bob).patch(f"/api/v1/teams/lab/members/{vera.public_id}", {"role": "member"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "role_too_low")


def test_a_member_leaves(client_of, bob: User, team: Team):
    answer = client_of(bob).delete(f"/api/v1/teams/lab/members/{bob.public_id}")
    assert answer.status_code == 204
    assert not Membership.objects.filter(user=bob, team=team).exists()


def test_a_key_without_admin_scope_removes_nobody(client_of, alice: User, bob: User, team: Team):
    answer = client_of(alice, scopes=["write"]).delete(f"/api/v1/teams/lab/members/{bob.public_id}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing")


def test_ACC_9_the_last_owner_stays(client_of, alice: User, team: Team):
    answer = client_of(alice).delete(f"/api/v1/teams/lab/members/{alice.public_id}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "last_owner")


def test_a_team_is_handed_on(client_of, alice: User, bob: User, team: Team):
    answer = client_of(alice).post(f"/api/v1/teams/lab/members/{bob.public_id}/own")
    assert (answer.status_code, answer.json()["role"]) == (200, "owner")
    assert Membership.objects.get(team=team, user=alice).role == Role.ADMIN


def test_an_invitation_is_made_listed_sent_again_and_taken_back(client_of, alice: User, team: Team):
    client = client_of(alice)
    made = client.post("/api/v1/teams/lab/invitations", {"email": "Ada@Lab.example", "role": "viewer"})
    assert (made.status_code, made.json()["email"], made.json()["role"]) == (201, "ada@lab.example", "viewer")
    assert "token" not in made.content.decode()
    where = f"/api/v1/teams/lab/invitations/{made.json()['id']}"
    assert [row["id"] for row in client.get("/api/v1/teams/lab/invitations").json()["items"]] == [
        made.json()["id"]
    ]
    assert client.post(f"{where}/mail").status_code == 200
    assert client.delete(where).status_code == 204
    assert client.get("/api/v1/teams/lab/invitations").json()["items"] == []
    assert client.post(f"{where}/mail").json()["error"]["code"] == "not_pending"


def test_who_is_invited_is_not_for_members(client_of, bob: User, team: Team):
    Invitation.objects.all().delete()
    assert client_of(bob).get("/api/v1/teams/lab/invitations").status_code == 403


def test_a_list_of_members_takes_the_same_queries_however_long(
    client_of, alice: User, bob: User, vera: User, django_assert_num_queries
):
    client = client_of(alice)
    client.get("/api/v1/teams/lab/members")
    with django_assert_num_queries(2):
        assert len(client.get("/api/v1/teams/lab/members").json()["items"]) == 3
