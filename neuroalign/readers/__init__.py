"""From files of the field's formats to labelled responses, one format a file."""
