"""What a receipt's lead looked like to another model: the columns of its catalog at the receipt's moment.

Where each of those columns is one that the receipt has, it is taken from there. Else they are built again from the
store, which keeps what was known at every past moment. Whether that is so is checked, not believed: the receipt's
own columns have to come out with the very bits that it holds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from leadlight.core.artifact import decode, encode_values
from leadlight.core.catalog import Catalog, Feature
from leadlight.features.build import build
from leadlight.features.online import timeline_of_crowd
from leadlight.features.timeline import Moments
from leadlight.serving.ledger.reading import Known
from leadlight.serving.store.receipts import Receipt

__all__ = ["ReadKnown", "row_of", "row_under"]

ReadKnown = Callable[[str, int], Known]
"""Reads a lead by its id as it was known at a moment in microseconds."""

Row = NDArray[np.float64]


def row_of(receipt: Receipt, catalog: Catalog) -> Row:
    """Return a receipt's stored values as the row of its own catalog, shape (n_features,)."""
    return encode_values(catalog, receipt.values)


def row_under(receipt: Receipt, own: Catalog, other: Catalog, read: ReadKnown) -> Row | None:
    """Return the row of another catalog for a receipt's lead and moment; None where the store can't tell it.

    Parameters
    ----------
    receipt : Receipt
    own : Catalog
        Of the model that made the receipt.
    other : Catalog
    read : callable
    """
    row = row_of(receipt, own)
    taken = _taken(row, own, other)
    if taken is not None:
        return taken
    known = read(receipt.lead_id, receipt.as_of)
    if known.asked != 1 or _as_stored(own, _built(known, own, receipt.as_of)).tobytes() != row.tobytes():
        return None
    return _built(known, other, receipt.as_of)


def _taken(row: Row, own: Catalog, other: Catalog) -> Row | None:
    """Return the other catalog's row from one's own columns, where all are computed alike from the same words."""
    if own.fingerprint == other.fingerprint:
        return row
    if own.vocabulary != other.vocabulary:
        return None
    mine = {feature.name: place for place, feature in enumerate(own.features)}
    places = []
    for feature in other.features:
        place = mine.get(feature.name)
        if place is None or not _alike(own.features[place], feature):
            return None
        places.append(place)
    return row[places]


def _alike(one: Feature, other: Feature) -> bool:
    """Return whether two features are the same computation; what they count towards is another matter."""
    mine, theirs = ((f.primitive, f.version, f.params, f.kind, f.levels) for f in (one, other))
    return mine == theirs


def _as_stored(catalog: Catalog, row: Row) -> Row:
    """Return a row as a receipt gives it back: what is missing is missing, whatever its bits."""
    return encode_values(catalog, decode(catalog, row))


def _built(known: Known, catalog: Catalog, as_of: int) -> Row:
    timeline = timeline_of_crowd(catalog.vocabulary, known)
    row: Row = build(catalog, timeline, Moments(np.zeros(1, np.int64), np.array([as_of], np.int64)))[0]
    return row
