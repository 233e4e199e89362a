"""What was asked for, so that every table can say whether it was reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Goal:
    """One figure's goal.

    Attributes
    ----------
    words : str
    least, aim : float
        What must be, and what would be better; for errors, the most that may be.
    is_error : bool
        Smaller is better.
    """

    words: str
    least: float
    aim: float
    is_error: bool = False

    def show(self, value: float) -> str:
        """Return a value as people read it."""
        return f"{value:.0e}" if self.is_error else f"{value:.1f}"

    def verdict(self, value: float) -> str:
        """Say whether goal and aim were reached."""
        if self.is_error:
            return "aim reached" if value <= self.aim else "goal reached" if value <= self.least else "**missed**"
        return "aim reached" if value >= self.aim else "goal reached" if value >= self.least else "**missed**"


GOALS: Final = {
    "single_row_ratio_vs_shap": Goal("one row, times as fast as shap", 15, 25),
    "batch_ratio_vs_lightgbm": Goal("batch, float64, one thread, times as fast as LightGBM contrib", 50, 80),
    "batch_ratio_vs_lightgbm_float32": Goal("batch, float32, one thread, times as fast as LightGBM contrib", 80, 140),
    "second_thread_gain": Goal("batch, float64, a second thread makes it so many times as fast", 1.4, 1.8),
    "max_abs_error": Goal("largest error of a share, float64", 1e-10, 1e-13, is_error=True),
    "max_abs_error_float32": Goal("largest error of a share, float32", 1e-5, 3e-6, is_error=True),
}
