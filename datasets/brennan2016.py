"""Brennan et al. (2016): human fMRI of six regions, while 28 people listened to a story.

Twelve minutes of chapter 1 of Alice in Wonderland, and the mean signal within a sphere in each
of six regions, 362 volumes a person. The owners publish words with their times, forced-aligned
and corrected by hand; "n't" and "'s" are words of their own. The clock of the words begins with
the scan, whose first ten volumes were discarded: 20 s are subtracted, and all 2,127 words begin
within the volumes that were kept. The predictors that the owners publish, one value a volume of the
scan, come as coordinates of the samples where they are asked for.
"""

from functools import partial

import numpy as np
import pandas as pd

import neuroalign as na

# Subject, and sha256 of the signals within 6 mm and within 10 mm.
HASHES = """
s18 0c286ab2c70fa71e4bc68eabaa4421ed18f54f06e8bab55cc83bb471b02fefaa 12c2dfee94d656c9e3f73dcfba2e28cfa80369318deab6ea43568b1906b335f8
s22 e340210515ded59ea1ffe30bcc2fddd216d7c179015bf9afbfe3f8195313bb5e d58efaf42b4be5faa71b4f5f9d82fb2caed563f090224cc7ecd089249b688acf
s23 30c1d4a9fefa128d378b39692b54f8916518b7a256a771d609b0e4ba481a4ab1 20857b0c0364a8c31ce41ca797951a8982136faa223bc26f036ac51f440fdac8
s24 928a6ca603ffd1f8e9491efec5d2d7ee36bbc578bd580e78bfaeb660569ae672 af4f11fb7801c5ce921cbab254f86dc04fc00b4968c84c5a3780998b6f35f153
s26 7bd4bdda8fc9e553ecfb9c3c285d32c6b50dc0780aaa4bb04f5c7205f8b27aad 5d224b5be98d1e7e9f85513fa1d4537476a06c07ad710aa0a3dcf20e53164b66
s28 4a2a6bb2417060cd9764c799016018df77ec913f0854fe9ba2af7e5579d986fb b41075472475d8fbd1cdf57bc0b2f5dfa4f4e50631316405fe940149602f94fb
s30 85f565a3de9137c230291f74f24dd594df3fbd9230e4578a4e6c856dd017ab45 789381736590af201af6945356507d7404331a5e7bbbe15ea369e1f8f6bf5dab
s31 b3c99e9e0636dc5679c2b27c40c51bf54d0c21423faf6c2c0b8c9e3911bbb891 5755385b5f0cce45ce67233243dbb03c366079a4a6ef5ba66b4454a35ca8ffd7
s33 6fe19447cd790deb4171814e2b5d55d958997642bc479d13f7c40d03aeebd7c4 6fe19447cd790deb4171814e2b5d55d958997642bc479d13f7c40d03aeebd7c4
s35 1fbc985acef8b68f4594fb6d70be7d57857689d7f1516cb4526dd4801092e51f 7b9db41b6c253740fff52ef36e604cbfdca553ddb92f640b9817e526723eaf34
s36 8ab0864cf176fa3bc3ef1776764db7e42e82ba4ce697aa9a68fb590795749ddc 4da33ce80863d72f3a26f37a579f44e74d15e2555a27ce05c9345f8a3141e36e
s37 5af32f59eaf44a582265869085a9dbf4e042a391a6933e74f7d2933a5ca0ba82 8f188106f1ac656a778d2b548ff30fd5cc9247ffbb3151a808d0985cca3fed16
s38 77c09557720d25504ce4cdde8a5c9fc4c94c74389e9f8de33d0b0f1154ee2ce5 85951160df6a3e9c2ec668386a3dc869ed8b119ad6c5a16bb55688388cd30c17
s39 635a838c1b788b37b0cf0161a8c00a32b81b4dbe2bd0000f47010625b855150e 0859bd202d373fd03a5461613110f5177233b6f636155d6f0110565b73c0b469
s40 8da36539f93677cd6d97b8c060c4ed083431e0416f674805636aecc038589ec9 5512aeeb751f8d3e19ed7695cc98ac564e6381708d36c0dc8017ce7360cd8fa8
s41 d320ecf3661d6c4d8d8aada90578c77a3e376184abae35ad2114f6ce56a19cef 6de0713b151422d5bfb80e72691c3451dbc5ec9bf214e7e9b8bb2b0031d8f012
s42 d44d44ff34784c0d2a8ced6a6782ca93014fe90a1e80dbcb808a9b93a694b4b6 c7bacb0f7462a41d7834174ca4898107ef880d7a531f048b5006b277370d43ac
s43 41ecea7dd52766c67d783540fa3696b40c6115fed2a88d328b16d6d896a0d969 cd21bcf718a33402127f63bb7dcd6058f2b13478d96b2a3e8bcea1d92e4a0703
s44 f251062ccf4a7ba2fe05cc12a9345ec4a38fee9b64e522d1f110248794132eee eb5eaa6ef4c439c21fea8441cdcb7a269b36ba6f825cc44622404d5cbb530668
s45 477283d63de715c2e76515fcf8d9f516835e6adc2eaea56dd9cb81d21d7fcaaa 7f31bea4da79dff105f907e2476036aea9962fb421931ece1d4bdce7393aadbe
s46 571562d39082c49ec853bc8ea80040cd2ae6f98049f6a250b4fdd7b4060e46f9 99b59482110ae20ba1505bddbf6de0ee55c465263173dad43e53939d42ce7d97
s47 44791bc9e3170f566bf41d60fedd71ef3911e052e35165d209d0463ebb11acd8 4eba0d95942e29074921f081b61d76091605d91fb237f21ab884a35fbb6bc8b3
s48 3e74bc754645204e373262f0437c077c6b879c8d40c323af0e29990d1671e5bb 921f4a7751837064d09c392be7f7ea127f98e1e2593f334478b5538bf62e28a0
s49 c390fbe98d8b7de34bbd9b2216ebc517a1e68b90879c419b485671dfbaaa88d1 13509ee9a7a58bc6c4470df7dd03cfcca7b117fb43d1b518e850c3a527902186
s50 550909cba09a7e43898351c40ae6db54f9ece0f0abb1a8bb9ed0ad96c53a5000 7866c5aab74a2a20ddf8189d0717514577f63896ab64965ba2cb8ae07d698396
s51 302e2d8085810256ad829314dbcb7f81186ab3ee16172648c0c91fda742fc25d 841e09a0a0502c8040610170b4ff63f09581755eed8b4073e1d89719ed755433
s52 65c8812b757b7f747f6750a8d980342c02aa2059e70a5fdacbcf84bb38ddff99 ccc5f9b93b69abb2cffeea0f85e84ee149a2c596b6f8bc9fd64e9af6553d2bd4
s53 0a7f1db27c50c71e162976800e36836a3ee5cb9e4540816c0527d534e8af9822 b4aa64474dcb6a17184100b9e840ac3baba5aebad23f8ad5828534aad2d24b81
"""
HASH_OF = {subject: hashes for subject, *hashes in map(str.split, HASHES.strip().splitlines())}
HOST = (
    "https://raw.githubusercontent.com/daandouwe/Thesis/"
    "ec54039b6ac5ad7bf8c81b91768108e5be5c1ce0/brain-data/syntax-in-rnng"
)
WORDS = "alice_stim_shared/DownTheRabbitHoleFinal_exp120_pad_1.TextGrid"
SIGNALS = "alice_data_shared/{radius}mm/{subject}-timecourses.txt"
RADII = ("6", "10")
PREDICTORS = "alice_data_shared/sept18-generic-predictors-under-hrf-with-logfrqhal.txt"
HASH_AT = {
    WORDS: "f42484c61db089132eaa0ed633468f04709669b89bbfbc712282c1478e2bd6b3",
    PREDICTORS: "0b3edb01e8531aed8091b13e4f46cfdf630e0ec21b8758b54076de5c56f028e4",
} | {
    SIGNALS.format(radius=radius, subject=subject): digest
    for subject, hashes in HASH_OF.items()
    for radius, digest in zip(RADII, hashes, strict=True)
}
CARD = na.DatasetCard(
    citation="doi:10.1016/j.bandl.2016.04.008",
    modality="fmri",
    species="human",
    stimulus="text",
    license="CC-BY-4.0",
    verified="original files",
    n_subjects=28,
    n_stimuli=2127,
    n_neuroids=168,
    n_repetitions="1",
    size=2_257_941,
    notes="The sampling period of 2 s is inferred: word rates fit the signals, and 372 volumes the "
    "story. The signals of s33 are all 0, as published, so that its scores are undefined.",
    known_faults=(
        "subject 's33': 6 neuroids have a constant response "
        "(first: 's33/LATL', 's33/RATL', 's33/LPTL')",
    ),
    files={path: f"{HOST}/{path}#sha256={digest}" for path, digest in HASH_AT.items()},
)

