"""Semi-supervised training: pseudo labels for unlabelled slices by random propagation, as in Semi-Inf-Net."""
