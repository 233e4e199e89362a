"""A rep whose key is bound to an owner: other owners' leads don't exist, by any call or page."""

from __future__ import annotations

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
        form = {"decision": "reject", "decision_id": "d"}
        page = client.post(f"/leads/{lead_id}/decisions", data=form, headers={**rep, "Sec-Fetch-Site": "same-origin"})
        assert page.status_code != 303 or lead_id == "mine"
    for lead_id in ("theirs", "nobodys"):
        assert asked("GET", f"/v1/leads/{lead_id}", admin).json()["stage"] is None
    assert asked("GET", "/v1/leads/mine", admin).json()["stage"] == "disqualified"
