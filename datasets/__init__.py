"""Dataset adapters, one file a study; the file name is the name of the dataset."""