ROIS = ["LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG"]
PERIOD = 2.0  # s
DISCARDED = 10  # volumes, before the first that was kept
# Columns of the predictors, as the owners name them: convolved with a hemodynamic response, and
# all but the rate of words made orthogonal to it.
COLUMNS = (
    "rate_conv", "frq_conv_orth", "break_conv_orth", "tdp_conv_orth", "tdx_conv_orth",
    "bup_conv_orth", "bux_conv_orth", "cfgsurp_conv_orth", "bigramlex_conv_orth",
    "trigramlex_conv_orth", "bigrampos_conv_orth", "trigrampos_conv_orth",
)  # fmt: skip


def load(files, *, subjects=None, radius=6, pooled=False, predictors=False):
    """Load the words, and the signals within `radius` mm (6 or 10); a person when asked for.

    With predictors=True each sample has the twelve published predictors as coordinates.

    With pooled=True there is one recording, whose repetitions are the people (z-scored, without
    those whose signals are constant): scores are then of their average, and its split-half noise
    ceiling says how much of that people share.
    """
    if str(radius) not in RADII:
        message = f"Radius {radius!r} is not 6 or 10 (mm)."
        raise ValueError(message)
    recordings = {
        subject: partial(
            _recording, files, subject, SIGNALS.format(radius=radius, subject=subject), predictors
        )
        for subject in HASH_OF
    }
    if pooled:
        recordings = {"pooled": partial(_pooled, recordings, files, predictors)}
    return na.BrainDataset(recordings, _words(files[WORDS]))


