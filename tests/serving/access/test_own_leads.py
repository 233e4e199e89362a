"""A rep whose key is bound to an owner: other owners' leads don't exist, by any call or page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient

from crm import settle
from leadlight.serving.access.table import ADMIN


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_others_leads_do_not_exist_for_a_bound_rep(
    guarded: Callable[..., TestClient], give: Callable[..., str]
) -> None:
    admin, rep = bearer(give(ADMIN)), bearer(give("rep", owner_id="Ana"))
    client = guarded()

    def asked(method: str, path: str, by: dict[str, str], **more: Any) -> Any:
        return client.request(method, path, headers=by, **more)

    for lead_id, owner in (("mine", "Ana"), ("theirs", "Bo"), ("nobodys", None)):
        told = {"created_at": "2026-11-01T00:00:00Z", "owner_id": owner}
        assert asked("PUT", f"/v1/leads/{lead_id}", admin, json=told).status_code == 200
    settle(client)
    receipts = {one["lead_id"]: one["receipt_id"] for one in asked("GET", "/v1/leads", admin).json()["items"]}
    assert set(receipts) == {"mine", "theirs", "nobodys"}
    assert [one["lead_id"] for one in asked("GET", "/v1/leads", rep).json()["items"]] == ["mine"]
    assert asked("GET", "/v1/leads?owner=Bo", rep).json()["items"] == []
    for lead_id, status in (("mine", 200), ("theirs", 404), ("nobodys", 404)):
        receipt = receipts[lead_id]
        for path in (
            f"/v1/leads/{lead_id}",
            f"/v1/leads/{lead_id}/scores",
            f"/v1/receipts/{receipt}",
            f"/v1/receipts/{receipt}/changes?since={receipt}",
            f"/leads/{lead_id}",
        ):
            assert asked("GET", path, rep).status_code == status, path
            assert asked("GET", path, admin).status_code == 200, path
        decided = asked("POST", f"/v1/leads/{lead_id}/decisions", rep, json={"decision": "reject"})
        assert decided.status_code == status
        form = {"decision": "reject", "decision_id": f"{status:026}"}
        page = client.post(f"/leads/{lead_id}/decisions", data=form, headers=rep)
        assert page.status_code == (303 if lead_id == "mine" else 404)
    for lead_id in ("theirs", "nobodys"):
        assert asked("GET", f"/v1/leads/{lead_id}", admin).json()["stage"] is None
    assert asked("GET", "/v1/leads/mine", admin).json()["stage"] == "disqualified"


def test_what_a_rep_may_see_goes_with_the_owner(guarded: Callable[..., TestClient], give: Callable[..., str]) -> None:
    """Of a merged lead, of one that has just moved, and of one that was erased."""
    admin, ana, bo = bearer(give(ADMIN)), bearer(give("rep", owner_id="Ana")), bearer(give("rep", owner_id="Bo"))
    client = guarded()

    def put(lead_id: str, owner: str) -> None:
        told = {"created_at": "2026-11-01T00:00:00Z", "owner_id": owner}
        assert client.put(f"/v1/leads/{lead_id}", headers=admin, json=told).status_code == 200

    for lead_id, owner in (("gone", "Ana"), ("stays", "Bo"), ("moves", "Ana"), ("erased", "Ana")):
        put(lead_id, owner)
    settle(client)
    receipts = {one["lead_id"]: one["receipt_id"] for one in client.get("/v1/leads", headers=admin).json()["items"]}
    client.post("/v1/leads/gone/merge", headers=admin, json={"into": "stays"})
    assert client.get(f"/v1/receipts/{receipts['gone']}", headers=ana).status_code == 404
    assert client.get(f"/v1/receipts/{receipts['gone']}", headers=bo).status_code == 200
    put("moves", "Bo")
    assert [one["lead_id"] for one in client.get("/v1/leads", headers=ana).json()["items"]] == ["erased"]
    assert client.delete("/v1/leads/erased", headers=admin).status_code == 200
    for path in ("/v1/leads/erased", "/leads/erased", f"/v1/receipts/{receipts['erased']}"):
        assert client.get(path, headers=ana).status_code == 404, path
        assert client.get(path, headers=admin).status_code == 410, path
    decided = client.post("/v1/leads/erased/decisions", headers=ana, json={"decision": "accept"})
    assert decided.status_code == 404


def test_a_decision_is_its_makers_and_its_id_is_one_decisions(
    guarded: Callable[..., TestClient], give: Callable[..., str]
) -> None:
    admin, rep = bearer(give(ADMIN)), bearer(give("rep", owner_id="Ana"))
    client = guarded()
    for lead_id in ("L-1", "L-2"):
        told = {"created_at": "2026-11-01T00:00:00Z", "owner_id": "Ana"}
        client.put(f"/v1/leads/{lead_id}", headers=admin, json=told)
    told = {"decision": "accept", "decision_id": "d", "actor": "somebody else"}
    for _ in range(2):
        assert client.post("/v1/leads/L-1/decisions", headers=rep, json=told).status_code == 200
    for lead_id, decision in (("L-1", "reject"), ("L-2", "accept")):
        other = client.post(f"/v1/leads/{lead_id}/decisions", headers=rep, json={**told, "decision": decision})
        assert (other.status_code, other.json()["code"]) == (409, "other_decision")
    kept = client.get("/v1/leads/L-1/export", headers=admin).json()["tables"]["decisions"]
    assert [one["actor"] for one in kept] == [rep["Authorization"].split("_")[1]]


def test_a_form_needs_its_sessions_token_and_a_lost_session_is_said(
    guarded: Callable[..., TestClient], give: Callable[..., str]
) -> None:
    admin, analyst = bearer(give(ADMIN)), bearer(give("analyst"))
    text = give("rep")
    client = guarded()
    client.put("/v1/leads/L-1", headers=admin, json={"created_at": "2026-11-01T00:00:00Z"})
    settle(client)
    assert "decision_id" not in client.get("/leads/L-1", headers=analyst).text  # who may not decide has no form
    ours = {"Sec-Fetch-Site": "same-origin"}
    assert client.post("/login", data={"key": text}, headers=ours).status_code == 303
    page = client.get("/leads/L-1").text
    found = dict(re.findall(r'name="(csrf|decision_id)" value="([^"]+)"', page))
    form = {**found, "decision": "accept"}
    assert client.post("/leads/L-1/decisions", data={**form, "csrf": "another"}, headers=ours).status_code == 403
    by_header = {**ours, "X-CSRF-Token": found["csrf"]}
    assert client.post("/leads/L-1/decisions", data=form, headers=by_header).status_code == 303
    client.cookies.clear()
    answer = client.post("/leads/L-1/decisions", data=form, headers=ours)
    assert answer.status_code == 303
    login = client.get(answer.headers["location"])
    assert "what you sent was not kept" in login.text
    assert 'value="/leads/L-1"' in login.text
