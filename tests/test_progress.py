"""Bars show how far a run is, how fast it goes, and how long it still takes."""

from types import SimpleNamespace

import pytest
from rich.progress import MofNCompleteColumn, TimeRemainingColumn

from neuroalign import progress


def test_a_bar_has_steps_rate_and_remaining_time(monkeypatch):
    made = []
    bars = progress._bars

    def recording_bars(*amounts):
        made.append(bars(*amounts))
        return made[-1]

    monkeypatch.setattr(progress, "_bars", recording_bars)
    with progress.progress_bar("m: activations", 3) as advance:
        advance(2)
    (bar,) = made
    kinds = [type(column) for column in bar.columns]
    assert {MofNCompleteColumn, progress._Rate, TimeRemainingColumn} <= set(kinds)
    assert [task.completed for task in bar.tasks] == [2]


@pytest.mark.parametrize(
    ("speed", "finished", "shown"),
    [(None, None, ""), (12.345, None, "12.3/s"), (12.345, 0.25, "0.25/s")],
)
def test_the_rate_is_steps_in_a_second(speed, finished, shown):
    task = SimpleNamespace(speed=speed, finished_speed=finished)
    assert str(progress._Rate().render(task)) == shown
