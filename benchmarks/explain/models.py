"""The models that are explained: synthetic ones of three sizes, and one learned from every history at hand.

Synthetic: 40 columns (30 numbers and 10 native categories of 3 to 250 levels, or 40 numbers), one value in twenty
missing, learning rate 0.05. Learned: boosted trees as `leadlight.training` fits them, on the catalog of each data set
under ../shared/data with its mapping and agreement from ``examples/``, and on a simulated company; always with the
largest number of trees that training chooses from. A fitted model is kept in ``build/benchmarks`` and used again as
long as this file and LightGBM stay the same.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import lightgbm
import numpy as np
import pandas as pd

from leadlight.agreement.terms import parse
from leadlight.core.contributions import Boosted
from leadlight.core.source import read_history
from leadlight.training import candidates
from leadlight.training.boosting import TREES
from leadlight.training.features_at import FeaturesAt
from leadlight.training.moments import Moments, draw_dated, draw_flat
from leadlight.training.refit import lesson_of
from leadlight.training.simulate import simulate, write

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History

ROOT: Final = Path(__file__).resolve().parents[2]
DATA: Final = ROOT.parent / "shared" / "data"
EXAMPLES: Final = ROOT / "examples"
KEPT: Final = ROOT / "build" / "benchmarks" / "models"

COLUMNS: Final = 40
LEVELS: Final = (3, 5, 8, 12, 20, 32, 60, 100, 170, 250)
REASONS: Final = 12
MOST_ROWS: Final = 20_000
COMPANY_LEADS: Final = 4_000
COMPANY: Final = "simulated company"


@dataclass(frozen=True)
class Shape:
    leaves: int
    trees: int
    depth: int = -1
    categories: bool = True
    learning_rows: int = 150_000


SYNTHETIC: Final = {
    "31x300": Shape(31, 300),
    "31x300 numeric": Shape(31, 300, categories=False),
    "15x200": Shape(15, 200),
    "15x200 numeric": Shape(15, 200, categories=False),
    "63x500": Shape(63, 500, depth=8),
    "63x500 numeric": Shape(63, 500, depth=8, categories=False),
}
TINY: Final = "7x20"
HEADLINE: Final = "31x300"


@dataclass(frozen=True)
class Model:
    """A booster and what it is asked.

    Attributes
    ----------
    text : str
        ``Booster.model_to_string()``.
    rows : ndarray of shape (n, n_columns)
        What our explainer is given: whole catalog columns, of which the booster may use some.
    columns : tuple of int
        Which of them are the booster's features, in its order.
    groups : tuple of int
        Reason of each of the booster's features.
    """

    name: str
    text: str = field(repr=False)
    rows: NDArray[np.float64] = field(repr=False)
    columns: tuple[int, ...]
    groups: tuple[int, ...]

    @property
    def inputs(self) -> NDArray[np.float64]:
        """The booster's own columns, ready for LightGBM; making them is not measured."""
        return np.ascontiguousarray(self.rows[:, list(self.columns)])


def names() -> list[str]:
    """Return every model that can be made here; a data set that is not here is left out."""
    return [*SYNTHETIC, *(name for name in datasets() if (DATA / name).is_dir()), COMPANY]


def absent() -> list[str]:
    """Return the data sets that have an example and are not here."""
    return [name for name in datasets() if not (DATA / name).is_dir()]


def datasets() -> list[str]:
    return sorted(path.parent.name for path in EXAMPLES.glob("*/dataset.toml"))


def get(name: str) -> Model:
    """Return a model by name, fitted now or kept from an earlier run."""
    key = hashlib.sha256(Path(__file__).read_bytes() + lightgbm.__version__.encode()).hexdigest()[:12]
    file = KEPT / f"{name.replace(' ', '-')}-{key}.npz"
    if file.is_file():
        return _read(file)
    model = _maker(name)()
    file.parent.mkdir(parents=True, exist_ok=True)
    _keep(model, file)
    return model


def _maker(name: str) -> Callable[[], Model]:
    """Return what makes a model: one of `names`, or the tiny one."""
    if name == TINY:
        return lambda: synthetic(name, Shape(7, 20, learning_rows=3_000))
    if name in SYNTHETIC:
        return lambda: synthetic(name, SYNTHETIC[name])
    if name == COMPANY:
        return company
    return lambda: learned(name, DATA / name, EXAMPLES / name)


def _keep(model: Model, file: Path) -> None:
    about = asdict(model)
    rows = about.pop("rows")
    np.savez(file, rows=rows, about=np.array(json.dumps(about)))


