"""How alike two sets of activations of the same stimuli are: arrays only."""
