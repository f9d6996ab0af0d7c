"""From files of the field's formats to labelled responses, one format a file."""

from neuroalign.readers.arrays import read_npy as read_npy
from neuroalign.readers.arrays import read_rda as read_rda
from neuroalign.readers.assemblies import read_assembly as read_assembly
from neuroalign.readers.betas import read_glmsingle as read_glmsingle
from neuroalign.readers.betas import read_nsd as read_nsd
from neuroalign.readers.bids import read_bids_events as read_bids_events
from neuroalign.readers.bids import read_confounds as read_confounds
from neuroalign.readers.bids import read_fmriprep as read_fmriprep
from neuroalign.readers.bids_ieeg import read_bids_ieeg as read_bids_ieeg
from neuroalign.readers.bids_ieeg import read_bids_ieeg_events as read_bids_ieeg_events
from neuroalign.readers.brain_treebank import read_brain_treebank as read_brain_treebank
from neuroalign.readers.cifti import read_cifti as read_cifti
from neuroalign.readers.epochs import epoch as epoch
from neuroalign.readers.events import read_events as read_events
from neuroalign.readers.film_words import brain_treebank_onsets as brain_treebank_onsets
from neuroalign.readers.film_words import read_brain_treebank_words as read_brain_treebank_words
from neuroalign.readers.hdf5 import read_hdf5 as read_hdf5
from neuroalign.readers.judgments import read_choices as read_choices
from neuroalign.readers.judgments import read_dissimilarities as read_dissimilarities
from neuroalign.readers.localizer_words import (
    read_language_localizer as read_language_localizer,
)
from neuroalign.readers.matlab import read_mat as read_mat
from neuroalign.readers.matlab_structures import read_mat_variables as read_mat_variables
from neuroalign.readers.mne_epochs import read_epochs as read_epochs
from neuroalign.readers.mne_files import read_annotations as read_annotations
from neuroalign.readers.mne_files import read_raw as read_raw
from neuroalign.readers.nifti import read_nifti as read_nifti
from neuroalign.readers.nwb import read_nwb as read_nwb
from neuroalign.readers.nwb_traces import read_nwb_traces as read_nwb_traces
from neuroalign.readers.referencing import rereference as rereference
from neuroalign.readers.responses import average_events as average_events
from neuroalign.readers.responses import deconvolve as deconvolve
from neuroalign.readers.spike_times import bin_spikes as bin_spikes
from neuroalign.readers.spike_times import counts_to_rate as counts_to_rate
from neuroalign.readers.spike_times import psth as psth
from neuroalign.readers.spike_times import trials_by_condition as trials_by_condition
from neuroalign.readers.stimulus_sets import read_stimulus_set as read_stimulus_set
from neuroalign.readers.surfaces import read_gifti as read_gifti
from neuroalign.readers.tables import read_table as read_table
from neuroalign.readers.textgrids import read_textgrid as read_textgrid
from neuroalign.readers.voltages import high_gamma as high_gamma
from neuroalign.readers.voltages import remove_line_noise as remove_line_noise

__all__ = [
    "average_events",
    "bin_spikes",
    "brain_treebank_onsets",
    "counts_to_rate",
    "deconvolve",
    "epoch",
    "high_gamma",
    "psth",
    "read_annotations",
    "read_assembly",
    "read_bids_events",
    "read_bids_ieeg",
    "read_bids_ieeg_events",
    "read_brain_treebank",
    "read_brain_treebank_words",
    "read_choices",
    "read_cifti",
    "read_confounds",
    "read_dissimilarities",
    "read_epochs",
    "read_events",
    "read_fmriprep",
    "read_gifti",
    "read_glmsingle",
    "read_hdf5",
    "read_language_localizer",
    "read_mat",
    "read_mat_variables",
    "read_nifti",
    "read_npy",
    "read_nsd",
    "read_nwb",
    "read_nwb_traces",
    "read_raw",
    "read_rda",
    "read_stimulus_set",
    "read_table",
    "read_textgrid",
    "remove_line_noise",
    "rereference",
    "trials_by_condition",
]
