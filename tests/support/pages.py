"""A company's pages built by hand, and an app that serves them: realistic B2B content with a fixed clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from leadlight.serving.access.caller import CALLER
from leadlight.serving.access.door import HERE
from leadlight.serving.pages_data import (
    AgreementFacts,
    Band,
    ComponentBars,
    Deciding,
    DecisionEntry,
    LeadPage,
    ModelFacts,
    QueuePage,
    QueueRow,
    ReasonBar,
    TimelineEntry,
)
from leadlight.serving.web.routes import mount

AS_OF = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BASE = -2.5137
DECIDED = (
    DecisionEntry(AS_OF - timedelta(days=1), "dispute", "no budget before spring"),
    DecisionEntry(AS_OF - timedelta(days=9), "recycle", None),
)

MODEL = {
    "en": ModelFacts(
        "leadlight",
        7,
        "lightgbm",
        "boosted trees",
        "calibrated",
        "The chance is calibrated: it was checked against what became of later leads.",
    ),
    "es": ModelFacts(
        "leadlight",
        7,
        "lightgbm",
        "árboles potenciados",
        "calibrated",
        "La probabilidad está calibrada: se comprobó con lo que fue de leads posteriores.",
    ),
}
UNCHECKED = {
    ("rank_only", "en"): "The order can be trusted, the chance can't yet: no chance is shown.",
    ("rank_only", "es"): "El orden es fiable, la probabilidad todavía no: no se muestra ninguna.",
    ("points_only", "en"): "Only the hand-picked points speak here: there is no data yet to learn from.",
    ("points_only", "es"): "Aquí solo hablan los puntos elegidos a mano: aún no hay datos de los que aprender.",
}
AGREEMENT = AgreementFacts(
    version="3f9a12c07b",
    goal_stage="sql",
    horizon_days=90.0,
    leads_per_week=120,
    grades={"A": 80, "B": 55, "C": 30},
    defaults=("Grades not agreed: quartiles of the score are used",),
)

_LABELS = {
    "en": {
        "fit": ("Fit", "Do they suit the offer?"),
        "interest": ("Interest", "What do they do?"),
        "cycle": ("Cycle", "Where do they stand in buying?"),
    },
    "es": {
        "fit": ("Encaje", "¿Encajan con la oferta?"),
        "interest": ("Interés", "¿Qué hacen?"),
        "cycle": ("Ciclo", "¿En qué punto de la compra están?"),
    },
}


@dataclass(frozen=True)
class Told:
    """One reason in both languages; ``seen`` is (leads, rate, low, high), None where too few."""

    code: str
    component: str
    impact: float
    en: str
    es: str
    set_en: str = ""
    set_es: str = ""
    seen: tuple[int, int, int, int] | None = None
    not_known: bool = False
    folded: int = 0
    contradicts: bool = False


REASONS = (
    Told(
        "employees", "fit", 0.3812, "250 employees", "250 empleados",
        "with “Employees” from 200 to below 500", "con «Empleados» de 200 a menos de 500", (431, 14, 11, 18),
    ),
    Told(
        "source", "fit", 0.2204, "Source is webinar", "Origen: webinar",
        "with “Source”: webinar", "con «Origen»: webinar", (612, 12, 10, 15),
    ),
    Told("title", "fit", -0.1467, "Title is not known", "El cargo no se conoce",
         "whose “Title” was not known", "cuyo «Cargo» no se conocía", (388, 6, 4, 9), not_known=True),
    Told("other", "fit", -0.0349, "4 smaller reasons together", "4 motivos menores juntos", folded=4),
    Told(
        "demo_request", "interest", 1.1218, "Requested a demo 3 days ago", "Solicitó una demo hace 3 días",
        "whose last “Demo request” lay below 7 (days before)",
        "cuya última «Solicitud de demo» fue por debajo de 7 (días antes)", (218, 41, 35, 48),
    ),
    Told(
        "pricing_view", "interest", 0.5241, "Viewed the pricing page 4 times in 14 days",
        "Vio la página de precios 4 veces en 14 días",
        "with “Pricing page view” 3 to 5 times in the 14 days before",
        "con «Visita a precios» de 3 a 5 veces en los 14 días anteriores", (164, 29, 23, 37),
    ),
    Told("email_click", "interest", -0.1183, "Last clicked an email 41 days ago",
         "Último clic en un correo hace 41 días",
         "whose last “Email click” lay from 30 to below 60 (days before)",
         "cuyo último «Clic en correo» fue de 30 a menos de 60 (días antes)", contradicts=True),
    Told("chat", "interest", 0.0871, "Started 1 chat in 30 days", "Inició 1 chat en 30 días"),
    Told("other", "interest", -0.0012, "One smaller reason", "Un motivo menor", folded=1),
    Told("stage", "cycle", -0.3127, "In stage engaged for 64 days", "En la etapa con interés desde hace 64 días",
         "with “Days in stage” from 60 to below 120 (in days)", "con «Días en la etapa» de 60 a menos de 120 (en días)",
         (529, 5, 3, 7)),
    Told("account_activity", "cycle", 0.1842, "2 colleagues were active in 30 days", "2 colegas activos en 30 días",
         "with “Active colleagues” 2 times in the 30 days before",
         "con «Colegas activos» 2 veces en los 30 días previos",
         (97, 18, 11, 26)),
    Told("other", "cycle", -0.0481, "6 smaller reasons together", "6 motivos menores juntos", folded=6),
)  # fmt: skip


def sigmoid(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))


LOG_ODDS = BASE + sum(told.impact for told in REASONS)


def evidence(told: Told, language: str) -> str:
    if told.folded:
        return ""
    if told.contradicts:
        return {
            "en": "Lowers here, given the rest: looking at this alone, such leads converted more often than the "
            "average.",
            "es": "Baja aquí, dado lo demás: mirando solo esto, leads así se convirtieron con más frecuencia que la "
            "media.",
        }[language]
    if told.seen is None:
        return {"en": "Too few earlier leads to say.", "es": "Muy pocos leads anteriores para decir algo."}[language]
    leads, rate, low, high = told.seen
    if language == "en":
        return f"Of {leads} earlier leads {told.set_en}, {rate} % ({low}–{high}) became SQL within 90 days; 9 % of all."
    return (
        f"De {leads} leads anteriores {told.set_es}, el {rate} % ({low}–{high}) llegó a SQL en 90 días; "
        "el 9 % de todos."
    )


def direction_text(told: Told, language: str) -> str:
    word = ("raises", "sube") if told.impact > 0 else ("lowers", "baja")
    if told.contradicts:
        return f"{word[0]} here, given the rest" if language == "en" else f"{word[1]} aquí, dado lo demás"
    return f"{word[0]} the score" if language == "en" else f"{word[1]} la puntuación"


def components(reasons: Sequence[Told], language: str, base: float = BASE) -> tuple[ComponentBars, ...]:
    """Chain the bars from the base on."""
    at, made = base, []
    for component, (label, question) in _LABELS[language].items():
        bars = []
        for told in (r for r in reasons if r.component == component):
            bars.append(
                ReasonBar(
                    code=told.code,
                    component=component,
                    text=told.en if language == "en" else told.es,
                    impact=told.impact,
                    start=at,
                    end=at + told.impact,
                    direction="raises" if told.impact > 0 else "lowers",
                    direction_text=direction_text(told, language),
                    evidence=evidence(told, language),
                    definition=(told.set_en if language == "en" else told.set_es) if told.seen else "",
                    not_known=told.not_known,
                    folded=told.folded,
                )
            )
            at += told.impact
        made.append(ComponentBars(component, label, question, math.fsum(bar.impact for bar in bars), tuple(bars)))
    return tuple(made)


_HEADLINES = {
    "en": ("VP Operations, software", "Plant manager, manufacturing", "Head of IT, logistics", "Buyer, retail", ""),
    "es": ("VP Operaciones, software", "Jefe de planta, industria", "Jefe de TI, logística", "Compras, retail", ""),
}  # fmt: skip
_WHY = {
    "en": (
        "Requested a demo 3 days ago",
        "Viewed the pricing page 6 times in 14 days",
        "Attended a webinar 9 days ago",
        "5 colleagues were active in 30 days",
        "Replied to an email 2 days ago",
        "1,200 employees",
    ),
    "es": (
        "Solicitó una demo hace 3 días",
        "Vio la página de precios 6 veces en 14 días",
        "Asistió a un webinar hace 9 días",
        "5 colegas activos en 30 días",
        "Respondió a un correo hace 2 días",
        "1.200 empleados",
    ),
}
_COLD = {"en": "No activity for 71 days", "es": "Sin actividad desde hace 71 días"}
_MISSING = {"en": ("title", "employees", "industry", "country"), "es": ("cargo", "empleados", "sector", "país")}
_OWNERS = ("rep-01", "rep-02", "rep-07", None)
_STAGES = ("engaged", "mql", "new", "recycled", None)
LEADS = 130


def row(rank: int, language: str, log_odds: float | None = None) -> QueueRow:
    """The lead of a rank; ranks run to `LEADS`."""
    i = rank - 1
    z = 0.61 - 0.036 * i - 0.00008 * i * i if log_odds is None else log_odds
    score = max(0, round(99 - 99 * i / LEADS))
    band: Band = "hot" if i < 14 else "warm" if i < 60 else "cold"
    return QueueRow(
        rank=rank,
        lead_id=f"L-{1042 + 37 * i % 4999:04d}",
        account_id=None if i % 11 == 10 else f"A-{(77 + 13 * i) % 400}",
        stage=_STAGES[i % 5],
        score=score,
        probability=sigmoid(z),
        grade="A" if score >= 80 else "B" if score >= 55 else "C" if score >= 30 else "D",
        band=band,
        why=_COLD[language] if band == "cold" and i % 2 else _WHY[language][(i * 5 + i // 4) % 6],
        why_direction="lowers" if band == "cold" and i % 2 else "raises",
        confidence=("high", "medium", "high", "low")[i % 4],
        scorecard_rank=1 + (i * 29 + 33) % LEADS if i != 4 else 5,
        scorecard_points=float(max(0, 61 - (i * 29 + 33) % LEADS // 2)),
        receipt_id=f"01JDDZ{rank:04d}T8Q4X9V2M7KHNB3W6"[:26],
        headline=_HEADLINES[language][i % 5],
        owner_id=_OWNERS[i % 4],
        missing=_MISSING[language][: (i * 7) % 5],
    )


def hero_row(language: str) -> QueueRow:
    """The first lead, whose page is written out in full."""
    return replace(
        row(1, language, LOG_ODDS),
        score=99,
        why=_WHY[language][0],
        missing=({"en": ("title",), "es": ("cargo",)})[language],
        scorecard_rank=34,
        scorecard_points=43.0,
        headline={"en": "Software, 250 employees", "es": "Software, 250 empleados"}[language],
    )


def rows(language: str) -> list[QueueRow]:
    rest = [row(rank, language) for rank in range(2, LEADS + 1)]
    return [hero_row(language), *[replace(r, probability=min(r.probability or 0, 0.33)) for r in rest]]


def _happened(language: str) -> tuple[TimelineEntry, ...]:
    def at(days: float) -> datetime:
        return AS_OF - timedelta(days=days)

    said = (
        (2.66, "activity", "demo_request", "Demo request", "Solicitud de demo", "autumn-webinar, web"),
        (2.71, "activity", "pricing_view", "Pricing page view", "Visita a precios", "web"),
        (5.3, "activity", "pricing_view", "Pricing page view", "Visita a precios", "web"),
        (5.31, "activity", "chat", "Chat", "Chat", ""),
        (11.1, "activity", "call", "Call", "Llamada", "rep-01"),
        (41.2, "activity", "email_click", "Email click", "Clic en correo", "autumn-webinar, email"),
        (63.9, "stage", "engaged", "Stage: engaged", "Etapa: con interés", "webinar attended"),
        (64.0, "activity", "webinar_attended", "Attended webinar", "Asistencia a webinar", "autumn-webinar"),
        (69.96, "created", "", "Lead created", "Lead creado", "webinar"),
    )
    return tuple(
        TimelineEntry(at(days), kind, name, en if language == "en" else es, detail)  # type: ignore[arg-type]
        for days, kind, name, en, es, detail in said
    )


_ATTRIBUTES = {
    "en": (("Source", "webinar"), ("Industry", "software"), ("Employees", "250"), ("Country", "Spain")),
    "es": (("Origen", "webinar"), ("Sector", "software"), ("Empleados", "250"), ("País", "España")),
}


@dataclass
class StillPages:
    """`Pages` over the leads of this module.

    Attributes
    ----------
    status : {"calibrated", "rank_only", "points_only"}
    queue_changes, lead_changes : dict
        Fields of every `QueuePage` or `LeadPage` that a test wants otherwise.
    row_changes : dict of str to dict
        Fields of one lead's row, by lead id.
    fails : Exception, optional
        What every call raises.
    """

    status: str = "calibrated"
    queue_changes: dict[str, object] = field(default_factory=dict)
    lead_changes: dict[str, object] = field(default_factory=dict)
    row_changes: dict[str, dict[str, object]] = field(default_factory=dict)
    fails: Exception | None = None

    def model(self, language: str) -> ModelFacts:
        note = UNCHECKED.get((self.status, language), MODEL[language].probability_note)
        return replace(MODEL[language], probability_status=self.status, probability_note=note)

    def rows(self, language: str) -> list[QueueRow]:
        made = [replace(r, **self.row_changes.get(r.lead_id, {})) for r in rows(language)]  # type: ignore[arg-type]
        return made if self.status == "calibrated" else [replace(r, probability=None) for r in made]

    def queue(
        self,
        *,
        language: str,
        offset: int = 0,
        limit: int = 50,
        band: Band | None = None,
        minimum_score: int = 0,
        owner: str | None = None,
        own: str | None = None,
    ) -> QueuePage:
        if self.fails is not None:
            raise self.fails
        everyone = [r for r in self.rows(language) if own in (None, r.owner_id)]
        chosen = [
            r for r in everyone if band in (None, r.band) and r.score >= minimum_score and owner in (None, r.owner_id)
        ]
        page = QueuePage(
            rows=tuple(chosen[offset : offset + limit]),
            total=len(chosen),
            offset=offset,
            limit=limit,
            band=band,
            counts={name: sum(r.band == name for r in everyone) for name in ("hot", "warm", "cold")},
            as_of=AS_OF,
            fixed_clock=True,
            model=self.model(language),
            agreement=AGREEMENT,
            language=language,
            degraded=(),
            minimum_score=minimum_score,
            owner=owner,
            owners=tuple(sorted({r.owner_id for r in everyone if r.owner_id})),
        )
        return replace(page, **self.queue_changes)  # type: ignore[arg-type]

    def lead(self, lead_id: str, *, language: str, own: str | None = None) -> LeadPage | None:
        if self.fails is not None:
            raise self.fails
        found = next((r for r in self.rows(language) if r.lead_id == lead_id and own in (None, r.owner_id)), None)
        return None if found is None else replace(self._page(found, language), **self.lead_changes)  # type: ignore[arg-type]

    def _page(self, found: QueueRow, language: str) -> LeadPage:
        return LeadPage(
            row=found,
            open_leads=LEADS,
            created_at=AS_OF - timedelta(days=69.96),
            base_log_odds=BASE,
            log_odds=LOG_ODDS,
            base_text={"en": "Where every lead starts", "es": "Punto de partida de todo lead"}[language],
            base_probability=sigmoid(BASE) if self.status == "calibrated" else None,
            components=components(REASONS, language),
            missing={"en": ("title",), "es": ("cargo",)}[language],
            timeline=_happened(language),
            timeline_left_out=3,
            attributes=_ATTRIBUTES[language],
            as_of=AS_OF,
            fixed_clock=True,
            model=self.model(language),
            agreement=AGREEMENT,
            language=language,
            degraded=(),
            deciding=Deciding("01JDDZ0001T8Q4X9V2M7KHNB3X", DECIDED),
        )


def app_of(pages: StillPages) -> FastAPI:
    """An app with nothing but the pages."""
    app = FastAPI()
    app.state.pages = pages
    mount(app)
    app.add_middleware(_AsAdmin)
    return app


class _AsAdmin:
    """Says who calls, as the gate does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})[CALLER] = HERE
        await self._app(scope, receive, send)
