"""Why a number is undefined: one list of reasons for scores, noise ceilings and other measures.

Undefined is NaN, with one of these reasons beside it; never 0, and never left out in silence.
"""

from __future__ import annotations

# The place of a reason in this list is its code; saved scores carry codes and words.
REASONS = (
    "defined",
    "too_few_stimuli",
    "constant_response",
    "constant_prediction",
    "missing_prediction",
    "silent_in_test",
    "silent_in_training",
    "zero_rate_with_spikes",
    "no_repetitions",
    "little_explainable_variance",
    "no_signal_power",
    "no_other_subject",
    "ceiling_not_positive",
    "masked_by_other_repetitions",
    "not_scored_by_guard",
    "undefined_by_measure",
)
(
    DEFINED,
    TOO_FEW,
    CONSTANT_RESPONSE,
    CONSTANT_PREDICTION,
    MISSING_PREDICTION,
    SILENT_IN_TEST,
    SILENT_IN_TRAINING,
    ZERO_RATE,
    NO_REPETITIONS,
    LITTLE_EXPLAINABLE,
    NO_SIGNAL_POWER,
    NO_OTHER_SUBJECT,
    CEILING_NOT_POSITIVE,
    MASKED,
    NOT_SCORED,
    UNDEFINED_MEASURE,
) = range(len(REASONS))


def flag_attributes() -> dict[str, object]:
    """Say what the codes mean, as the attributes of an array of them (CF conventions).

    Returns
    -------
    dict
        `flag_values` and `flag_meanings`.
    """
    return {"flag_values": list(range(len(REASONS))), "flag_meanings": " ".join(REASONS)}
