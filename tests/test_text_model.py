"""Language networks as models: which tokens a row averages, what an input holds."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from neuroalign.errors import DataError, UnknownNameError
from neuroalign.testing import check_model

transformers = pytest.importorskip("transformers", reason="the extra [text] is not installed")

from tiny_language import (  # noqa: E402
    LAYERS,
    LONGEST,
    bert,
    byte_pairs,
    expect,
    gpt2,
    spell,
    story,
    values_of,
    word_pieces,
)

from neuroalign.models import spool  # noqa: E402
from neuroalign.models.text import TextModel  # noqa: E402


def encoder(**options):
    return TextModel(bert(), word_pieces(), **options)


def decoder(**options):
    return TextModel(gpt2(), byte_pairs(), **options)


BOTH = pytest.mark.parametrize("make", [encoder, decoder])
EVERY_CONTEXT = pytest.mark.parametrize(
    "options",
    [{}, {"context": "growing"}, {"context": "window", "window": 3}],
    ids=["alone", "growing", "window"],
)


STORY = story(
    "the", "unhappy", "dog", "sat", ".", "it", "'s", "the", "cat", "the", "dog", "sat"
)  # fmt: skip


def test_a_word_alone_is_the_mean_over_its_pieces():
    inputs = [(spell("cat"), [1]), (spell("un", "##happ", "##y"), [1, 2, 3])]
    expect(encoder(), story("cat", "unhappy"), inputs)


def test_a_sentence_is_the_mean_over_its_tokens():
    ids = spell("the", "un", "##happ", "##y", "dog", ".")
    expect(encoder(), story("The unhappy dog."), [(ids, [1, 2, 3, 4, 5, 6])])


def test_a_growing_context_holds_all_earlier_words():
    inputs = [
        (spell("the"), [1]),
        (spell("the", "un", "##happ", "##y"), [2, 3, 4]),
        (spell("the", "un", "##happ", "##y", "dog"), [5]),
    ]
    expect(encoder(context="growing"), story("the", "unhappy", "dog"), inputs)


def test_a_window_holds_the_last_words():
    inputs = [
        (spell("the"), [1]),
        (spell("the", "un", "##happ", "##y"), [2, 3, 4]),
        (spell("un", "##happ", "##y", "dog"), [4]),
        (spell("dog", "sat"), [2]),
    ]
    model = encoder(context="window", window=2)
    expect(model, story("the", "unhappy", "dog", "sat"), inputs)


def test_punctuation_and_apostrophes_belong_to_their_word():
    inputs = [
        (spell("don"), [1]),
        (spell("don", "'", "t"), [2, 3]),
        (spell("don", "'", "t", "sat", "."), [4, 5]),
        (spell("don", "'", "t", "sat", ".", "."), [6]),
        (spell("don", "'", "t", "sat", ".", ".", "it", "'", "s"), [7, 8, 9]),
    ]
    expect(encoder(context="growing"), story("don", "'t", "sat.", ".", "it's"), inputs)


def test_a_sentence_may_have_a_context_too():
    ids = spell("the", "dog", "sat", ".", "it", "'", "s", "the", "cat")
    inputs = [(spell("the", "dog", "sat", "."), [1, 2, 3, 4]), (ids, [5, 6, 7, 8, 9])]
    expect(encoder(context="growing"), story("The dog sat.", "It's the cat"), inputs)


@pytest.mark.parametrize("trim", [True, False])
def test_a_space_belongs_to_the_token_that_holds_it_and_to_no_word_by_itself(trim):
    tokenizer = byte_pairs(trim=trim)
    ids = [tokenizer.token_to_id(token) for token in ["the", "Ġdog", "Ġ", "sat", "Ġ", "'", "t"]]
    inputs = [(ids[:1], [0]), (ids[:2], [1]), (ids[:4], [3]), (ids, [5, 6])]
    model = TextModel(gpt2(), tokenizer, context="growing")
    expect(model, story("the", "dog", "sat", "'t"), inputs)


def test_a_character_of_several_bytes_is_the_mean_over_them():
    tokenizer = byte_pairs()
    ids = [tokenizer.token_to_id(token) for token in ["the", "Ġ", "Ã", "¼"]]
    expect(decoder(context="growing"), story("the", "ü"), [(ids[:1], [0]), (ids, [2, 3])])


def test_the_oldest_words_are_dropped_whole_where_an_input_is_too_long():
    stimuli = story("unhappy", "unhappy", *["cat"] * 4, "unhappy")
    long = ["un", "##happ", "##y"]
    inputs = [
        (spell(*long), [1, 2, 3]),
        (spell(*long, *long), [4, 5, 6]),
        *[(spell(*long, *long, *["cat"] * n), [6 + n]) for n in range(1, 5)],
        (spell(*long, *["cat"] * 4, *long), [8, 9, 10]),
    ]
    assert len(inputs[5][0]) == LONGEST
    expect(encoder(context="growing"), stimuli, inputs)


@BOTH
def test_a_long_story_is_read_to_its_end(make):
    long = story(*["the", "sat"] * 20)
    grown = values_of(make(context="growing"), long)
    most = 10 if make is encoder else 6  # "the sat" is "the", " ", "sat" to the decoder
    windows = values_of(make(context="window", window=most), long)
    for layer, values in grown.items():
        np.testing.assert_allclose(values[-4:], windows[layer][-4:], atol=1e-5)
        assert np.isfinite(values).all()


def count_inputs(model, stimuli):
    sizes = []
    handle = model.network.register_forward_pre_hook(
        lambda _module, _positional, named: sizes.append(len(named["input_ids"])),
        with_kwargs=True,
    )
    list(model.activations(stimuli))
    handle.remove()
    return sizes


def test_a_network_that_cannot_look_ahead_reads_a_passage_once():
    stimuli = story("the", "dog", "sat", "the", "dog", run=[1, 1, 1, 2, 2])
    assert count_inputs(decoder(context="growing"), stimuli) == [1]
    plain = TextModel(bert(), word_pieces(special=False), context="growing")
    assert count_inputs(plain, stimuli) == [3]


def test_reading_a_passage_once_is_the_same_as_reading_up_to_each_word():
    stimuli, model = story("the", "dog", "sat", "'t"), decoder(context="growing")
    once = values_of(model, stimuli)
    model._language = replace(model._language, causal=False)
    assert count_inputs(model, stimuli) == [4]
    for layer, values in values_of(model, stimuli).items():
        np.testing.assert_allclose(once[layer], values, atol=1e-5)


@pytest.mark.parametrize("context", ["alone", "growing"])
def test_inputs_equal_to_the_letter_are_run_once(context):
    stimuli = story("dog", "cat", "dog", "cat", run=[1, 1, 2, 2])
    model = encoder(context=context)
    assert count_inputs(model, stimuli) == [2]
    for values in values_of(model, stimuli).values():
        np.testing.assert_array_equal(values[:2], values[2:])
        assert not np.allclose(values[0], values[1])


@BOTH
@EVERY_CONTEXT
@pytest.mark.parametrize("batch_size", [1, 5])
def test_padding_and_company_never_count(make, options, batch_size):
    expected = values_of(make(**options), STORY)
    found = values_of(make(batch_size=batch_size, **options), STORY)
    for layer, values in expected.items():
        np.testing.assert_allclose(found[layer], values, atol=1e-5)


@BOTH
def test_a_window_of_one_word_is_the_word_alone(make):
    alone = values_of(make(), STORY)
    for layer, values in values_of(make(context="window", window=1), STORY).items():
        np.testing.assert_array_equal(values, alone[layer])


@BOTH
@EVERY_CONTEXT
def test_later_words_never_matter(make, options):
    other = STORY.copy()
    other.loc["w07":, "text"] = ["unhappy", "it", ".", "cat", "."]
    expected, found = (values_of(make(**options), stimuli) for stimuli in (STORY, other))
    for layer, values in expected.items():
        np.testing.assert_allclose(found[layer][:7], values[:7], atol=1e-5)
        assert not np.allclose(found[layer][7], values[7], atol=1e-2)


@BOTH
@EVERY_CONTEXT
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_does_not_matter(make, options, seed):
    stimuli = STORY.assign(run=[1, 2] * 6)
    shuffled = stimuli.sample(frac=1, random_state=seed)
    expected = dict(make(batch_size=4, **options).activations(stimuli))
    for layer, part in make(batch_size=4, **options).activations(shuffled):
        assert list(part["stimulus"].values) == list(shuffled.index)
        np.testing.assert_array_equal(part.sel(stimulus=stimuli.index), expected[layer])


@BOTH
@EVERY_CONTEXT
@pytest.mark.parametrize("unit", ["run", "group"])
def test_passages_do_not_leak_into_each_other(make, options, unit):
    stimuli = STORY.assign(**{unit: ["a"] * 5 + ["b"] * 7})
    together = values_of(make(**options), stimuli)
    for part in (slice(0, 5), slice(5, None)):
        for layer, values in values_of(make(**options), stimuli[part]).items():
            np.testing.assert_allclose(together[layer][part], values, atol=1e-5)


@BOTH
@pytest.mark.parametrize("options", [{"context": "growing"}, {"context": "window", "window": 2}])
def test_one_word_in_two_places_has_two_values(make, options):
    stimuli = story("the", "dog", "sat", "dog")
    for layer, values in values_of(make(**options), stimuli, layers=["block.0", "block.1"]).items():
        assert not np.allclose(values[1], values[3], atol=1e-2), layer


@BOTH
@EVERY_CONTEXT
def test_a_text_model_keeps_what_a_model_promises(make, options):
    check_model(make(**options), STORY)


def test_activations_carry_stimulus_layer_and_model():
    ((layer, part),) = encoder(name="mine").activations(story("the", "dog"), layers="block.1")
    assert (layer, part["layer"].item(), part["model"].item()) == ("block.1", "block.1", "mine")
    assert list(part["stimulus"].values) == ["w00", "w01"]
    assert (part.dims, part.shape, part.dtype) == (("stimulus", "unit"), (2, 16), np.float32)


def test_layers_are_chosen_at_construction_or_call():
    model = encoder(layers=["block.1"])
    assert list(values_of(model, STORY)) == ["block.1"]
    wanted = ["block.0", "embeddings"]
    assert list(values_of(model, STORY, layers=wanted)) == wanted


def test_layers_beyond_the_memory_budget_go_through_the_disk(monkeypatch):
    expected = values_of(encoder(context="growing"), STORY)
    put, stored = spool._DiskStore.put, []

    def noted(store, layer, start, part):
        stored.append(layer)
        put(store, layer, start, part)

    monkeypatch.setattr(spool._DiskStore, "put", noted)
    found = values_of(encoder(context="growing", memory_budget=0, batch_size=5), STORY)
    assert set(stored) == set(LAYERS)
    for layer, values in expected.items():
        np.testing.assert_allclose(found[layer], values, atol=1e-5)


def test_a_pass_within_inference_mode_leaves_what_can_be_trained():
    kept, network = [], bert()
    network.encoder.register_forward_hook(lambda *given: kept.append(given[-1][0]))
    with torch.inference_mode():
        values_of(TextModel(network, word_pieces()), story("unhappy"))
    assert len(kept) == 2  # one when the model is made, one of the story
    assert not any(states.is_inference() for states in kept)


@BOTH
def test_random_draws_of_a_network_are_its_own_and_the_same_in_every_pass(make):
    model = make()
    noisy = model.network.get_input_embeddings()
    noisy.register_forward_hook(lambda *given: given[-1] + torch.randn_like(given[-1]))
    before = torch.get_rng_state()
    one, two = (values_of(model, story("unhappy"), layers="block.1") for _ in range(2))
    np.testing.assert_array_equal(one["block.1"], two["block.1"])
    assert torch.equal(torch.get_rng_state(), before)


def test_half_precision_is_averaged_in_float32():
    model = TextModel(bert().to(torch.bfloat16), word_pieces())
    for values in values_of(model, story("unhappy")).values():
        assert values.dtype == np.float32
        assert not np.array_equal(values, torch.from_numpy(values).bfloat16().float().numpy())


@pytest.mark.parametrize("fails", [False, True])
def test_each_submodule_gets_its_mode_back_and_dropout_is_off(fails):
    network = bert(hidden_dropout_prob=0.5).train()
    network.encoder.layer[1].eval()
    before = {name: child.training for name, child in network.named_modules()}
    model = TextModel(network, word_pieces())
    once = values_of(model, STORY)["block.1"]
    np.testing.assert_array_equal(values_of(model, STORY)["block.1"], once)
    if fails:
        network.encoder.layer[1].forward = None
        with pytest.raises(TypeError):
            values_of(model, STORY)
    assert {name: child.training for name, child in network.named_modules()} == before
    assert len(set(before.values())) == 2


def test_a_tokenizer_of_transformers_does_the_same_and_is_left_alone():
    raw = word_pieces()
    raw.enable_truncation(4)
    raw.enable_padding(length=9)
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="[PAD]")
    before = wrapped.backend_tokenizer.to_str()
    expected = values_of(encoder(context="growing"), STORY)
    for layer, values in values_of(TextModel(bert(), wrapped, context="growing"), STORY).items():
        np.testing.assert_array_equal(values, expected[layer])
    assert wrapped.backend_tokenizer.to_str() == before


def test_a_tokenizer_may_allow_less_than_the_network():
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=word_pieces(), model_max_length=4
    )
    inputs = [(spell("the"), [1]), (spell("the", "cat"), [2]), (spell("cat", "sat"), [2])]
    model = TextModel(bert(), wrapped, context="growing")
    expect(model, story("the", "cat", "sat"), inputs)


def refused(error, sentence):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


def test_a_text_that_is_too_long_by_itself_is_refused():
    sentence = (
        "The text of stimulus 'w01' has 13 tokens, but model 'BertModel' reads 12 at most; split "
        "it."
    )
    with refused(DataError, sentence):
        values_of(encoder(), story("the", "cat " * 11))


@pytest.mark.parametrize("context", ["alone", "growing"])
def test_a_text_without_a_token_is_refused(context):
    sentence = (
        r"The tokenizer of model 'BertModel' makes no token of '\u200b', the text of stimulus "
        "'w01'; leave the stimulus out."
    )
    with refused(DataError, sentence):
        values_of(encoder(context=context), story("the", "\u200b", "cat"))


@pytest.mark.parametrize(
    ("error", "stimuli", "options", "sentence"),
    [
        (UnknownNameError, STORY, {"context": "grow"},
         "No context is called 'grow'. Did you mean 'growing'?"),
        (DataError, STORY, {"context": "window", "window": 0},
         "window=0 is not a positive number of words; give context='window' one, as in window=32."),
        (DataError, STORY, {"batch_size": 0},
         "batch_size=0 is not a positive number of texts."),
        (DataError, STORY, {"batch_size": 2.5},
         "batch_size=2.5 is not a positive number of texts."),
        (DataError, STORY, {"memory_budget": "1 GB"},
         "memory_budget='1 GB' is no number of bytes; give one, as 10**9."),
        (DataError, STORY, {"device": "gpu"},
         "Device 'gpu' is not known to torch; use 'cpu', 'cuda' or 'mps'."),
        (UnknownNameError, STORY, {"layers": ["block.2"]},
         "No layer is called 'block.2'. Did you mean 'block.1'?"),
        (DataError, STORY.rename(index={"w03": "w01"}), {},
         "The stimulus label 'w01' is given twice; give each stimulus one label."),
        (DataError, STORY[:0], {}, "Model 'BertModel' was given no stimuli."),
        (DataError, STORY.drop(columns="onset"), {"context": "growing"},
         "The order of the stimuli is not known; give them a column 'onset' or 'position', or use "
         "context='alone'."),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(error, stimuli, options, sentence):
    with refused(error, sentence):
        values_of(encoder(**options), stimuli)


def test_a_tokenizer_that_does_not_know_places_is_refused():
    sentence = (
        "A function does not tell where in the text its tokens stand; use a fast tokenizer, as of "
        "AutoTokenizer.from_pretrained(folder)."
    )
    with refused(DataError, sentence):
        TextModel(bert(), lambda text: text.split())


def test_the_tokenizer_of_another_network_is_refused():
    sentence = (
        "The tokenizer makes 263 tokens, but the network knows 17; give the tokenizer that it was "
        "trained with."
    )
    with refused(DataError, sentence):
        TextModel(bert(), byte_pairs())


def test_a_network_that_is_not_of_transformers_is_refused():
    sentence = (
        "TextModel wraps a network of transformers, but got a Linear; give one, as of "
        "AutoModel.from_pretrained(folder)."
    )
    with refused(DataError, sentence):
        TextModel(torch.nn.Linear(2, 2), word_pieces())


def test_a_network_without_hidden_states_is_refused(monkeypatch):
    network = bert()
    monkeypatch.setattr(network, "forward", lambda **_: None)
    sentence = "A BertModel returns no hidden states; give its encoder."
    with refused(DataError, sentence):
        TextModel(network, word_pieces())
