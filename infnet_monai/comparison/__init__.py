"""Comparison of bundles and baseline networks: trained alike, measured alike, set beside the published metrics."""
