"""On which single stimuli systems agree or disagree."""
