"""What decides the activations of a text model, as the cache and the provenance see it."""

import json

import numpy as np
import pytest
import torch

from neuroalign.errors import DataError

transformers = pytest.importorskip("transformers", reason="the extra [text] is not installed")

from tiny_language import bert, byte_pairs, gpt2, story, values_of, word_pieces  # noqa: E402
from tokenizers import normalizers  # noqa: E402

from neuroalign.models.cache import cached  # noqa: E402
from neuroalign.models.joined import JoinedModel  # noqa: E402
from neuroalign.models.localizer_halves import equal_stimuli  # noqa: E402
from neuroalign.models.text import TextModel  # noqa: E402

STORY = story("the", "unhappy", "dog", "sat", ".")


def encoder(**options):
    return TextModel(bert(), word_pieces(), **options)


def decoder(**options):
    return TextModel(gpt2(32, transformers.GPT2LMHeadModel), byte_pairs(), **options)


def other_weights():
    network = bert()
    with torch.no_grad():
        network.encoder.layer[1].output.dense.bias[3] += 1e-3
    return TextModel(network, word_pieces())


def other_tokenizer():
    tokenizer = word_pieces()
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    return TextModel(bert(), tokenizer)


OTHERS = [
    other_weights,
    other_tokenizer,
    lambda: encoder(context="growing"),
    lambda: encoder(context="window", window=2),
    lambda: encoder(context="window", window=3),
    lambda: encoder(context="window", window=3, stride=2),
    lambda: encoder(pooling="last"),
    lambda: encoder(prompt="the "),
    lambda: encoder(separator="  "),
    lambda: encoder(precision="bfloat16"),
    decoder,
    lambda: decoder(pooling="generated", max_new_tokens=2),
    lambda: decoder(pooling="generated", max_new_tokens=3),
]


def test_the_fingerprint_tells_all_that_matters_apart():
    same = [encoder(), encoder(name="other", batch_size=3), encoder(context="window", window=1)]
    assert len({model.fingerprint() for model in same}) == 1
    fingerprints = {model.fingerprint() for model in [same[0], *(make() for make in OTHERS)]}
    assert len(fingerprints) == 1 + len(OTHERS)


def test_whatever_changes_the_model_changes_its_ingredients():
    found = [make().ingredients(STORY) for make in [encoder, *OTHERS]]
    assert len({json.dumps(one, sort_keys=True) for one in found}) == 1 + len(OTHERS)
    for one in found:
        assert all(isinstance(value, str) for value in one.values())


def test_labels_and_what_is_not_read_are_no_ingredients():
    model = encoder(context="growing")
    renamed = STORY.set_axis(list("vwxyz")).assign(onset=np.arange(5.0), length=3)
    assert model.ingredients(renamed) == model.ingredients(STORY)
    assert encoder(context="growing", batch_size=2).ingredients(STORY) == model.ingredients(STORY)


@pytest.mark.parametrize(
    "change",
    [
        lambda stimuli: stimuli.iloc[::-1],
        lambda stimuli: stimuli[1:],
        lambda stimuli: stimuli.assign(text=["cat", *stimuli["text"][1:]]),
        lambda stimuli: stimuli.assign(onset=stimuli["onset"].to_numpy()[[1, 0, 2, 3, 4]]),
        lambda stimuli: stimuli.assign(run=[1, 1, 2, 2, 2]),
    ],
    ids=["order of rows", "fewer", "an earlier word", "order of reading", "passages"],
)
def test_whatever_changes_an_input_changes_the_ingredients(change):
    model = encoder(context="growing")
    before, after = model.ingredients(STORY), model.ingredients(change(STORY))
    assert [name for name in before if before[name] != after[name]] == ["inputs"]


def test_the_places_of_own_tokens_are_ingredients():
    glued, apart = story("the cat", "sat"), story("the", "cat sat")
    model = encoder(context="growing")
    last = [model.ingredients(stimuli)["inputs"] for stimuli in (glued, apart)]
    assert last[0] != last[1]


@pytest.mark.parametrize("make", [encoder, decoder])
def test_a_pass_changes_nothing_that_is_hashed(make):
    model = make()
    before = model.ingredients(STORY)
    first = values_of(model, STORY)
    assert model.ingredients(STORY) == before
    for layer, values in values_of(model, STORY).items():
        np.testing.assert_array_equal(values, first[layer])


def test_half_precision_is_an_ingredient_and_gives_nearly_the_same():
    exact, rounded = encoder(context="growing"), encoder(context="growing", precision="bfloat16")
    assert '"precision": "bfloat16"' in rounded.ingredients(STORY)["options"]
    once, other = values_of(exact, STORY), values_of(rounded, STORY)
    for layer in ("block.0", "block.1"):
        assert other[layer].dtype == np.float32
        assert not np.array_equal(other[layer], once[layer])
        np.testing.assert_allclose(other[layer], once[layer], atol=0.1)


def test_what_a_cache_goes_by_is_refused_for_a_label_that_is_given_twice(tmp_path):
    stimuli = STORY.set_axis([STORY.index[0], *STORY.index[:-1]])
    sentence = "The stimulus label 'w00' is given twice; give each stimulus one label."
    for ask in (encoder().ingredients, cached(encoder(), folder=tmp_path).activations):
        with pytest.raises(DataError) as error:
            list(ask(stimuli))
        assert str(error.value) == sentence


def test_the_same_word_is_read_alike_alone_and_in_the_same_context_only():
    words = story("the", "dog", "the", "dog")
    growing = encoder(context="growing", batch_size=3)
    assert equal_stimuli(encoder(), words, None).tolist() == [0, 1, 0, 1]
    assert equal_stimuli(growing, words, None).is_unique
    assert equal_stimuli(JoinedModel.of_layers(growing), words, None).is_unique
    twice = story("the", "dog", "the", "dog", run=[0, 0, 1, 1])
    assert equal_stimuli(growing, twice, None).tolist() == [0, 1, 0, 1]
