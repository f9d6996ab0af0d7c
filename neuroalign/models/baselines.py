"""What a model has to beat, by what it reads."""

from __future__ import annotations

# Kind of stimulus -> name of the model.
BASELINES = {
    "image": "pixels",
    "text": "word-rate",
    "audio": "spectrogram",
    "video": "motion-energy",
}