def _pooled(recordings, files, predictors):
    people = [na.zscore(recording()) for recording in recordings.values()]
    return na.make_recording(
        np.stack([person for person in people if person.notnull().all()]),
        ("repetition", "sample", "neuroid"),
        subject="pooled",
        units="z",
        sampling_period=PERIOD,
        run="alice",
        neuroid=ROIS,
        roi=ROIS,
        **(_predictors(files) if predictors else {}),
    )


def _recording(files, subject, path, predictors):
    return na.make_recording(
        np.loadtxt(files[path], ndmin=2),
        ("sample", "neuroid"),
        subject=subject,
        units="scanner units",
        sampling_period=PERIOD,
        run="alice",
        neuroid=ROIS,
        roi=ROIS,
        attrs={"neuroids": "shared"},  # the same six places in everybody
        **(_predictors(files) if predictors else {}),
    )


def _predictors(files):
    """Read the published predictors of the volumes that were kept, by name."""
    values = np.loadtxt(files[PREDICTORS], ndmin=2)
    if values.shape[1] != len(COLUMNS):
        message = f"{PREDICTORS} has {values.shape[1]} columns, not {len(COLUMNS)}."
        raise ValueError(message)
    return {
        name: ("sample", column[DISCARDED:]) for name, column in zip(COLUMNS, values.T, strict=True)
    }


def _words(path):
    """Read the tier of words; "sp" are pauses."""
    words = na.readers.read_textgrid(path, tier="word")
    words = words[words["text"] != "sp"].reset_index(drop=True)
    labels = pd.Index([f"word{number:04}" for number in words.index], name="stimulus")
    words = words.assign(run="alice", onset=words["onset"] - DISCARDED * PERIOD)
    return words[["text", "run", "onset", "duration"]].set_axis(labels)