def _read(file: Path) -> Model:
    with np.load(file, allow_pickle=False) as kept:
        about: dict[str, Any] = json.loads(str(kept["about"]))
        rows = kept["rows"]
    return Model(about["name"], about["text"], rows, tuple(about["columns"]), tuple(about["groups"]))


def synthetic(name: str, shape: Shape) -> Model:
    rng = np.random.default_rng(7)
    effects = _Effects(rng, shape.categories)
    learn = effects.draw(rng, shape.learning_rows)
    converted = rng.random(len(learn)) < 1.0 / (1.0 + np.exp(-effects.log_odds(learn)))
    categories = list(range(COLUMNS - len(LEVELS), COLUMNS)) if shape.categories else []
    params = {
        "objective": "binary",
        "num_leaves": shape.leaves,
        "max_depth": shape.depth,
        "learning_rate": 0.05,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 2,
        "seed": 7,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(learn, converted.astype(float), categorical_feature=categories, params=params)
    booster = lightgbm.train(params, data, num_boost_round=shape.trees)
    groups = tuple(int(g) for g in rng.integers(0, REASONS, COLUMNS))
    rows = effects.draw(rng, min(MOST_ROWS, shape.learning_rows))
    return Model(name, booster.model_to_string(), rows, tuple(range(COLUMNS)), groups)


class _Effects:
    """What decides synthetic outcomes: weights, bends, products of two columns, and an effect of each level."""

    def __init__(self, rng: np.random.Generator, categories: bool) -> None:
        self.levels = LEVELS if categories else ()
        self.numbers = COLUMNS - len(self.levels)
        self.weight = rng.normal(scale=0.3, size=self.numbers)
        self.pairs = rng.integers(0, self.numbers, (8, 2))
        self.by_level = [rng.normal(scale=0.5, size=n) for n in self.levels]

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        numbers = rng.normal(size=(n, self.numbers))
        codes = [np.floor(n_levels * rng.random(n) ** 1.5) for n_levels in self.levels]  # low codes are common
        rows = np.column_stack([numbers, *codes])
        rows[rng.random(rows.shape) < 0.05] = np.nan
        return rows

    def log_odds(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        known = np.nan_to_num(rows)
        x = known[:, : self.numbers]
        said = x @ self.weight + np.sin(2 * x[:, 0]) + 0.4 * (x[:, 1] > 0.5)
        for a, b in self.pairs:
            said += 0.3 * x[:, a] * x[:, b]
        for k, effects in enumerate(self.by_level):
            said += effects[known[:, self.numbers + k].astype(int)]
        return np.asarray(said)


def learned(name: str, folder: Path, example: Path) -> Model:
    """Fit boosted trees on a history as training does, with the most trees that it would choose."""
    agreement = parse((example / "agreement.toml").read_text(encoding="utf-8"))
    now = pd.Timestamp("2026-11-23", tz="UTC")
    history = read_history(folder, mapping=example / "dataset.toml", now=now)
    moments, day = _mature(history, agreement)
    at = FeaturesAt.drawn_up(history, agreement, moments, np.ones(len(moments), bool), day)
    ranker = candidates.fit("lightgbm", lesson_of(agreement, at, at.matrix, moments), {"trees": TREES[-1]})
    assert isinstance(ranker, Boosted)
    number = {group: i for i, group in enumerate(at.catalog.groups)}
    groups = tuple(number[at.catalog.features[column].group] for column in ranker.inputs)
    some = np.random.default_rng(7).permutation(len(moments))[:MOST_ROWS]
    return Model(name, ranker.text, at.matrix[some], tuple(ranker.inputs), groups)


def _mature(history: History, agreement: Agreement) -> tuple[Moments, int | None]:
    if history.is_flat:
        return draw_flat(history).moments, None
    assert history.ended_at is not None
    day = int(history.ended_at.value // 1000) + 1
    drawn = draw_dated(history, goal_stage=agreement.stage, within_days=agreement.within_days, as_of=day).moments
    return drawn.take(drawn.mature), day


def company() -> Model:
    with tempfile.TemporaryDirectory() as folder:
        write(simulate(leads=COMPANY_LEADS, seed=1), Path(folder))
        return learned(COMPANY, Path(folder), Path(folder))


def chosen(asked: list[str], *, quick: bool) -> Iterator[Model]:
    for name in asked or ([TINY] if quick else names()):
        yield get(name)
