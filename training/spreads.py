"""What the service compares its leads with: how those that were open on the training day spread over the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from leadlight.core.stability import Spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leadlight.core.catalog import Catalog

__all__ = ["spreads_of"]

_MOST: Final = 24
"""Each makes three series of the service's metrics for each population that is compared."""


def spreads_of(catalog: Catalog, matrix: NDArray[np.float64], contributions: NDArray[np.float64]) -> tuple[Spread, ...]:
    """Return the spread of each topic's own column; of many topics of those that move scores most.

    Parameters
    ----------
    catalog : Catalog
    matrix, contributions : ndarray of shape (n_open, n_features)
        The leads open on the training day: their columns, and what these add to the log-odds.
    """
    if not len(matrix):
        return ()
    moves = {
        topic: float(
            contributions[:, [i for i, f in enumerate(catalog.features) if f.topic == topic]].sum(axis=1).std()
        )
        for topic in catalog.topics
    }
    own = [
        topic.evidence for topic in sorted(catalog.topics.values(), key=lambda topic: (-moves[topic.name], topic.name))
    ]
    places = [catalog.position[name] for name in own if name is not None and name in catalog.position][:_MOST]
    return tuple(Spread.of(catalog.features[place], matrix[:, place]) for place in places)
