"""How faults are told: all of them, each with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from neuroalign.data.faults import with_mend


def fault_list(subject: str, faults: Sequence[str]) -> str:
    """List the faults of something below one another, each with its mend.

    Parameters
    ----------
    subject : str
        What has them, as in "Dataset 'tuckute2024'".
    faults : sequence of str

    Returns
    -------
    str
    """
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    lines = [f"  - {with_mend(fault)}" for fault in faults]
    return "\n".join([f"{subject} has {count}:", *lines])
