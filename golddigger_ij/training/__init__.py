"""Train generators: images with marks, painted targets, batches, the adversarial loop."""
