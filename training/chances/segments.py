"""The segments that the agreement names: groups of leads that are judged apart, by a value they share.

They are named before anything is measured, so that nobody can pick the flattering ones afterwards. Every value of a
named attribute makes a segment, "not known" and the rare values together too. A number is cut into thirds of the
moments at hand: by where they lie, never by their outcomes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.core.catalog import CODE_NOT_KNOWN, NOT_KNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.catalog import Catalog, Feature

__all__ = ["segments_left_out", "segments_of"]

_PRIMITIVES: Final = frozenset({"attribute_category", "attribute_number"})
_THIRDS: Final = (1 / 3, 2 / 3)


def segments_of(agreement: Agreement, catalog: Catalog, matrix: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
    """Return which moments belong to each segment.

    Parameters
    ----------
    agreement : Agreement
        Whose ``segments`` are attribute names.
    catalog : Catalog
    matrix : ndarray of shape (n_moments, n_features)
        The catalog's columns: attributes as they were known at each moment.

    Returns
    -------
    dict of str to ndarray of shape (n_moments,), dtype bool
        By name (``"source = webinar"``, ``"source = (not known)"``, ``"employees at most 50"``), in the agreement's
        order of attributes and the catalog's order of levels; none is empty. The segments of one attribute are
        disjoint and together hold every moment.
    """
    found: dict[str, NDArray[np.bool_]] = {}
    for name in agreement.segments:
        feature = _column_of(name, catalog)
        if feature is not None:
            parts = _by_level if feature.kind == "category" else _by_third
            found.update(parts(name, feature, matrix[:, catalog.position[feature.name]]))
    return found


def segments_left_out(agreement: Agreement, catalog: Catalog) -> dict[str, str]:
    """Return the agreed attributes that make no segments here, and why."""
    absent = [name for name in agreement.segments if _column_of(name, catalog) is None]
    return {name: catalog.left_out.get(name, "there is no such attribute in the data") for name in absent}


def _column_of(attribute: str, catalog: Catalog) -> Feature | None:
    mine = (f for f in catalog.features if f.primitive in _PRIMITIVES and f.params["attribute"] == attribute)
    return next(mine, None)


def _by_level(name: str, feature: Feature, codes: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    for code in range(CODE_NOT_KNOWN, 2 + len(feature.levels)):
        inside = codes == code
        if inside.any():
            yield f"{name} = {feature.level_name(code)}", inside


def _by_third(name: str, _feature: Feature, values: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    known = ~np.isnan(values)
    if not known.all():
        yield f"{name} = {NOT_KNOWN}", ~known
    if not known.any():
        return
    # An edge is a value that occurs, so that the words name no number that nobody has.
    edges = np.unique(np.quantile(values[known], _THIRDS, method="lower"))
    edges = edges[edges < values[known].max()]
    part = np.searchsorted(edges, values, side="left")
    for i, words in enumerate(_words(edges)):
        yield f"{name} {words}", known & (part == i)


def _words(edges: NDArray[np.float64]) -> list[str]:
    """Name the parts that the edges make; each edge belongs to the part below it."""
    if len(edges) == 0:
        return ["known"]
    between = [f"above {low:g} up to {high:g}" for low, high in pairwise(edges)]
    return [f"at most {edges[0]:g}", *between, f"above {edges[-1]:g}"]
