"""Static word embeddings: files of all formats, words that are not known, twins."""

import re

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from tiny_language import PIECES, word_pieces

import neuroalign as na
from neuroalign.errors import DataError, MissingPackageError, UnknownNameError

VECTORS = {"the": [1, 0, 0], "Cat": [0, 2, 0], "cat": [0, 4, 0], "don't": [0, 0, 8]}


@pytest.fixture
def words(tmp_path):
    return written(tmp_path / "words.txt", VECTORS)


def written(path, vectors, first=""):
    lines = [f"{word} {' '.join(map(str, values))}" for word, values in vectors.items()]
    path.write_text("\n".join([*([first] if first else []), *lines]) + "\n")
    return f"static:{path}"


def read(name, *texts, **options):
    stimuli = pd.DataFrame({"text": texts}, index=[f"t{n}" for n in range(len(texts))])
    ((layer, values),) = na.load_model(name, **options).activations(stimuli)
    assert (layer, values.dims, values.dtype) == ("words", ("stimulus", "unit"), np.float32)
    return values.values.tolist()


def refused(sentence, error=DataError):
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


def test_a_text_is_the_mean_of_its_words(words):
    assert read(words, "the cat", "the the cat cat.") == [[0.5, 2, 0], [0.5, 2, 0]]


def test_a_word_is_looked_up_as_written_then_in_small_letters(words):
    assert read(words, "Cat", "cat", "The", "CAT") == [[0, 2, 0], [0, 4, 0], [1, 0, 0], [0, 4, 0]]


def test_punctuation_is_no_word_but_an_apostrophe_within_one_is_part_of_it(words):
    assert read(words, '"The,"', "don't!", "(cat)") == [[1, 0, 0], [0, 0, 8], [0, 4, 0]]


def test_a_first_line_of_counts_is_no_word(tmp_path):
    name = written(tmp_path / "words.vec", VECTORS, first="4 3")
    assert read(name, "the") == [[1, 0, 0]]


def test_a_word_of_a_file_may_hold_spaces(tmp_path):
    path = tmp_path / "w.txt"
    path.write_text("3 2\nthe 1 2\nat name 3 4\nat 5 6\n")
    assert read(f"static:{path}", "the", "at") == [[1, 2], [5, 6]]


def test_npz_files_hold_words_and_vectors(tmp_path):
    values = np.array(list(VECTORS.values()))
    np.savez(tmp_path / "w.npz", words=np.array(list(VECTORS)), vectors=values)
    assert read(f"static:{tmp_path / 'w.npz'}", "the cat") == [[0.5, 2, 0]]


def test_safetensors_are_the_vectors_of_the_pieces_of_a_tokenizer(tmp_path):
    values = np.arange(len(PIECES) * 2, dtype=np.float16).reshape(-1, 2)
    save_file({"embedding.weight": values}, tmp_path / "w.safetensors")
    word_pieces().save(str(tmp_path / "tokenizer.json"))
    expected = values[[PIECES.index("un"), PIECES.index("##happ"), PIECES.index("##y")]].mean(0)
    assert read(f"static:{tmp_path / 'w.safetensors'}", "unhappy") == [expected.tolist()]


def test_words_without_a_vector_are_refused_by_name(words):
    with refused(
        f"2 words have no vector in model {words!r} (first: 'dog', 'sat'); give unknown='skip' to "
        "leave them out of the mean of their text, or unknown='zeros'."
    ):
        read(words, "the dog sat", "cat")


def test_words_without_a_vector_may_be_skipped(words):
    assert read(words, "the dog", unknown="skip") == [[1, 0, 0]]


def test_a_text_of_unknown_words_alone_is_refused_where_they_are_skipped(words):
    with refused(
        f"1 texts have no word that model {words!r} knows (first: 't1'); leave them out, or give "
        "unknown='zeros'."
    ):
        read(words, "the", "dog", unknown="skip")


