"""Files of networks of transformers, and of word vectors, that are cut short: one sentence each."""

import re
import sys
from pickle import UnpicklingError

import huggingface_hub
import numpy as np
import pytest
import torch
import transformers
from safetensors import SafetensorError
from safetensors.numpy import save_file
from tiny_language import byte_pairs, seeded, word_pieces

import neuroalign as na
from neuroalign.errors import DataError, UnknownNameError
from neuroalign.models.families.damaged import refuse_damaged
from neuroalign.models.families.hub import in_words

SMALL = {"vocab_size": 300, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 12,
         "bos_token_id": 0, "eos_token_id": 0}  # fmt: skip
HUBERT = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
          "intermediate_size": 8, "conv_dim": (8,), "conv_kernel": (10,), "conv_stride": (5,),
          "num_feat_extract_layers": 1, "num_conv_pos_embedding_groups": 2}  # fmt: skip


@pytest.fixture(autouse=True)
def no_hub(monkeypatch):
    """Let no test reach the hub."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def folder(tmp_path):
    """Save a small language network."""
    network = seeded(transformers.GPT2LMHeadModel, transformers.GPT2Config(**SMALL))
    network.save_pretrained(tmp_path)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=byte_pairs())
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def sounds(tmp_path):
    """Save a small network that reads sounds."""
    seeded(transformers.HubertModel, transformers.HubertConfig(**HUBERT)).save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    return tmp_path


def cut(path, kept=0.5):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])


def refused(sentence, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


def damaged(path, name):
    """Expect that this file of the model is called damaged, for whatever reason."""
    said = f"File {str(path)!r} of model {name!r} is damaged ("
    return pytest.raises(DataError, match=rf"^{re.escape(said)}.+\); fetch it anew\.$")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_a_file_of_a_folder_that_is_cut_short_is_named(folder, file, kept):
    cut(folder / file, kept)
    with damaged(folder / file, f"hf:{folder}"):
        na.load_model(f"hf:{folder}")


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_list_in_place_of_an_object_is_named(folder, file):
    (folder / file).write_text("[]")
    with refused(
        f"File {str(folder / file)!r} of model 'hf:{folder}' is damaged (it holds no JSON object); "
        "fetch it anew."
    ):
        na.load_model(f"hf:{folder}")


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("kept", [0, 0.1, 0.99])
def test_old_weights_that_are_cut_short_are_named(folder, old, kept):
    network = transformers.GPT2LMHeadModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    path = folder / "pytorch_model.bin"
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=not old)
    assert na.load_model(f"hf:{folder}").layers
    cut(path, kept)
    with damaged(path, f"hf:{folder}"):
        na.load_model(f"hf:{folder}")


def test_a_part_of_weights_in_parts_is_named(folder):
    network = transformers.GPT2LMHeadModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    network.save_pretrained(folder, max_shard_size="10KB")
    part = sorted(folder.glob("model-*.safetensors"))[1]
    assert na.load_model(f"hf:{folder}").layers
    cut(part)
    with damaged(part, f"hf:{folder}"):
        na.load_model(f"hf:{folder}")


def test_a_tokenizer_of_whole_json_that_is_none_is_one_sentence(folder):
    (folder / "tokenizer.json").write_text("{}")
    said = f"Transformers cannot read the tokenizer of model 'hf:{folder}': "
    with pytest.raises(DataError, match=rf"^{re.escape(said)}.+\.$"):
        na.load_model(f"hf:{folder}")


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_feature_extractor_is_one_sentence(sounds, text):
    (sounds / "preprocessor_config.json").write_text(text)
    said = f"The file preprocessor_config.json of model 'hf:{sounds}' cannot be read: "
    with pytest.raises(DataError, match=rf"^{re.escape(said)}.+\.$"):
        na.load_model(f"hf:{sounds}")


def test_an_unknown_option_of_sounds_is_told_all_that_there_are(sounds):
    with refused(
        f"No option of model 'hf:{sounds}' is called 'context'. Known: 'batch_size', 'device', "
        "'layers', 'memory_budget', 'precision', 'revision', 'seed', 'stride', 'untrained', "
        "'window'.",
        UnknownNameError,
    ):
        na.load_model(f"hf:{sounds}", context="alone")
    assert na.load_model(f"hf:{sounds}", batch_size=2, precision="float32", layers="block.0")


@pytest.mark.parametrize(("option", "near"), [("unttrained", "untrained"), ("revison", "revision")])
def test_an_unknown_option_of_texts_names_those_of_the_family_too(folder, option, near):
    with refused(
        f"No option of model 'hf:{folder}' is called {option!r}. Did you mean {near!r}?",
        UnknownNameError,
    ):
        na.load_model(f"hf:{folder}", **{option: 0})


def test_the_name_that_a_model_is_loaded_by_is_no_option(folder):
    with pytest.raises(UnknownNameError, match="Known: 'batch_size', ") as error:
        na.load_model(f"hf:{folder}", nam="mine")
    assert "'name'" not in str(error.value)


def test_a_file_whose_package_is_not_installed_is_not_called_damaged(folder, monkeypatch):
    cut(folder / "model.safetensors")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    refuse_damaged([folder / "gone.json", folder / "model.safetensors"], "mine")


@pytest.mark.parametrize("error", [UnpicklingError("odd"), SafetensorError("odd")])
def test_what_a_package_raises_of_its_own_download_is_one_sentence(error):
    kind = type(error).__name__
    with (
        refused(f"The files of 'there' for model 'mine' cannot be used: {kind} odd."),
        in_words("mine", "there", None, "a file"),
    ):
        raise error


@pytest.mark.parametrize(("kind", "what"), [("folder", "texts"), ("sounds", "sounds")])
def test_a_preprocess_is_refused_where_no_images_are_read(request, kind, what):
    path = request.getfixturevalue(kind)
    with refused(
        f"Model 'hf:{path}' reads {what} as its own configuration says; leave out preprocess."
    ):
        na.load_model(f"hf:{path}", preprocess=len)


@pytest.mark.parametrize("file", ["w.safetensors", "tokenizer.json"])
def test_word_vectors_or_their_tokenizer_that_are_cut_short_are_named(tmp_path, file):
    save_file({"x": np.eye(17, dtype=np.float32)}, tmp_path / "w.safetensors")
    word_pieces().save(str(tmp_path / "tokenizer.json"))
    cut(tmp_path / file)
    name = f"static:{tmp_path / 'w.safetensors'}"
    with damaged(tmp_path / file, name):
        na.load_model(name)


@pytest.mark.parametrize("kept", [0, 0.5])
def test_word_vectors_in_an_archive_that_is_cut_short_are_named(tmp_path, kept):
    path = tmp_path / "w.npz"
    np.savez(path, words=np.array(["a", "b"]), vectors=np.eye(2))
    cut(path, kept)
    with refused(
        f"File {str(path)!r} cannot be read as word vectors: it is no archive of arrays, or one "
        "that is cut short."
    ):
        na.load_model(f"static:{path}")


def test_word_vectors_in_an_archive_with_bytes_changed_are_named(tmp_path):
    path = tmp_path / "w.npz"
    np.savez(path, words=np.array(["a", "b"]), vectors=np.eye(2))
    content = bytearray(path.read_bytes())
    content[180] ^= 1
    path.write_bytes(content)
    said = f"File {str(path)!r} cannot be read as word vectors: "
    with pytest.raises(DataError, match=rf"^{re.escape(said)}.+\.$"):
        na.load_model(f"static:{path}")


WHOLE = {
    "of objects": lambda path: torch.save({"net": torch.nn.Linear(2, 2)}, path),
    "of a newer pickle": lambda path: torch.save({"a": torch.ones(2)}, path, pickle_protocol=4),
    "scripted": lambda path: torch.jit.script(torch.nn.ReLU()).save(path),
    "old": lambda path: torch.save({"a": 1}, path, _use_new_zipfile_serialization=False),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_file_is_not_called_damaged(kind, tmp_path):
    WHOLE[kind](tmp_path / "weights.pt")
    (tmp_path / "labels.json").write_text("[1, 2]")
    refuse_damaged(sorted(tmp_path.iterdir()), "it")
    cut(tmp_path / "weights.pt")
    with pytest.raises(DataError, match=r"^File '.*weights\.pt' of model 'it' is damaged \("):
        refuse_damaged(sorted(tmp_path.iterdir()), "it")