def test_words_without_a_vector_may_count_as_zeros(words):
    assert read(words, "the dog", "dog", "?", unknown="zeros") == [
        [0.5, 0, 0], [0, 0, 0], [0, 0, 0]
    ]  # fmt: skip


def test_a_twin_has_random_vectors_under_its_seed(tmp_path):
    rng = np.random.default_rng(0)
    vectors = {f"w{n}": rng.normal([5, -5], [1, 3]).tolist() for n in range(500)}
    name = written(tmp_path / "w.txt", vectors)
    one, same, other = (read(name, *vectors, untrained=True, seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert one != other
    np.testing.assert_allclose(np.mean(one, axis=0), [5, -5], atol=0.4)
    np.testing.assert_allclose(np.std(one, axis=0), [1, 3], rtol=0.1)


def test_the_fingerprint_tells_words_and_vectors_apart(tmp_path):
    others = [VECTORS, {**VECTORS, "the": [1, 0, 1]}, {("a" if w == "the" else w): v
              for w, v in VECTORS.items()}]  # fmt: skip
    names = [written(tmp_path / f"{n}.txt", vectors) for n, vectors in enumerate(others)]
    assert len({na.load_model(name).fingerprint() for name in names}) == 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "the 1 2\ncat 1\n",
            "File {0!r} cannot be read as word vectors: line 2 has 1 numbers, but 2 are needed.",
        ),
        (
            "the 1 2\nthe 3 4\n",
            "1 words of model 'static:{0}' have several vectors (first: 'the').",
        ),
        (
            "the 1 nan\n",
            "The vectors of 1 words of model 'static:{0}' are not finite (first: 'the').",
        ),
    ],
)
def test_files_that_hold_no_vectors_are_refused(tmp_path, text, sentence):
    path = tmp_path / "w.txt"
    path.write_text(text)
    with refused(sentence.format(str(path))):
        na.load_model(f"static:{path}")


def test_an_npz_file_without_its_arrays_is_refused(tmp_path):
    path = str(tmp_path / "w.npz")
    np.savez(path, words=np.array(["a"]))
    with refused(
        f"File {path!r} cannot be read as word vectors: it has the arrays ['words'], but 'words' "
        "and 'vectors' are needed."
    ):
        na.load_model(f"static:{path}")


def test_a_matrix_needs_as_many_rows_as_there_are_words(tmp_path):
    path = tmp_path / "w.npz"
    np.savez(path, words=np.array(["a"]), vectors=np.eye(2))
    with refused(
        f"Model 'static:{path}' has 1 words and vectors of the shape (2, 2); one row of numbers is "
        "needed for each word."
    ):
        na.load_model(f"static:{path}")


def test_safetensors_need_one_tokenizer_beside_them(tmp_path):
    save_file({"x": np.eye(2)}, tmp_path / "w.safetensors")
    name = f"static:{tmp_path / 'w.safetensors'}"
    with refused(
        f"'w.safetensors' of model {name!r} needs one tokenizer beside it, as in "
        "'tokenizer.json', but there are 0."
    ):
        na.load_model(name)


def test_an_unknown_format_names_the_known(tmp_path):
    (tmp_path / "w.vek").write_text("")
    with refused(
        "No format of word vectors is called '.vek'. Did you mean '.vec'?", UnknownNameError
    ):
        na.load_model(f"static:{tmp_path / 'w.vek'}")


def test_a_treatment_that_is_not_known_names_the_nearest(words):
    with refused(
        "No treatment of unknown words is called 'skips'. Did you mean 'skip'?", UnknownNameError
    ):
        na.load_model(words, unknown="skips")


def test_wordllama_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr("neuroalign.models.families.static_files.find_spec", lambda name: None)  # noqa: ARG005
    with refused(
        "Model 'static:wordllama' needs its vectors; run pip install wordllama.",
        MissingPackageError,
    ):
        na.load_model("static:wordllama")
